// What one step of an optimizer is told, for kernels on host and device.
#pragma once

#include <cstdint>

namespace bareseg {

/// torch.optim.SGD's arguments. `first` marks the step that starts the momentum buffer with the gradient itself.
struct SgdStep {
  float lr = 0.0f, momentum = 0.0f, weight_decay = 0.0f;
  bool nesterov = false, first = false;
};
/// torch.optim.Adam's arguments; `decoupled` makes it AdamW. `step` counts from 1.
struct AdamStep {
  float lr = 0.0f, beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f, weight_decay = 0.0f;
  bool decoupled = false;
  int64_t step = 1;
};

/// The numbers of a step that each element needs.
struct AdamFactors {
  float beta1, one_minus_beta1, beta2, one_minus_beta2;
  float decay_gradient, decay_param;  // g += decay_gradient p (Adam) or p *= decay_param (AdamW)
  float inv_correction2, eps, step_size;
};
AdamFactors adam_factors(const AdamStep& step);

}  // namespace bareseg
