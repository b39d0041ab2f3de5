// How 8-bit pixels become the network's input. The order of float operations, each rounded to float32 and none fused,
// so that all backends give the same bits:
//   normal(v)  = (v / 255 - mean) / std                                  per channel
//   scale      = window size / T;  src = max(scale * (i + 0.5) - 0.5, 0);  i0 = floor(src);  i1 = min(i0 + 1, size - 1)
//   l          = src - i0;  k = 1 - l                                      for rows (ly, ky) and columns (lx, kx)
//   y          = ky * (kx * normal(v00) + lx * normal(v01)) + ly * (kx * normal(v10) + lx * normal(v11))
// The output is y, rounded to bfloat16 where that is asked for; flips move it. Files that include this must not be
// compiled with contraction.
#pragma once

#include <cstdint>

#include "engine/host_device.h"

namespace bareseg {

BS_HOST_DEVICE inline float normal_value(int32_t v, float mean, float std) {
  return (static_cast<float>(v) / 255.0f - mean) / std;
}

/// The two neighbours along one axis of a window that make one output, counted from the window's begin, and their
/// weights. Aligned so that a GPU reads it in one access.
struct alignas(16) SourcePlace {
  int32_t low, high;
  float lower, upper;
};

/// Of output i, in a window of `size` > 0 pixels; scale = size / T.
BS_HOST_DEVICE inline SourcePlace source_place(int32_t i, float scale, int32_t size) {
  const float place = scale * (static_cast<float>(i) + 0.5f) - 0.5f, source = place > 0.0f ? place : 0.0f;
  const auto whole = static_cast<int32_t>(source);
  const int32_t low = whole < size ? whole : size - 1, high = low + 1 < size ? low + 1 : size - 1;
  const float upper = source - static_cast<float>(low);
  return {low, high, 1.0f - upper, upper};
}

/// From the normalised pixels above left, above right, below left and below right.
BS_HOST_DEVICE inline float interpolate(const SourcePlace& row, const SourcePlace& col, float v00, float v01, float v10,
                                        float v11) {
  const float above = col.lower * v00 + col.upper * v01, below = col.lower * v10 + col.upper * v11;
  return row.lower * above + row.upper * below;
}

}  // namespace bareseg
