// What the two ways to compute the fused loss share: sums of the weights before it, sums of the losses after it.
#pragma once

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"
#include "cuda/kernels/cosine_loss.h"

namespace bareseg {

/// weights[t][p]: part p of the sum of target t's weights.
void add_weights(Stream stream, const CosineLoss& loss, double* weights);
int64_t weight_parts(int64_t rows);
/// terms[t] from the sums of losses [t][blocks] and weights; 0 where the weights are.
void make_terms(Stream stream, const CosineLoss& loss, const double* weights, const double* losses, int64_t blocks,
                float* terms);

/// Whether cosine_loss_by_tensor_cores can serve: one target of up to 64 clusters or two of up to 32 each, up to 256
/// dimensions in whole aligned packs.
bool fits_tensor_cores(const CosineLoss& loss, const bfloat16* features, const bfloat16* dfeatures);
int64_t tensor_core_scratch(const CosineLoss& loss);
void cosine_loss_by_tensor_cores(Stream stream, const CosineLoss& loss, const bfloat16* features, void* scratch,
                                 float* terms, bfloat16* dfeatures);

/// Blocks that are resident together, `most` on a multiprocessor, but no more than there are tiles.
inline int64_t resident_blocks(int64_t tiles, size_t shared_bytes, int64_t most) {
  constexpr size_t kReserved = 1 << 10;  // of the shared memory for each block
  const int64_t fit = static_cast<int64_t>((max_shared_bytes() + kReserved) / (shared_bytes + kReserved));
  return std::min(tiles, multiprocessors() * std::clamp<int64_t>(fit, 1, most));
}

/// The same sum in every thread of a warp.
__device__ __forceinline__ double sum_parts(const double* parts, int64_t count) {
  double sum = 0.0;
  for (int64_t i = lane_in_warp(); i < count; i += kWarp) sum += parts[i];
  return warp_sum(sum);
}

}  // namespace bareseg
