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
  void clear_gradients();
  virtual void set_lr(float lr) = 0;
  virtual float lr() const = 0;
  /// Everything a resume needs: "<i>.exp_avg" and so on, by the parameter's number, and "step".
  StateDict state() const;

 protected:
  /// The bytes that Backend::sgd or adam wants for the step number `step`, counted from 1.
  virtual std::vector<std::byte> numbers(int64_t step) const = 0;
  /// Takes a step with these numbers, now on the device, on the slots that have gradients; there are some.
  virtual void apply(const std::vector<OptimSlot>& slots, const Tensor& numbers) = 0;
  /// Gives every slot a zeroed state tensor of the parameter's shape.
  void add_state(const char* name, Tensor OptimSlot::*member);

 private:
  std::vector<OptimSlot> slots_;
  StateDict state_;
  Tensor step_;     // int64 [], on the host
  Tensor numbers_;  // of the step that is taken, on the device
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
  std::vector<std::byte> numbers(int64_t step) const override;
  void apply(const std::vector<OptimSlot>& slots, const Tensor& numbers) override;
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
  std::vector<std::byte> numbers(int64_t step) const override;
  void apply(const std::vector<OptimSlot>& slots, const Tensor& numbers) override;
  Options options_;
};

}  // namespace bareseg
