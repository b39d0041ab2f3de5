// `bareseg data check`: whether a data set is fit to be used, and what is in it.
#pragma once

#include <string>

#include "apps/options.h"

namespace bareseg {

/// Options of `bareseg data check`.
struct DataCheckOptions {
  DatasetOptions data;
  std::string split = "both";
  int threads = 0;

  void declare(CLI::App& app);
};

/// Decodes every image and label map of both splits and prints to standard output: number and sizes of images, pixels
/// of each class and of none, and each problem with its file. A split whose folder of images is not there is passed
/// over, unless there is none at all or it was asked for.
/// @returns 0, or kExitError when there is a problem.
/// @throws Error when no split is there; ExitError{kExitInterrupted} after a signal.
int data_check(const DataCheckOptions& options);

}  // namespace bareseg
