// The epoch loop of PiCIE (method specification, sections 1 and 6 to 9).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/picie.h"
#include "apps/run.h"
#include "apps/segmenter.h"
#include "data/augment_plan.h"
#include "layers/optim.h"

namespace bareseg {

class PicieTrainer {
 public:
  /// Opens data, network and run folder, and takes up the last checkpoint where options.resume is set.
  PicieTrainer(const PicieOptions& options, const std::string& config);
  int run();

 private:
  /// Sums over the images of an epoch: divided by `images` they are the epoch's losses.
  struct Losses {
    double total = 0, within = 0, across = 0, mse = 0, images = 0;
  };
  /// What one step computed on the device, not yet read.
  struct Pending {
    std::array<Tensor, 2> terms;  // [0] of view 1: against labels 1 and 2; [1] of view 2
    Tensor mse;                   // undefined unless asked for
    int64_t images = 0;
  };

  void open_data();
  void open_network();
  void restore();
  void restore_epoch(CheckpointExtra& extra);
  bool epoch();
  void cluster(int view);
  void label(int view);
  bool train();
  void step(const Batch& batch);
  void read_pending();
  void finish_epoch();
  void repeat_clustering();
  void save(const std::filesystem::path& file) const;
  void check_collapse(int view, const std::vector<int64_t>& counts) const;

  /// Features of a view in its final frame, before normalisation: [N, res1 / 4, res1 / 4, D]. images are on the device,
  /// `indexes` their numbers in the data set.
  Tensor view_features(const Tensor& images, const std::vector<int64_t>& indexes, int view, bool training_step);
  Tensor labels_of(const Batch& batch, int view) const;
  Tensor class_weights(const std::vector<int64_t>& counts) const;
  bool stopping(const char* phase) const;

  PicieOptions options_;
  Device device_;
  DType dtype_;
  Run run_;
  std::unique_ptr<Dataset> train_data_, val_data_;
  std::unique_ptr<Loader> train_loader_, val_loader_;
  Segmenter segmenter_;
  std::unique_ptr<Optimizer> optimizer_;

  // The state that a checkpoint holds. steps_ > 0: the epoch's clustering is done and this many steps are trained.
  int64_t epoch_ = 0, steps_ = 0;
  double best_miou_ = -1.0;
  std::array<Tensor, 2> labels_;         // uint8 or int32 [images, (res1 / 4)^2]
  std::array<Tensor, 2> class_weights_;  // float32 [K]
  std::array<double, 2> kmeans_loss_{};
  std::array<std::vector<int64_t>, 2> occupancy_;
  Losses losses_;

  std::optional<EpochPlan> plan_;
  std::vector<Pending> pending_;
  std::map<std::string, double> seconds_;
};

}  // namespace bareseg
