// Bilinear resampling of maps [samples, height, width, channels], align_corners = false. T is float or bfloat16.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

struct ResampleShape {
  int64_t samples, height, width, channels, out_height, out_width;
};

/// y = each sample, or its window, resampled and flipped, + addend. `windows` is int32 [samples, 6]: row, col, height,
/// width, flip horizontal, flip vertical; null: whole maps. `addend` may be null. Throws Error when an input size times
/// its output size passes 2^29.
template <typename T>
void resample_maps(Stream stream, const T* x, const ResampleShape& shape, const int32_t* windows, const T* addend,
                   T* y);
/// dx for y's gradient dy; zero outside windows.
template <typename T>
void resample_maps_backward(Stream stream, const T* dy, const ResampleShape& shape, const int32_t* windows, T* dx);

}  // namespace bareseg
