// Reverse-mode differentiation over a graph of closures. First order only.
//
// Every op computes its result and, when an input is part of a graph, calls record() with a closure that maps the
// gradient of the result to the gradients of the inputs. backward() runs the closures newest first, so each runs once
// and after everything that used its result; nothing recurses.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace bareseg {

/// One gradient per input of the op, in order; undefined for inputs that take none.
using Grads = std::vector<Tensor>;
using BackwardFn = std::function<Grads(const Tensor& dy)>;

struct Node {
  const char* op = "leaf";
  uint64_t sequence = 0;                      // position in time: a node is newer than its inputs
  std::vector<std::shared_ptr<Node>> inputs;  // null where an input has no graph
  BackwardFn backward;                        // empty in leaves and after use
  Tensor grad;                                // of leaves; of others only while backward() runs
  Tensor narrow;                              // of leaves: see Tensor::narrow()
  uint64_t version = 0;                       // of leaves: how often their elements were written
  bool leaf = true;
  bool used = false;  // backward() has run through it and freed the closure

  /// Frees the nodes below that nothing else holds, one by one: a long graph may be dropped without backward().
  ~Node();
};

/// While one lives, ops on this thread record nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
bool grad_enabled();

/// True when an op on these inputs must record a closure (and keep what the closure needs).
bool needs_graph(const std::vector<Tensor>& inputs);

/// Returns y as the result of `op` on `inputs`: part of the graph when needs_graph(inputs), else y itself.
/// The closure must not hold the returned tensor, only y as it was before: else it would own itself.
Tensor record(const char* op, const std::vector<Tensor>& inputs, Tensor y, BackwardFn backward);

/// Adds d loss / d leaf to the gradient of every leaf below `loss`, then frees the graph.
/// @param loss  float tensor with one element, result of recorded ops.
/// @throws Error if loss has more elements, has no graph, or its graph was used by an earlier backward().
void backward(const Tensor& loss);

}  // namespace bareseg
