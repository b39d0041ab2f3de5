// The epoch loop of PiCIE (method specification, sections 1 and 6 to 9) and MDC (sections 1 and 7).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/cluster_options.h"
#include "apps/run.h"
#include "apps/segmenter.h"
#include "data/augment_plan.h"
#include "engine/step_graph.h"
#include "layers/optim.h"

namespace bareseg {

class ClusterTrainer {
 public:
  /// Opens data, network and run folder, and takes up the last checkpoint where options.resume is set.
  ClusterTrainer(const ClusterOptions& options, const std::string& config);
  int run();

 private:
  /// Sums over the images of an epoch: divided by `images` they are the epoch's losses.
  struct Losses {
    double total = 0, within = 0, across = 0, mse = 0, images = 0;
  };
  /// What one step computed on the device, not yet read.
  struct Pending {
    std::array<Tensor, 2> terms;  // [v] of view v: against the labels of each view
    Tensor mse;                   // undefined unless asked for
    int64_t images = 0;
  };

  void open_data();
  void open_network();
  void restore();
  void restore_epoch(CheckpointExtra& extra);
  /// The functions below throw ExitError after a signal.
  void epoch();
  /// Every view's share of a phase, timed under `name`.
  void each_view(const char* name, void (ClusterTrainer::*phase)(int view));
  void cluster(int view);
  void label(int view);
  void start_classifier();
  void train();
  void step(const Batch& batch);
  Tensor view_loss(const Tensor& features, const std::vector<ClusterTarget>& targets, const Classifier& learnt,
                   Tensor* terms) const;
  /// What a step does on the device: for each view its images, where the final frame lies in its features, and its
  /// labels -> terms of the views' losses, and the views' mean squared difference where it is asked for.
  std::vector<Tensor> step_on_device(const std::vector<Tensor>& inputs);
  void read_pending();
  void finish_epoch();
  /// What a random classifier has before training, in the log (section 9, point 3).
  void score_random_classifier();
  std::string score_epoch(nlohmann::json& line);
  Tensor cluster_plain_images(uint64_t seed, bool batch_statistics);
  void repeat_clustering();
  /// In the middle of an epoch, after a step.
  void save_step();
  void save(const std::filesystem::path& file) const;
  void check_collapse(int view, const std::vector<int64_t>& counts) const;

  /// Features of a view in its final frame, before normalisation: [N, res1 / 4, res1 / 4, D].
  Tensor view_features(const Batch& batch, int view);
  Tensor labels_of(const Batch& batch, int view) const;
  std::unique_ptr<Optimizer> make_optimizer(const std::vector<Tensor>& parameters) const;
  float epoch_lr() const;
  /// What stands for a view: its centroids, or what is learnt in their place.
  Classifier& classifier(int view) { return segmenter_.classifiers[first_view_ + static_cast<size_t>(view)]; }

  ClusterOptions options_;
  Device device_;
  DType dtype_;
  Run run_;
  std::unique_ptr<Dataset> train_data_, val_data_;
  std::unique_ptr<Loader> train_loader_, val_loader_, plain_loader_;
  Segmenter segmenter_;
  size_t first_view_;  // of the classifiers: before them, those that are scored apart
  std::unique_ptr<Optimizer> optimizer_, classifier_optimizer_;

  // The state that a checkpoint holds. steps_ > 0: the epoch's clustering is done and this many steps are trained.
  int64_t epoch_ = 0, steps_ = 0;
  double best_miou_ = -1.0;
  std::array<Tensor, 2> labels_;         // uint8 or int32 [images, (res1 / 4)^2]
  std::array<Tensor, 2> class_weights_;  // float32 [K]
  std::vector<double> kmeans_loss_;
  std::vector<std::vector<int64_t>> occupancy_;
  Losses losses_;

  std::optional<EpochPlan> plan_;
  std::unique_ptr<StepGraph> step_graph_;  // of the epoch: centroids and class weights are part of it
  std::vector<Pending> pending_;
  std::map<std::string, double> seconds_;
};

}  // namespace bareseg
