// Learning rates over the steps of a run.
#pragma once

#include <cstdint>

namespace bareseg {

/// torch's LinearLR(start_factor = kWarmUpStart, total_iters = warm_up), then for the other steps ConstantLR(1),
/// PolynomialLR or CosineAnnealingLR down to zero.
struct Schedule {
  enum class Decay { constant, poly, cosine };
  static constexpr double kWarmUpStart = 1e-3;

  Decay decay = Decay::constant;
  double lr = 1e-3;
  int64_t steps = 1, warm_up = 0;  // in all, and of these with a rising rate
  double power = 0.9;              // of poly

  /// Of step `step`, counted from 0: with u = (step - warm_up) / (steps - warm_up)
  ///   step < warm_up: lr (s + (1 - s) step / warm_up), s = kWarmUpStart
  ///   poly:           lr (1 - u)^power
  ///   cosine:         lr (1 + cos(pi u)) / 2
  double at(int64_t step) const;
};

}  // namespace bareseg
