// Max pooling of maps [samples, height, width, channels]. T is float or bfloat16.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

struct PoolShape {
  int64_t samples, height, width, channels, out_height, out_width;
  int64_t kernel, stride, padding;
};

/// y: the greatest of each window; place: its index in the window, row-major, the first of equals.
template <typename T>
void max_pool_maps(Stream stream, const T* x, const PoolShape& shape, T* y, uint8_t* place);
/// dx: the sum of dy over the windows whose maximum is here.
template <typename T>
void max_pool_maps_backward(Stream stream, const T* dy, const uint8_t* place, const PoolShape& shape, T* dx);

}  // namespace bareseg
