// The only door to cuDNN: convolutions in NHWC as graphs of its backend API. A graph says what is computed; a choice,
// an engine of cuDNN and its settings, says how; a plan is both, ready to run.
#pragma once

#include <cudnn.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cuda/plan_cache.h"
#include "cuda/plan_file.h"
#include "engine/backend.h"

namespace bareseg {

/// One pass of one convolution. Shapes as in Backend::conv2d; every tensor is of `dtype`, sums are float32.
struct ConvProblem {
  enum class Pass : int64_t { forward, backward_data, backward_weight };
  using Key = std::array<int64_t, 17>;

  Pass pass = Pass::forward;
  Shape x, w, y;
  ConvOptions options;
  DType dtype = kFloat32;
  bool bias = false;      // y = relu(conv + bias [O] + residual), each where it is there; forward only
  bool residual = false;  // of y's shape
  bool relu = false;
  bool tf32 = false;       // float32 factors may be rounded to TF32
  int64_t alignment = 16;  // every address is a multiple of it

  Key key() const;
  /// One line that says the same as key().
  std::string text() const;
};

/// Addresses of a problem's tensors; its pass says which one is written.
struct ConvPointers {
  void *x = nullptr, *w = nullptr, *y = nullptr, *bias = nullptr, *residual = nullptr;
};

/// A descriptor of the backend API, destroyed with its last owner.
using DnnDescriptor = std::shared_ptr<void>;

struct ConvPlan {
  DnnDescriptor plan;
  int64_t workspace = 0;  // bytes
  std::string choice;     // "engine 34 2=1 3=0": global index, then settings by the number of their kind
};

/// A problem as cuDNN sees it on one device, and the ways to solve it.
class ConvGraph {
 public:
  /// For the device of `handle`; with null for a device that only `properties`, as of describe_device(), tell of.
  ConvGraph(const ConvProblem& problem, cudnnHandle_t handle, DnnDescriptor properties = nullptr);

  /// At most `most` plans, the likely fastest first: of engines that give the same bits each time, keep to the
  /// problem's precision and take no more than `workspace` bytes.
  std::vector<ConvPlan> plans(size_t most, int64_t workspace) const;
  /// The plan of a choice that plans() gave, in this process or another. @throws Error when cuDNN refuses it.
  ConvPlan plan(const std::string& choice) const;

 private:
  std::vector<DnnDescriptor> suggestions(cudnnBackendHeurMode_t mode) const;
  bool allowed(const DnnDescriptor& engine) const;
  ConvPlan finished(const DnnDescriptor& config, std::string choice) const;

  ConvProblem problem_;
  cudnnHandle_t handle_;
  DnnDescriptor properties_;
  std::vector<DnnDescriptor> parts_;  // tensors and operations, alive as long as the graph
  DnnDescriptor graph_;
};

/// A device that need not be there, from cuDNN's own description of one as JSON: plans for it can be made, not run.
DnnDescriptor describe_device(const std::string& json);

/// Convolutions on one device: the library's handle, the plans in use, and what tuning found.
class Dnn {
 public:
  /// Work goes to `stream` of `device`, which is current. While `tune_seconds` last in all, each new problem is timed
  /// in several ways; later ones take cuDNN's first suggestion. What was found is kept in `plan_file`, "" for nowhere.
  Dnn(Device device, cudaStream_t stream, double tune_seconds, const std::string& plan_file);

  /// Queues the work. @throws Error when cuDNN has no engine for the problem.
  void run(const ConvProblem& problem, const ConvPointers& pointers);
  /// The same, or false when cuDNN has no engine for the problem.
  bool try_run(const ConvProblem& problem, const ConvPointers& pointers);

 private:
  /// Without a plan where cuDNN has no engine.
  ConvPlan make_plan(const ConvProblem& problem, const ConvPointers& pointers);
  const ConvPlan& first_that_runs(const std::vector<ConvPlan>& plans, const ConvPointers& pointers);
  const ConvPlan& fastest(const std::vector<ConvPlan>& plans, const ConvPointers& pointers);
  void execute(const ConvPlan& plan, const ConvPointers& pointers);

  Device device_;
  cudaStream_t stream_;
  std::shared_ptr<cudnnContext> handle_;
  double tune_seconds_;
  PlanFile file_;
  PlanCache<ConvProblem::Key, ConvPlan> plans_;
};

}  // namespace bareseg
