// The sums around the first three rungs: weights before the main kernel, losses after it.
#pragma once

#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg::cosine_ladder {

__device__ __forceinline__ float weight_of(const LossCase& c, int target, int64_t row) {
  return c.class_weights[target * kClusters + c.labels[target * c.rows + row]];
}

// Block (p, t): part p of the sum of target t's weights.
static __global__ void __launch_bounds__(256) weights_kernel(const LossCase c, double* weights) {
  BS_SHARED(double, scratch, kWarp);
  const int target = static_cast<int>(blockIdx.y);
  double sum = 0.0;
  for (int64_t r = blockIdx.x * 256 + threadIdx.x; r < c.rows; r += kParts * 256) {
    sum += static_cast<double>(weight_of(c, target, r));
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) weights[target * kParts + blockIdx.x] = sum;
}

// The same in every thread of a warp.
__device__ __forceinline__ double sum_by_warp(const double* values, int64_t count) {
  double sum = 0.0;
  for (int64_t i = lane_in_warp(); i < count; i += kWarp) sum += values[i];
  return warp_sum(sum);
}

// Block t: the term of target t from the losses of so many blocks.
static __global__ void __launch_bounds__(kWarp)
    terms_kernel(const double* weights, const double* losses, int64_t blocks, float* terms) {
  const int target = static_cast<int>(blockIdx.x);
  const double weight = sum_by_warp(weights + target * kParts, kParts);
  const double loss = sum_by_warp(losses + target * kMaxBlocks, blocks);
  if (threadIdx.x == 0) terms[target] = static_cast<float>(loss / weight);
}

// What the gradient of a row of weight 1 is multiplied with.
__device__ __forceinline__ float scale_of(const double* weights, int target) {
  return static_cast<float>(1.0 / (kTargets * sum_by_warp(weights + target * kParts, kParts)));
}

}  // namespace bareseg::cosine_ladder
