// What training leaves and evaluation, prediction and reports take up: a network with classifiers, on disk and in use.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/metrics.h"
#include "data/loader.h"
#include "engine/safetensors.h"
#include "layers/network.h"

namespace bareseg {

/// Scores of K clusters or classes: weight x + bias, x a vector of features, scaled to unit length where `unit`.
struct Classifier {
  Tensor weight;     // float32 [K, D]
  Tensor bias = {};  // float32 [K]; undefined: none
  bool unit = true;

  int64_t size() const { return weight.dim(0); }
};

/// A network and the classifiers of its features. On disk: safetensors with the network under "model.", in torch's
/// names and layouts, "classifier<i>.weight" and "classifier<i>.bias", and the other fields as metadata.
struct Segmenter {
  std::string method = "picie";
  NetworkOptions design;
  int64_t resolution = 320;              // shorter side at which images are scored
  std::string frame = "square";          // what of them: the centre square, or the "whole"
  std::vector<std::string> class_names;  // of the data set that scored it; empty without labels
  std::vector<int64_t> cluster_classes;  // class of each cluster of classifiers[0], -1 for none
  std::unique_ptr<SegmentationNetwork> network;
  std::vector<Classifier> classifiers;
};

/// What goes into a checkpoint besides: optimizer state, labels, counters.
struct CheckpointExtra {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes under a temporary name first. @throws Error when it cannot; an older file is then untouched.
void save_segmenter(const std::filesystem::path& file, const Segmenter& segmenter, const CheckpointExtra& extra = {});
/// @throws Error naming what is missing or does not fit.
Segmenter load_segmenter(const std::filesystem::path& file, Device device, CheckpointExtra* extra = nullptr);

/// The same for what is already read; `origin` names it in errors.
Segmenter segmenter_of(SafetensorsFile read, const std::string& origin, Device device,
                       CheckpointExtra* extra = nullptr);

/// The number in a checkpoint's metadata. @throws Error when it is missing or no number.
int64_t metadata_number(const std::map<std::string, std::string>& metadata, const std::string& key);

/// Features of a batch of base crops without augmentation: images uint8 [N, S, S, 3], wherever they are ->
/// [N, h, w, D] where the network is.
Tensor plain_features(SegmentationNetwork& network, const Tensor& images, DType dtype);

/// Scores of every feature vector: [N, h, w, D] -> float32 [N, h, w, K], differentiable in features, weight and bias.
Tensor class_scores(const Tensor& features, const Classifier& classifier);
/// Scores resized to `height` x `width`, and their argmax: uint8, or int32 where K > 256, [N, height, width]
/// (PiCIE section 10: inner product, bilinear, argmax).
Tensor segment(const Tensor& features, const Classifier& classifier, int64_t height, int64_t width);

/// Scores every classifier on a labelled loader with one pass over the images; truth by cluster, one for each.
std::vector<Histogram> evaluate(SegmentationNetwork& network, const std::vector<Classifier>& classifiers,
                                Loader& loader, int64_t classes, DType dtype);

}  // namespace bareseg
