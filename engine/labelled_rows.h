// Labels of rows with their weights, for the losses on host and device.
#pragma once

#include <cstdint>
#include <limits>

#include "engine/host_device.h"

namespace bareseg {

class Tensor;

/// Labels of rows, uint8 or int32, and what each row weighs in a loss.
struct LabelledRows {
  static constexpr int64_t kNoIgnore = std::numeric_limits<int64_t>::min();

  const uint8_t* narrow = nullptr;  // one of these two
  const int32_t* wide = nullptr;
  const float* class_weights = nullptr;  // null: ones
  int64_t classes = 0, ignore = kNoIgnore;

  BS_HOST_DEVICE int64_t raw_label(int64_t row) const { return narrow != nullptr ? narrow[row] : wide[row]; }
  BS_HOST_DEVICE bool valid(int64_t row) const { return raw_label(row) >= 0 && raw_label(row) < classes; }
  /// A class that can index even where the label is not one; weight() is 0 or NaN there.
  BS_HOST_DEVICE int64_t label(int64_t row) const { return valid(row) ? raw_label(row) : 0; }
  BS_HOST_DEVICE float weight(int64_t row) const {
    if (raw_label(row) == ignore) return 0.0f;
    if (!valid(row)) return std::numeric_limits<float>::quiet_NaN();
    return class_weights != nullptr ? class_weights[raw_label(row)] : 1.0f;
  }
};

/// Those of `labels`, uint8 or int32; `weights` float32 [classes] or undefined. The tensors must outlive the result.
LabelledRows labelled_rows(const Tensor& labels, const Tensor& weights, int64_t classes,
                           int64_t ignore = LabelledRows::kNoIgnore);

}  // namespace bareseg
