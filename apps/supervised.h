// Training on labels: a network and a 1x1 classifier, by the cross-entropy of every labelled pixel.
#pragma once

#include <string>

#include "apps/options.h"
#include "data/pair_augment.h"
#include "layers/network.h"
#include "layers/schedule.h"

namespace bareseg {

/// Options of `bareseg train supervised`.
struct SupervisedOptions {
  std::string preset;
  std::string out = "runs/supervised";
  std::string resume;  // folder of a run to go on with
  DatasetOptions data;
  LoadOptions load;
  DeviceOptions device;
  uint64_t seed = 1;

  NetworkOptions design;
  std::string pretrained;  // file of weights to start from

  std::string frame = "square";
  int64_t res = 160;
  int64_t crop_height = 0, crop_width = 0;  // 0: res
  double min_scale = 1.0, max_scale = 1.0;
  bool hflip = false;
  double jitter = 0.0, hue_range = 0.0;

  int64_t epochs = 8;
  int64_t batch = 8, batch_test = 16;
  std::string optimizer = "adam";
  double lr = 1e-3, momentum = 0.9, weight_decay = 0.0;
  std::string schedule = "constant";
  double power = 0.9;
  int64_t warm_up = 0;  // steps
  std::string class_weights = "none";

  int64_t val_every = 1;
  double save_minutes = 10.0;
  int64_t log_every = 20;
  bool cuda_graph = true;
  bool tensorboard = false;

  /// Defaults of a named preset: camvid, voc, cityscapes, ade20k, scenes; "" for the program's. @throws Error on other
  /// names.
  static SupervisedOptions preset_named(const std::string& name);
  void declare(CLI::App& app);
  PairAugment augment() const;
  /// Of a run whose epochs have so many steps.
  Schedule schedule_of(int64_t steps_per_epoch) const;
  void check() const;
};

/// Trains, and scores after every `val_every` epochs. `config` is what is kept in the run's folder.
/// @returns the exit code: 0, or kExitInterrupted after a signal, when everything is saved.
int train_supervised(const SupervisedOptions& options, const std::string& config);

}  // namespace bareseg
