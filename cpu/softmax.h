// What the losses over classes share: an exponential that vectorises, and sums of weights.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/labelled_rows.h"

namespace bareseg {

/// e^x for x <= 0 with a relative error below 2e-7; below -87 it stays at e^-87, NaN stays NaN. Polynomial of Cephes.
[[gnu::always_inline]] inline float exp_negative(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;  // 2^n
  return p * std::bit_cast<float>(power);
}

/// Sum of the weights of rows [0, rows).
double sum_of_weights(const LabelledRows& labels, int64_t rows);

}  // namespace bareseg
