// Optimizers with torch.optim's arguments, defaults and arithmetic; all parameters are stepped in one call.
#pragma once

#include <vector>

#include "engine/backend.h"
#include "engine/state_dict.h"

namespace bareseg {

/// Parameters are float32 (master weights, whatever the dtype of activations) and updated in place.
class Optimizer {
 public:
  explicit Optimizer(const std::vector<Tensor>& parameters);
  virtual ~Optimizer() = default;

  /// One step with the gradients collected by backward(), which are then cleared. Parameters without a gradient are
  /// left alone.
  void step();
  virtual void set_lr(float lr) = 0;
  virtual float lr() const = 0;
  /// Everything a resume needs: "<i>.exp_avg" and so on, by the parameter's number, and "step".
  StateDict state() const;

 protected:
  /// Takes the step number `step`, counted from 1, on the slots that have gradients.
  virtual void apply(const std::vector<OptimSlot>& slots, int64_t step) = 0;
  /// Gives every slot a zeroed state tensor of the parameter's shape.
  void add_state(const char* name, Tensor OptimSlot::*member);

 private:
  std::vector<OptimSlot> slots_;
  StateDict state_;
  Tensor step_;  // int64 [], on the host
};

class Sgd : public Optimizer {
 public:
  struct Options {
    float lr = 1e-3f, momentum = 0.0f, weight_decay = 0.0f;
    bool nesterov = false;
  };
  Sgd(const std::vector<Tensor>& parameters, const Options& options);
  void set_lr(float lr) override { options_.lr = lr; }
  float lr() const override { return options_.lr; }

 private:
  void apply(const std::vector<OptimSlot>& slots, int64_t step) override;
  Options options_;
};

/// Adam (Kingma & Ba 2015); `decoupled` weight decay makes it AdamW (Loshchilov & Hutter 2019).
class Adam : public Optimizer {
 public:
  struct Options {
    float lr = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f, weight_decay = 0.0f;
    bool decoupled = false;
  };
  Adam(const std::vector<Tensor>& parameters, const Options& options);
  void set_lr(float lr) override { options_.lr = lr; }
  float lr() const override { return options_.lr; }

 private:
  void apply(const std::vector<OptimSlot>& slots, int64_t step) override;
  Options options_;
};

}  // namespace bareseg
