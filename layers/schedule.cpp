#include "layers/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bareseg {

double Schedule::at(int64_t step) const {
  if (step < warm_up) {
    return lr * (kWarmUpStart + (1.0 - kWarmUpStart) * static_cast<double>(step) / static_cast<double>(warm_up));
  }
  const double done = static_cast<double>(step - warm_up) / static_cast<double>(std::max<int64_t>(steps - warm_up, 1));
  const double u = std::min(done, 1.0);
  switch (decay) {
    case Decay::poly:
      return lr * std::pow(1.0 - u, power);
    case Decay::cosine:
      return lr * 0.5 * (1.0 + std::cos(std::numbers::pi * u));
    case Decay::constant:
      break;
  }
  return lr;
}

}  // namespace bareseg
