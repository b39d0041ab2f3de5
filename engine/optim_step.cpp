#include "engine/optim_step.h"

#include <cmath>

namespace bareseg {

AdamFactors adam_factors(const AdamStep& s) {
  const double beta1 = static_cast<double>(s.beta1), beta2 = static_cast<double>(s.beta2);
  const double lr = static_cast<double>(s.lr), decay = static_cast<double>(s.weight_decay);
  const double step = static_cast<double>(s.step);
  return {.beta1 = s.beta1,
          .one_minus_beta1 = static_cast<float>(1.0 - beta1),
          .beta2 = s.beta2,
          .one_minus_beta2 = static_cast<float>(1.0 - beta2),
          .decay_gradient = s.decoupled ? 0.0f : s.weight_decay,
          .decay_param = s.decoupled ? static_cast<float>(1.0 - lr * decay) : 1.0f,
          .inv_correction2 = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, step))),
          .eps = s.eps,
          .step_size = static_cast<float>(lr / (1.0 - std::pow(beta1, step)))};
}

}  // namespace bareseg
