// Rung 3: no sums over lanes. A thread per row keeps the whole feature in registers; the centroids lie in shared
// memory, from where all threads of a warp read the same 16 bytes at once; the logits lie there too, row beside row.
// Bound by the reads of shared memory: one for four multiply-adds, in either product. And 128 registers of feature
// leave room for eight warps on a multiprocessor, which read their rows each on its own: nothing is coalesced.
#include <algorithm>

#include "bench/ladder/cosine_loss/sums.cuh"

namespace bareseg::cosine_ladder {
namespace {

constexpr int kThreads = 128;
constexpr int kChunk = 32;  // dimensions of the gradient in registers
constexpr size_t kLogits = sizeof(float) * kColumns * kDims,
                 kSharedBytes = kLogits + sizeof(float) * kColumns * kThreads;

// logits[k * kThreads] = <unit feature, centroid k> of all columns; `logits` points at the thread's own.
__device__ __forceinline__ void multiply_features(const float (&feature)[kDims], float inverse,
                                                  SharedArray<float> centroids, SharedArray<float> logits) {
  for (int k = 0; k < kColumns; ++k) {
    float part[4] = {};
#pragma unroll
    for (int d = 0; d < kDims; d += 4) {
      const Pack<float, 4> centroid = load_pack<4>(centroids + (k * kDims + d));
#pragma unroll
      for (int i = 0; i < 4; ++i) part[i] += feature[d + i] * centroid[i];
    }
    logits[k * kThreads] = ((part[0] + part[1]) + (part[2] + part[3])) * inverse;
  }
}

// Logits of one target to their gradient. Returns the entropy, adds <gradient, logits> to `along`.
__device__ __forceinline__ float entropy_of(SharedArray<float> z, int label, float scale, float& along) {
  float highest = z[0], sum = 0.0f, weighted = 0.0f;
  for (int k = 1; k < kClusters; ++k) highest = fmaxf(highest, z[k * kThreads]);
  const float hit = z[label * kThreads] - highest;
  for (int k = 0; k < kClusters; ++k) {
    const float below = z[k * kThreads] - highest, power = expf(below);
    sum += power;
    weighted += power * below;
    z[k * kThreads] = power;
  }
  for (int k = 0; k < kClusters; ++k) z[k * kThreads] *= scale / sum;
  z[label * kThreads] -= scale;
  along += scale * (weighted / sum - hit);
  return logf(sum) - hit;
}

__device__ __forceinline__ void write_gradient(const float (&feature)[kDims], float inverse, float along,
                                               SharedArray<float> centroids, SharedArray<float> gradient, float* out) {
#pragma unroll
  for (int first = 0; first < kDims; first += kChunk) {
    float sum[kChunk] = {};
    for (int k = 0; k < kColumns; ++k) {
      const float of_k = gradient[k * kThreads];
#pragma unroll
      for (int d = 0; d < kChunk; d += 4) {
        const Pack<float, 4> centroid = load_pack<4>(centroids + (k * kDims + first + d));
#pragma unroll
        for (int i = 0; i < 4; ++i) sum[d + i] += of_k * centroid[i];
      }
    }
#pragma unroll
    for (int d = 0; d < kChunk; ++d) sum[d] = (sum[d] - along * (feature[first + d] * inverse)) * inverse;
    store_floats(out + first, sum);
  }
}

__global__ void __launch_bounds__(kThreads) loss_kernel(const LossCase c, const double* weights, double* losses) {
  BS_SHARED(double, scratch, kWarp);
  const SharedArray<float> centroids = dynamic_shared<float>(), logits = dynamic_shared<float>(kLogits) + threadIdx.x;
  float scale[kTargets];
  double loss[kTargets] = {};
  for (int t = 0; t < kTargets; ++t) scale[t] = scale_of(weights, t);
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kDims; i += kThreads) centroids[i] = c.centroids[i];
  __syncthreads();
  for (int64_t row = int64_t{blockIdx.x} * kThreads + threadIdx.x; row < c.rows; row += gridDim.x * kThreads) {
    float feature[kDims], square = 0.0f, along = 0.0f;
    load_floats(c.features + row * kDims, feature);
#pragma unroll
    for (int d = 0; d < kDims; ++d) square += feature[d] * feature[d];
    const float inverse = 1.0f / fmaxf(sqrtf(square), kEps);
    multiply_features(feature, inverse, centroids, logits);
#pragma unroll
    for (int t = 0; t < kTargets; ++t) {
      const float weight = weight_of(c, t, row);
      loss[t] += static_cast<double>(
          weight * entropy_of(logits + t * kClusters * kThreads, c.labels[t * c.rows + row], weight * scale[t], along));
    }
    write_gradient(feature, inverse, along, centroids, logits, c.dfeatures + row * kDims);
  }
  for (int t = 0; t < kTargets; ++t) {
    const double total = block_sum(loss[t], scratch);
    if (threadIdx.x == 0) losses[t * kMaxBlocks + blockIdx.x] = total;
  }
}

}  // namespace

void v3_thread_per_row(Stream stream, const LossCase& c) {
  const Scratch s(c);
  const int64_t blocks = std::min<int64_t>(ceil_div(c.rows, kThreads), kMaxBlocks);
  launch(weights_kernel, {dim3(kParts, kTargets), 256}, stream, c, s.weights);
  launch(loss_kernel, {blocks, kThreads, kSharedBytes}, stream, c, s.weights, s.losses);
  launch(terms_kernel, {kTargets, kWarp}, stream, s.weights, s.losses, blocks, c.terms);
}

}  // namespace bareseg::cosine_ladder
