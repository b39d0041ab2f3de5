// `bareseg predict`: label maps and pictures of photographs of any size.
#pragma once

#include <string>

#include "apps/inference.h"
#include "apps/options.h"

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
  int64_t res = 0;  // length of the short side in the network, 0 for the checkpoint's
  InferenceOptions inference;
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

}  // namespace bareseg
