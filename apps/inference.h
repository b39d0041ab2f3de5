// One image through a network: sizes, augmented versions of it, and label maps that follow its edges.
#pragma once

#include <string>
#include <vector>

#include "apps/segmenter.h"
#include "cluster/dense_crf.h"
#include "data/image.h"

namespace CLI {
class App;
}

namespace bareseg {

/// How label maps are made of class scores.
struct InferenceOptions {
  std::string tta = {};  // comma-separated: flip, scales
  std::string tta_scales = "0.75,1,1.25";
  double temperature = 0.0;  // of the softmax; 0: 1 for scores of raw features, 0.07 for those of unit features
  bool crf = false;
  DenseCrfOptions crf_options = {};

  void declare(CLI::App& app);
  /// The best score decides, of one version of the image.
  bool plain() const { return tta.empty() && !crf; }
};

/// Clusters of the pixels of an image.
struct ClusterMap {
  int64_t width = 0, height = 0;
  std::vector<int32_t> clusters;
};

/// Size at which the network sees an image: the short side is `res`, the longer trunc(res * longer / shorter). Images
/// so long that this is more than 16 res^2 pixels become smaller, to at most that many.
ImageSize network_size(ImageSize image, int64_t res);

/// What the network sees of an image: dtype [1, height, width, C] on `device`, C the device's image_channels(),
/// normalised as in training.
Tensor network_input(const Image& image, Device device = {}, DType dtype = kFloat32);

/// Labels as numbers, whether they are uint8 or int32.
std::vector<int32_t> label_numbers(const Tensor& labels);

/// The network's features of one version of an image.
struct VersionFeatures {
  Tensor map;  // [1, h, w, D]
  bool flipped = false;
};

/// Features of every version of an image that `how` asks for, the network in evaluation mode: the image resized to each
/// scale of `size`, and mirrored.
/// @throws Error when how.tta or how.tta_scales cannot be read.
std::vector<VersionFeatures> version_features(SegmentationNetwork& network, const Image& image, ImageSize size,
                                              const InferenceOptions& how, DType dtype);

/// The clusters at `size`. Plain: scores resized to it, the best is taken. Else the softmax of the resized scores of
/// each version is averaged, the CRF of `image`, resized to `size`, applied, and the most probable is taken. Where
/// there would be more than `max_scores` (1 GiB) scores they are resized less far and the clusters enlarged.
ClusterMap label_pixels(const std::vector<VersionFeatures>& features, const Classifier& classifier, const Image& image,
                        ImageSize size, const InferenceOptions& how, int64_t max_scores = int64_t{1} << 28);

/// The clusters of one image of any size; the whole image goes through the network at once, at network_size().
/// @throws Error when the image is empty, the segmenter has no such classifier, or res < 1.
ClusterMap predict_clusters(const Segmenter& segmenter, int64_t classifier, const Image& image, int64_t res,
                            DType dtype, const InferenceOptions& how = {}, int64_t max_scores = int64_t{1} << 28);

}  // namespace bareseg
