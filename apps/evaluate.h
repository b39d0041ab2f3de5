// Scoring a checkpoint, and what scores without learning are worth: `bareseg evaluate` and `bareseg baseline`.
#pragma once

#include <string>

#include "apps/options.h"

namespace bareseg {

struct EvaluateOptions {
  std::string checkpoint;
  DatasetOptions data;
  LoadOptions load;
  DeviceOptions device;
  int64_t batch = 16;
  int64_t resolution = 0;  // 0: the checkpoint's
  std::string matching = "auto";
  std::string json;  // file to write the scores to
  void declare(CLI::App& app);
};
/// Prints a table per class and, where the data set knows things and stuff, their scores in three ways.
int run_evaluate(const EvaluateOptions& options);

struct BaselineOptions {
  DatasetOptions data;
  LoadOptions load;
  DeviceOptions device;
  std::string with;      // checkpoint to show beside
  int64_t clusters = 0;  // 0: as many as classes
  int64_t resolution = 320;
  int64_t batch = 16;
  int depth = 18;
  uint64_t seed = 1;
  void declare(CLI::App& app);
};
/// Prints ACC and mIoU of: one class everywhere, k-means on colour, k-means on colour and position, an untrained
/// network, and a checkpoint. All are fitted on the training images and scored by Hungarian matching.
int run_baseline(const BaselineOptions& options);

}  // namespace bareseg
