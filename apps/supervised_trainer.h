// The epoch loop of training on labels.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/run.h"
#include "apps/segmenter.h"
#include "apps/supervised.h"
#include "engine/step_graph.h"
#include "layers/optim.h"

namespace bareseg {

class SupervisedTrainer {
 public:
  /// Opens data, network and run folder, and takes up the last checkpoint where options.resume is set.
  SupervisedTrainer(const SupervisedOptions& options, const std::string& config);
  int run();

 private:
  /// Sums over the images of an epoch.
  struct Losses {
    double total = 0, images = 0;
  };
  /// What one step computed on the device, not yet read.
  struct Pending {
    Tensor loss;
    int64_t images = 0;
  };

  void open_data();
  void open_network();
  void open_optimizer();
  void restore();
  /// These throw ExitError after a signal.
  void epoch();
  void train();
  void step(const Batch& batch);
  /// What a step does on the device: normalised images and their labels -> the loss.
  std::vector<Tensor> step_on_device(const std::vector<Tensor>& inputs);
  void read_pending();
  void finish_epoch();
  /// Pixels of the validation images by class and prediction.
  Histogram evaluate_now();
  /// In the middle of an epoch, after a step.
  void save_step();
  void save(const std::filesystem::path& file) const;

  /// The classifier's parameters under the names that the optimizer's state is kept in order of.
  StateDict head() const;
  int64_t steps_per_epoch() const { return train_data_->size() / options_.batch; }
  std::vector<int64_t> count_labels() const;

  SupervisedOptions options_;
  Device device_;
  DType dtype_;
  Run run_;
  std::unique_ptr<Dataset> train_data_, val_data_;
  std::unique_ptr<Loader> train_loader_, val_loader_;  // val_loader_ where squares are scored
  Segmenter segmenter_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  Tensor class_weights_;
  std::unique_ptr<StepGraph> step_graph_;

  // The state that a checkpoint holds.
  int64_t epoch_ = 0, steps_ = 0;  // steps_: done in this epoch
  double best_miou_ = -1.0;
  Losses losses_;

  std::vector<Pending> pending_;
  std::map<std::string, double> seconds_;
};

}  // namespace bareseg
