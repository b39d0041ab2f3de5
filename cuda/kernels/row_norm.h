// Normalisation of each row of [rows, cols]. T is float or bfloat16; sums are float32.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// y = x / max(|x|, eps); inv_norm[row] = 1 / max(|x|, eps).
template <typename T>
void l2_normalize_rows(Stream stream, const T* x, T* y, float* inv_norm, int64_t rows, int64_t cols, float eps);
/// dx = (dy - <dy, y> y) inv_norm; where the floor eps was the divisor, dx = dy inv_norm.
template <typename T>
void l2_normalize_rows_backward(Stream stream, const T* dy, const T* y, const float* inv_norm, T* dx, int64_t rows,
                                int64_t cols, float eps);

/// y = x - log sum e^x.
template <typename T>
void log_softmax_rows(Stream stream, const T* x, T* y, int64_t rows, int64_t cols);
/// dx = dy - e^y sum(dy).
template <typename T>
void log_softmax_rows_backward(Stream stream, const T* dy, const T* y, T* dx, int64_t rows, int64_t cols);

}  // namespace bareseg
