// Launchers of pointwise.cu. T and From, To: float or bfloat16, where not said otherwise; n: elements.
#pragma once

#include "cuda/launch.h"
#include "engine/dtype.h"

namespace bareseg {

/// One float32 or bfloat16 in the device's memory.
struct DeviceScalar {
  const void* at;
  DType dtype;
};

/// y[i] = value; also int32_t, int64_t and uint8_t.
template <typename T>
void fill(Stream stream, T* y, int64_t n, T value);
template <typename From, typename To>
void cast(Stream stream, const From* x, To* y, int64_t n);
template <typename T>
void add(Stream stream, const T* a, const T* b, T* y, int64_t n);
/// y = max(x, 0); NaN passes.
template <typename T>
void relu(Stream stream, const T* x, T* y, int64_t n);
/// dx = dy where y > 0, else 0.
template <typename T>
void relu_backward(Stream stream, const T* dy, const T* y, T* dx, int64_t n);
/// y = factor scale x.
template <typename T>
void multiply(Stream stream, const T* x, DeviceScalar factor, float scale, T* y, int64_t n);
/// y[i] = value scale.
template <typename T>
void spread(Stream stream, DeviceScalar value, float scale, T* y, int64_t n);
/// dx = dy scale (x - target).
template <typename T>
void mse_backward(Stream stream, DeviceScalar dy, float scale, const T* x, const T* target, T* dx, int64_t n);
/// y = x / (1 - p) where unit_float(word i % 4 of philox(draw[0], draw[1], i / 4)) >= p, else 0.
template <typename T>
void dropout(Stream stream, const T* x, float p, const int64_t* draw, T* y, int64_t n);

/// Doubles of scratch that the two sums below need.
int64_t sum_partials(int64_t n);
/// y[0] = scale sum(x).
template <typename T>
void sum(Stream stream, const T* x, int64_t n, double scale, double* partials, T* y);
/// y[0] = scale sum((x - target)^2).
template <typename T>
void sum_squared_difference(Stream stream, const T* x, const T* target, int64_t n, double scale, double* partials,
                            T* y);

/// Adds x [rows, cols] up over its rows: y [cols]. partials: sum_rows_scratch<T>(rows, cols) doubles.
template <typename T>
int64_t sum_rows_scratch(int64_t rows, int64_t cols);
template <typename T>
void sum_rows(Stream stream, const T* x, int64_t rows, int64_t cols, double* partials, float* y);

/// *found becomes 1 where an element is infinite or NaN, and stays as it is otherwise.
template <typename T>
void find_not_finite(Stream stream, const T* x, int64_t n, int32_t* found);

}  // namespace bareseg
