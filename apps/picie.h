// PiCIE (Cho et al., CVPR 2021): pixel features learnt without labels, by clustering the pixels of two views of every
// image and predicting each view's clusters from the other.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "apps/options.h"
#include "data/augment_plan.h"

namespace bareseg {

/// Options of `bareseg train picie`; defaults are the authors' program's (method specification, section 11), except
/// that the transforms, which their scripts switch on one by one, are on.
struct PicieOptions {
  std::string preset;
  std::string out = "runs/picie";
  std::string resume;  // folder of a run to go on with
  DatasetOptions data;
  LoadOptions load;
  DeviceOptions device;
  uint64_t seed = 2021;

  int depth = 18;
  std::string init;  // file of weights to start from
  int64_t clusters = 27;
  int64_t res = 320, res1 = 320, res2 = 640;

  int64_t epochs = 10;
  int64_t batch_cluster = 256, batch_train = 128, batch_test = 128;
  int64_t num_init_batches = 30, num_batches = 30, kmeans_iterations = 30;
  std::string optimizer = "adam";
  double lr = 1e-4, momentum = 0.9, weight_decay = 0.0;
  std::string class_weights = "frequency";  // frequency (the authors'), none, inverse
  bool mse = false;
  std::string kmeans_bn = "train";  // train (since December 2021) or eval (before)
  std::string kmeans_start = "random";
  int64_t repeats = 0;

  std::string transforms = "all";
  double min_scale = 0.5, jitter = 0.3, hue_range = 0.1;
  bool compat_grey_off = false, compat_plain_view1 = false;

  double save_minutes = 10.0;
  int64_t log_every = 20;

  /// Defaults of a named preset: coco, cityscapes, camvid, demo; "" for the program's. @throws Error on other names.
  static PicieOptions preset_named(const std::string& name);
  void declare(CLI::App& app);
  AugmentConfig augment() const;
  void check() const;
};

/// Trains, and scores after every epoch where the data set has labels. `config` is what is kept in the run's folder.
/// @returns the exit code: 0, or kExitInterrupted after a signal, when everything is saved.
int train_picie(const PicieOptions& options, const std::string& config);

}  // namespace bareseg
