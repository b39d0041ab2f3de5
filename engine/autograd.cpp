#include "engine/autograd.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <utility>

#include "engine/backend.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

thread_local bool enabled = true;
std::atomic<uint64_t> next_sequence{1};

struct Older {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->sequence < b->sequence;
  }
};

// A gradient may be shared with another consumer (add passes dy on to both inputs), so the sum gets memory of its own.
void accumulate(Node& node, const Tensor& grad) {
  if (!node.grad.defined()) {
    node.grad = grad.detach();
    return;
  }
  Tensor sum = Tensor::empty_like(node.grad);
  backend(grad.device()).add(node.grad, grad, sum);
  node.grad = sum;
}

void check_gradients(const Node& node, const Grads& grads) {
  BS_CHECK(grads.size() == node.inputs.size(), node.op, ": backward returned ", grads.size(), " gradients for ",
           node.inputs.size(), " inputs");
}

}  // namespace

Node::~Node() {
  std::vector<std::shared_ptr<Node>> below = std::move(inputs);
  while (!below.empty()) {
    const std::shared_ptr<Node> node = std::move(below.back());
    below.pop_back();
    if (node == nullptr || node.use_count() > 1) continue;
    below.insert(below.end(), node->inputs.begin(), node->inputs.end());
    node->inputs.clear();
  }
}

NoGrad::NoGrad() : before_(std::exchange(enabled, false)) {}
NoGrad::~NoGrad() { enabled = before_; }
bool grad_enabled() { return enabled; }

bool needs_graph(const std::vector<Tensor>& inputs) {
  return enabled && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
}

Tensor record(const char* op, const std::vector<Tensor>& inputs, Tensor y, BackwardFn backward) {
  if (!needs_graph(inputs)) return y;
  auto node = std::make_shared<Node>();
  node->op = op;
  node->sequence = next_sequence++;
  node->leaf = false;
  node->backward = std::move(backward);
  for (const Tensor& x : inputs) node->inputs.push_back(x.node());
  y.set_node(std::move(node));
  return y;
}

void backward(const Tensor& loss) {
  const TraceRange range("backward");
  BS_CHECK(loss.defined() && is_float(loss.dtype()) && loss.count() == 1,
           "backward: loss must be a float tensor with one element, got ",
           loss.defined() ? concat(loss.dtype(), " ", loss.shape()) : "an undefined tensor");
  BS_CHECK(loss.requires_grad(), "backward: loss has no graph; no input of it requires a gradient");
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, Older> ready;
  loss.node()->grad = Tensor::full(loss.shape(), 1.0, loss.dtype(), loss.device());
  ready.push(loss.node());
  const NoGrad no_grad;
  while (!ready.empty()) {
    const std::shared_ptr<Node> node = ready.top();
    ready.pop();
    if (node->leaf) continue;
    BS_CHECK(!node->used, "backward: the graph through '", node->op,
             "' was used by an earlier backward() and is freed; compute the loss anew");
    node->used = true;
    const TraceRange op(node->op);
    const Tensor dy = std::exchange(node->grad, {});
    const Grads grads = std::exchange(node->backward, nullptr)(dy);
    check_gradients(*node, grads);
    const auto inputs = std::exchange(node->inputs, {});
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == nullptr || !grads[i].defined()) continue;
      const bool waiting = inputs[i]->grad.defined() && !inputs[i]->leaf;
      accumulate(*inputs[i], grads[i]);
      if (!waiting && !inputs[i]->leaf) ready.push(inputs[i]);
    }
  }
}

}  // namespace bareseg
