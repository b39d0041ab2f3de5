// A training step recorded once and replayed: the device is handed hundreds of kernels in one call, so that a small
// network is not bound by how fast the host starts them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace bareseg {

/// What a step changes on the host or brings from there each time anew: a count, a learning rate. Runs at once, or,
/// while a step is being recorded, before each replay of it.
void each_step(std::function<void()> work);

/// A step that differs from the last in the elements of its inputs alone. It is done op by op at first; when inputs of
/// the same shapes have come a few times it is recorded and from then on replayed, where the device can. Steps with
/// other shapes (the last of an epoch) are still done op by op.
class StepGraph {
 public:
  /// Inputs may be undefined; they are read alone. All that a step leaves must be among the results or in tensors that
  /// were there before; it takes nothing from the host, the seeds of random numbers included, but by each_step(), and
  /// begins afresh after an attempt that was broken off (gradients are cleared first).
  using Step = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

  /// With `replay` false it is op by op for ever. What `step` uses must outlive this.
  StepGraph(Device device, Step step, bool replay);

  /// Does the step. The results are outside any graph of derivatives, and the caller's own.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);

  bool replays() const { return recorded_ != nullptr; }
  /// Why steps are not replayed though the device could; "" where they are, or it is not known yet.
  const std::string& problem() const { return problem_; }

 private:
  bool seen_often(const std::vector<Tensor>& inputs);
  void record(const std::vector<Tensor>& inputs);
  std::vector<Tensor> replay(const std::vector<Tensor>& inputs);

  Device device_;
  Step step_;
  bool wanted_;
  int64_t times_ = 0;  // in a row with inputs like inputs_
  std::vector<Tensor> inputs_, results_;
  std::vector<std::function<void()>> host_work_;
  std::unique_ptr<RecordedWork> recorded_;
  std::string problem_;
};

}  // namespace bareseg
