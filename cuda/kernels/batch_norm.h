// Batch norm over the channels of [rows, cols], channels last. T is float or bfloat16; parameters and statistics are
// float32 [cols].
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// Float32 elements of scratch that the sums over rows of [rows, cols] take.
template <typename T>
int64_t batch_norm_scratch(int64_t rows, int64_t cols);

struct BatchNormForward {
  const float *weight, *bias;
  float momentum, eps;
  float *running_mean, *running_var;  // updated in place, the latter with the unbiased variance
  float *mean, *inv_std;              // of this batch
  float *scale, *shift;               // what batch_norm_apply() wants
};
/// Statistics of x, rows > 1.
template <typename T>
void batch_norm_statistics(Stream stream, const T* x, int64_t rows, int64_t cols, float* scratch,
                           const BatchNormForward& channels);

/// y = (x - mean) scale + shift, with variance instead (x - mean) scale / sqrt(variance + eps) + shift; then + residual
/// where that is not null, then max(., 0) where relu.
struct BatchNormApply {
  const float *mean, *scale, *shift;
  const float* variance = nullptr;
  float eps = 0.0f;
  bool relu = false;
};
template <typename T>
void batch_norm_apply(Stream stream, const T* x, const T* residual, int64_t rows, int64_t cols,
                      const BatchNormApply& channels, T* y);

/// A convolution's weights [outputs][inner] with the norm after it folded in: folded = w weight / sqrt(variance + eps),
/// offset = bias - mean weight / sqrt(variance + eps).
struct BatchNormFold {
  const float *weight, *bias, *mean, *variance;
  float eps;
};
template <typename T>
void fold_batch_norm(Stream stream, const float* w, int64_t outputs, int64_t inner, const BatchNormFold& channels,
                     T* folded, float* offset);

/// In the formulas g = dy where y > 0, or dy where y is null.
struct BatchNormBackward {
  const float *weight, *mean, *inv_std;
  bool training;           // the statistics depend on x
  float *dweight, *dbias;  // sum g (x - mean) inv_std, sum g
  float* coefficients;     // [3][cols], what batch_norm_input_gradient() wants
};
/// Sums over rows; writes g to dresidual where that is not null.
template <typename T>
void batch_norm_gradient_sums(Stream stream, const T* dy, const T* x, const T* y, T* dresidual, int64_t rows,
                              int64_t cols, float* scratch, const BatchNormBackward& channels);
/// dx = a g + b (x - mean) + c with the rows a, b, c of coefficients.
template <typename T>
void batch_norm_input_gradient(Stream stream, const T* dy, const T* x, const T* y, int64_t rows, int64_t cols,
                               const float* mean, const float* coefficients, T* dx);

}  // namespace bareseg
