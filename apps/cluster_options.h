// Options of training on one's own clusters, which `bareseg train picie` and `bareseg train mdc` share.
#pragma once

#include <string>

#include "apps/options.h"
#include "data/augment_plan.h"

namespace bareseg {

/// The methods are one loop: cluster the pixels of each view, label them, learn to predict the labels. They differ in
/// the first three fields. Defaults are those of the authors' program for PiCIE (its specification, section 11), except
/// that the transforms, which their scripts switch on one by one, are on.
struct ClusterOptions {
  std::string method = "picie";
  int views = 2;              // of every image; with two, each predicts the labels of both
  bool nonparametric = true;  // the classifier is the centroids, frozen; else it is learnt, afresh in every epoch

  std::string preset;
  std::string out = "runs/picie";
  std::string resume;  // folder of a run to go on with
  DatasetOptions data;
  LoadOptions load;
  DeviceOptions device;
  uint64_t seed = 2021;

  int depth = 18;
  std::string pretrained;  // file of weights to start from
  int64_t clusters = 27;
  int64_t clusters_test = 0;  // 0: the same
  int64_t res = 320, res1 = 320, res2 = 640;

  int64_t epochs = 10;
  int64_t batch_cluster = 256, batch_train = 128, batch_test = 128;
  int64_t num_init_batches = 30, num_batches = 30, kmeans_iterations = 30;
  std::string optimizer = "adam";
  double lr = 1e-4, momentum = 0.9, weight_decay = 0.0;
  int64_t lr_decay_epochs = 0;              // the network's rate is divided by ten so often; 0: never
  std::string class_weights = "frequency";  // frequency (the authors'), none, inverse
  bool mse = false;
  std::string kmeans_bn = "train";  // train (since December 2021) or eval (before)
  std::string kmeans_start = "random";
  int64_t repeats = 0;
  std::string repeats_split = "train";
  bool cuda_graph = true;

  std::string transforms = "all";
  double min_scale = 0.5, jitter = 0.3, hue_range = 0.1;
  bool compat_grey_off = false, compat_plain_view1 = false;

  double save_minutes = 10.0;
  int64_t log_every = 20;
  bool tensorboard = false;

  void declare(CLI::App& app);
  AugmentConfig augment() const;
  void check() const;
  /// True when scores are those of other clusters than the ones trained on.
  bool scores_apart() const { return clusters_test > 0 && clusters_test != clusters; }
};

/// Trains, and scores after every epoch where the data set has labels. `config` is what is kept in the run's folder.
/// @returns the exit code: 0, or kExitInterrupted after a signal, when everything is saved.
int train_on_clusters(const ClusterOptions& options, const std::string& config);

}  // namespace bareseg
