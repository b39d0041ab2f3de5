// Weighted softmax cross-entropy of logits [rows, labels.classes], and its gradient. T is float or bfloat16.
#pragma once

#include "cuda/launch.h"
#include "engine/labelled_rows.h"

namespace bareseg {

/// Bytes of device memory that cross_entropy needs beside its arguments.
inline constexpr int64_t kCrossEntropyScratch = 16 << 10;

/// loss[0] = sum_r w[r] (-log softmax(z_r)[label r]) / weight_sum[0], weight_sum[0] = sum_r w[r]; both 0 where that is.
template <typename T>
void cross_entropy(Stream stream, const T* logits, const LabelledRows& labels, int64_t rows, void* scratch, float* loss,
                   float* weight_sum);
/// dlogits_r = dloss[0] / weight_sum[0] w[r] (softmax(z_r) - one-hot of the label).
template <typename T>
void cross_entropy_backward(Stream stream, const float* dloss, const T* logits, const LabelledRows& labels,
                            int64_t rows, const float* weight_sum, T* dlogits);

}  // namespace bareseg
