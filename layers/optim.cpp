#include "layers/optim.h"
#include "engine/trace.h"

#include "engine/autograd.h"
#include "engine/step_graph.h"

namespace bareseg {
namespace {

template <typename Step>
std::vector<std::byte> bytes_of(const Step& step) {
  const auto bytes = std::as_bytes(std::span(&step, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Optimizer::Optimizer(const std::vector<Tensor>& parameters) : step_(Tensor::from<int64_t>({0}, Shape{})) {
  for (const Tensor& p : parameters) {
    BS_CHECK(p.defined() && p.dtype() == kFloat32 && p.requires_grad(),
             "Optimizer: parameters must be float32 and require gradients");
    check_device("Optimizer", parameters.front(), {&p});
    slots_.push_back({.param = p, .grad = {}, .m = {}, .v = {}});
  }
  state_.push_back({"step", step_, Layout::plain});
}

void Optimizer::add_state(const char* name, Tensor OptimSlot::*member) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Tensor& p = slots_[i].param;
    slots_[i].*member = Tensor::zeros(p.shape(), kFloat32, p.device());
    state_.push_back({concat(i, ".", name), slots_[i].*member, Layout::plain});
  }
}

void Optimizer::step() {
  const TraceRange range("optimizer");
  std::vector<OptimSlot> ready;
  for (OptimSlot slot : slots_) {
    slot.grad = slot.param.grad();
    slot.narrow = slot.param.node()->narrow;
    if (slot.grad.defined()) ready.push_back(slot);
  }
  if (!ready.empty() && !numbers_.defined()) {
    numbers_ = Tensor::empty({std::ssize(numbers(1))}, kUInt8, ready.front().param.device());
  }
  each_step([this] {
    const std::vector<std::byte> now = numbers(++*step_.data<int64_t>());
    if (numbers_.defined()) backend(numbers_.device()).copy_from_host(now.data(), numbers_);
    for (const OptimSlot& slot : slots_) ++slot.param.node()->version;
  });
  if (!ready.empty()) apply(ready, numbers_);
  clear_gradients();
}

void Optimizer::clear_gradients() {
  for (OptimSlot& slot : slots_) slot.param.clear_grad();
}

StateDict Optimizer::state() const { return state_; }

Sgd::Sgd(const std::vector<Tensor>& parameters, const Options& o) : Optimizer(parameters), options_(o) {
  BS_CHECK(o.lr >= 0 && o.momentum >= 0 && o.weight_decay >= 0,
           "Sgd: lr, momentum and weight_decay must not be "
           "negative, got ",
           o.lr, ", ", o.momentum, ", ", o.weight_decay);
  BS_CHECK(!o.nesterov || o.momentum > 0, "Sgd: nesterov needs momentum > 0");
  if (o.momentum > 0) add_state("momentum_buffer", &OptimSlot::m);
}

std::vector<std::byte> Sgd::numbers(int64_t step) const {
  return bytes_of(SgdStep{.lr = options_.lr,
                          .momentum = options_.momentum,
                          .weight_decay = options_.weight_decay,
                          .nesterov = options_.nesterov,
                          .first = step == 1});
}

void Sgd::apply(const std::vector<OptimSlot>& slots, const Tensor& numbers) {
  backend(numbers.device()).sgd(slots, numbers);
}

Adam::Adam(const std::vector<Tensor>& parameters, const Options& o) : Optimizer(parameters), options_(o) {
  BS_CHECK(o.lr >= 0 && o.eps >= 0 && o.weight_decay >= 0, "Adam: lr, eps and weight_decay must not be negative, got ",
           o.lr, ", ", o.eps, ", ", o.weight_decay);
  BS_CHECK(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1, "Adam: betas must lie in [0, 1), got ", o.beta1,
           ", ", o.beta2);
  add_state("exp_avg", &OptimSlot::m);
  add_state("exp_avg_sq", &OptimSlot::v);
}

std::vector<std::byte> Adam::numbers(int64_t step) const {
  return bytes_of(adam_factors({.lr = options_.lr,
                                .beta1 = options_.beta1,
                                .beta2 = options_.beta2,
                                .eps = options_.eps,
                                .weight_decay = options_.weight_decay,
                                .decoupled = options_.decoupled,
                                .step = step}));
}

void Adam::apply(const std::vector<OptimSlot>& slots, const Tensor& numbers) {
  backend(numbers.device()).adam(slots, numbers);
}

}  // namespace bareseg
