// Scoring a checkpoint, and what scores without learning are worth: `bareseg evaluate` and `bareseg baseline`.
#pragma once

#include <string>

#include "apps/inference.h"
#include "apps/options.h"

namespace bareseg {

struct EvaluateOptions {
  std::string checkpoint;
  DatasetOptions data;
  std::string split = "val";
  LoadOptions load;
  DeviceOptions device;
  InferenceOptions inference;
  int64_t batch = 16;
  std::string protocol = "auto";
  int64_t resolution = 0;        // 0: the checkpoint's
  int64_t label_resolution = 0;  // 0: crop: as the images; else the label maps' own
  std::string matching = "auto";
  int64_t repeats = 0;   // fresh clusterings to score beside the checkpoint's classifiers
  int64_t clusters = 0;  // of those; 0: as the checkpoint's first classifier, or as classes
  std::string cluster_split = "train";
  uint64_t seed = 1;
  std::string json, csv;  // files to write the scores to
  void declare(CLI::App& app);
};
/// Prints a table per class and, where the data set knows things and stuff, their scores in three ways, for each
/// classifier and matching; then one line each, and mean and spread of the fresh clusterings. docs/evaluation.md says
/// what the protocols and matchings are.
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
