// What training leaves and evaluation, prediction and reports take up: a network with classifiers, on disk and in use.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/metrics.h"
#include "data/loader.h"
#include "layers/fpn.h"

namespace bareseg {

/// A ResNet-FPN and the centroids that classify its unit features. On disk: safetensors with the network under
/// "model.", in torch's names and layouts, centroids "classifier<i>.weight" [K, D], and the fields below as metadata.
struct Segmenter {
  std::string method = "picie";
  int depth = 18;
  int64_t resolution = 320;              // side at which images are scored
  std::vector<std::string> class_names;  // of the data set that scored it; empty without labels
  std::vector<int64_t> cluster_classes;  // class of each cluster of classifiers[0], -1 for none
  std::unique_ptr<ResNetFpn> network;
  std::vector<Tensor> classifiers;  // float32 [K, D]

  int64_t clusters() const { return classifiers.at(0).dim(0); }
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

/// The number in a checkpoint's metadata. @throws Error when it is missing or no number.
int64_t metadata_number(const std::map<std::string, std::string>& metadata, const std::string& key);

/// Unit features of a batch of base crops without augmentation: images uint8 [N, S, S, 3], wherever they are ->
/// [N, S/4, S/4, D] where the network is.
Tensor plain_features(ResNetFpn& network, const Tensor& images, DType dtype);

/// Class-score maps of unit features, resized to `height` x `width`, and their argmax: uint8 [N, height, width]
/// (PiCIE section 10: inner product, bilinear, argmax).
Tensor segment(const Tensor& unit_features, const Tensor& centroids, int64_t height, int64_t width);

/// Scores every classifier on a labelled loader with one pass over the images; truth by cluster, one for each.
std::vector<Histogram> evaluate(ResNetFpn& network, const std::vector<Tensor>& classifiers, Loader& loader,
                                int64_t classes, DType dtype);

}  // namespace bareseg
