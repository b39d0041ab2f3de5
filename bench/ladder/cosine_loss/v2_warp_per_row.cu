// Rung 2: everything about a row in one kernel. A warp per row: each lane keeps four of the feature's 128 dimensions
// and of the gradient's in registers, and one cluster's logit. The features are read once and the gradient is written
// once, coalesced; nothing else touches global memory but the centroids, which stay in L1. Bound by the shuffles: a
// logit is a sum over the warp, ten instructions beside its four multiply-adds per lane.
#include <algorithm>

#include "bench/ladder/cosine_loss/sums.cuh"

namespace bareseg::cosine_ladder {
namespace {

constexpr int kThreads = 256, kRows = kThreads / kWarp, kOwn = kDims / kWarp;
static_assert(kDims % kWarp == 0 && kClusters <= kWarp);

// One target of a row: returns the weighted entropy, adds the gradient by the unit feature to `gradient`.
__device__ __forceinline__ float entropy_of(const LossCase& c, int target, int64_t row, float scale,
                                            const float (&unit)[kOwn], float (&gradient)[kOwn]) {
  const int lane = lane_in_warp();
  const float* centroids = c.centroids + target * kClusters * kDims + lane;
  float z = -INFINITY;
  for (int k = 0; k < kClusters; ++k) {
    float part = 0.0f;
#pragma unroll
    for (int i = 0; i < kOwn; ++i) part += unit[i] * centroids[k * kDims + i * kWarp];
    part = warp_sum(part);
    if (lane == k) z = part;
  }
  const int label = c.labels[target * c.rows + row];
  const float weight = weight_of(c, target, row);
  const float below = z - warp_max(z), power = expf(below), sum = warp_sum(power);
  const float by_logit = weight * scale * (power / sum - (lane == label ? 1.0f : 0.0f));
  for (int k = 0; k < kClusters; ++k) {
    const float of_k = warp_shuffle(by_logit, k);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) gradient[i] += of_k * centroids[k * kDims + i * kWarp];
  }
  return weight * (logf(sum) - warp_shuffle(below, label));
}

__global__ void __launch_bounds__(kThreads) loss_kernel(const LossCase c, const double* weights, double* losses) {
  BS_SHARED(double, scratch, kWarp);
  const int lane = lane_in_warp();
  float scale[kTargets];
  double loss[kTargets] = {};
  for (int t = 0; t < kTargets; ++t) scale[t] = scale_of(weights, t);
  for (int64_t row = int64_t{blockIdx.x} * kRows + threadIdx.x / kWarp; row < c.rows; row += gridDim.x * kRows) {
    float unit[kOwn], gradient[kOwn] = {}, square = 0.0f, along = 0.0f;
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      unit[i] = c.features[row * kDims + i * kWarp + lane];
      square += unit[i] * unit[i];
    }
    const float inverse = 1.0f / fmaxf(sqrtf(warp_sum(square)), kEps);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) unit[i] *= inverse;
#pragma unroll
    for (int t = 0; t < kTargets; ++t) {
      const float entropy = entropy_of(c, t, row, scale[t], unit, gradient);
      if (lane == 0) loss[t] += static_cast<double>(entropy);
    }
#pragma unroll
    for (int i = 0; i < kOwn; ++i) along += gradient[i] * unit[i];
    along = warp_sum(along);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      c.dfeatures[row * kDims + i * kWarp + lane] = (gradient[i] - along * unit[i]) * inverse;
    }
  }
  for (int t = 0; t < kTargets; ++t) {
    const double total = block_sum(loss[t], scratch);
    if (threadIdx.x == 0) losses[t * kMaxBlocks + blockIdx.x] = total;
  }
}

}  // namespace

void v2_warp_per_row(Stream stream, const LossCase& c) {
  const Scratch s(c);
  const int64_t blocks = std::min<int64_t>(ceil_div(c.rows, kRows), kMaxBlocks);
  launch(weights_kernel, {dim3(kParts, kTargets), 256}, stream, c, s.weights);
  launch(loss_kernel, {blocks, kThreads}, stream, c, s.weights, s.losses);
  launch(terms_kernel, {kTargets, kWarp}, stream, s.weights, s.losses, blocks, c.terms);
}

}  // namespace bareseg::cosine_ladder
