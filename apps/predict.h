// `bareseg predict`: label maps and pictures of photographs of any size.
#pragma once

#include <string>

#include "apps/options.h"
#include "apps/segmenter.h"
#include "data/image.h"

namespace bareseg {

/// Options of `bareseg predict`.
struct PredictOptions {
  std::string checkpoint;
  std::string images;  // folder of photographs, in place of a data set
  DatasetOptions data;
  std::string split = "val";
  int64_t count = 0;  // first images of the data set, 0 for all
  bool strict = false;

  std::string out = "predictions";
  double opacity = 0.6;
  int64_t sheet = 24;  // images on the contact sheet

  int64_t classifier = 0;
  int64_t res = 0;                               // length of the short side in the network, 0 for the checkpoint's
  DeviceOptions device = {.tune_seconds = 0.0};  // photographs come in many sizes

  void declare(CLI::App& app);
};

/// Writes below options.out, for each image:
///   labels/NAME.png    palette PNG of the image's size: class, or cluster where the checkpoint knows no classes
///   overlays/NAME.png  the image under the colours
///   pairs/NAME.png     image, prediction and, where the data set has it, truth side by side
/// and classes.txt (values, names and colours, as data sets of kind `folder` have it), legend.png and grid.png, a sheet
/// of images from all over the data set. Unreadable images are left out with a warning.
/// @returns the exit code: 0, kExitError when no image was readable, kExitInterrupted after a signal.
/// @throws Error when an input does not open, an output cannot be written or, with options.strict, an image is bad.
int predict(const PredictOptions& options);

/// Clusters of the pixels of one image of any size; the whole image goes through the network at once.
struct ClusterMap {
  int64_t width = 0, height = 0;  // of the image
  std::vector<int32_t> clusters;
};

/// Size at which the network sees an image: the short side is `res`, the longer trunc(res * longer / shorter). Images
/// so long that this is more than 16 res^2 pixels become smaller, to at most that many.
ImageSize network_size(ImageSize image, int64_t res);

/// Labels as numbers, whether they are uint8 or int32.
std::vector<int32_t> label_numbers(const Tensor& labels);

/// What the network sees of an image: float32 [1, height, width, 3], (v / 255 - mean) / std as in training.
Tensor normalised(const Image& image);

/// Resizes as Pillow's bilinear does, runs network and classifier, resizes the scores to the image's size, takes the
/// best. Where there would be more than `max_scores` (1 GiB) they are resized less far and the clusters enlarged.
/// @throws Error when the image is empty, the segmenter has no such classifier, or res < 1.
ClusterMap predict_clusters(const Segmenter& segmenter, int64_t classifier, const Image& image, int64_t res,
                            DType dtype, int64_t max_scores = int64_t{1} << 28);

}  // namespace bareseg
