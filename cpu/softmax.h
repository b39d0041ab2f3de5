// What the losses over classes share: an exponential that vectorises, and labels with their weights.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "engine/tensor.h"

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

/// Labels of rows, uint8 or int32, and what each row weighs in a loss.
struct LabelledRows {
  static constexpr int64_t kNoIgnore = std::numeric_limits<int64_t>::min();

  const uint8_t* narrow = nullptr;
  const int32_t* wide = nullptr;
  const float* class_weights = nullptr;  // null: ones
  int64_t classes = 0, ignore = kNoIgnore;

  LabelledRows(const Tensor& labels, const Tensor& weights, int64_t class_count, int64_t ignore_label = kNoIgnore)
      : class_weights(weights.defined() ? weights.data<float>() : nullptr), classes(class_count), ignore(ignore_label) {
    if (labels.dtype() == kUInt8)
      narrow = labels.data<uint8_t>();
    else
      wide = labels.data<int32_t>();
  }

  int64_t raw_label(int64_t row) const { return narrow != nullptr ? narrow[row] : wide[row]; }
  bool valid(int64_t row) const { return raw_label(row) >= 0 && raw_label(row) < classes; }
  /// A class that can index even where the label is not one; weight() is 0 or NaN there.
  int64_t label(int64_t row) const { return valid(row) ? raw_label(row) : 0; }
  float weight(int64_t row) const {
    if (raw_label(row) == ignore) return 0.0f;
    if (!valid(row)) return std::numeric_limits<float>::quiet_NaN();
    return class_weights != nullptr ? class_weights[raw_label(row)] : 1.0f;
  }
};

/// Sum of the weights of rows [0, rows).
double sum_of_weights(const LabelledRows& labels, int64_t rows);

}  // namespace bareseg
