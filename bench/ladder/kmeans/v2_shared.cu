// Rung 2: centroids and sums in shared memory. All threads of a warp read the same four numbers of a centroid at once,
// one read for four multiply-adds; distances become norms and products. Then a block per part of the points has a
// thread per dimension, which adds a point to its cluster's sum: points are read coalesced, no two threads meet, and
// 264 parts fill the GPU. Bound by shared memory in the first kernel, whose threads still read rows each on its own,
// and by the chain of read, add and write back in the second; and the points are read twice.
#include <algorithm>

#include "bench/ladder/kmeans/sums.cuh"

namespace bareseg::kmeans_ladder {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads) label_kernel(const KMeansCase c) {
  BS_SHARED(float, centroids, kClusters* kDims);
  BS_SHARED(float, norms, kClusters);
  for (int i = static_cast<int>(threadIdx.x); i < kClusters * kDims; i += kThreads) centroids[i] = c.centroids[i];
  __syncthreads();
  if (threadIdx.x < kClusters) {
    float norm = 0.0f;
    for (int d = 0; d < kDims; ++d) norm += centroids[threadIdx.x * kDims + d] * centroids[threadIdx.x * kDims + d];
    norms[threadIdx.x] = norm;
  }
  __syncthreads();
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= c.n) return;
  float products[kClusters] = {};
  for (int d = 0; d < kDims; d += 4) {
    const Pack<float, 4> x = load_pack<4>(c.points + i * kDims + d);
#pragma unroll
    for (int k = 0; k < kClusters; ++k) {
      const Pack<float, 4> centroid = load_pack<4>(centroids + (k * kDims + d));
#pragma unroll
      for (int e = 0; e < 4; ++e) products[k] += x[e] * centroid[e];
    }
  }
  float least = INFINITY;
  int label = 0;
#pragma unroll
  for (int k = 0; k < kClusters; ++k) {
    const float score = norms[k] - 2.0f * products[k];
    label = score < least ? k : label;
    least = score < least ? score : least;
  }
  c.labels[i] = static_cast<uint8_t>(label);
}

__global__ void __launch_bounds__(kDims) sum_kernel(const KMeansCase c, const Scratch s) {
  BS_SHARED(float, sums, kClusters* kDims);
  BS_SHARED(double, scratch, kWarp);
  const int d = static_cast<int>(threadIdx.x);
  for (int k = 0; k < kClusters; ++k) sums[k * kDims + d] = 0.0f;
  const int64_t part = blockIdx.x, end = c.n * (part + 1) / gridDim.x;
  double inertia = 0.0;
  int64_t count = 0;  // of cluster d
  for (int64_t i = c.n * part / gridDim.x; i < end; ++i) {
    const int label = c.labels[i];
    const float x = c.points[i * kDims + d], difference = x - c.centroids[label * kDims + d];
    sums[label * kDims + d] += x;
    inertia += static_cast<double>(difference * difference);
    count += label == d ? 1 : 0;
  }
  for (int k = 0; k < kClusters; ++k) s.sums[(part * kClusters + k) * kDims + d] = sums[k * kDims + d];
  if (d < kClusters) s.counts[part * kClusters + d] = count;
  inertia = block_sum(inertia, scratch);
  if (d == 0) s.inertia[part] = inertia;
}

}  // namespace

void v2_shared(Stream stream, const KMeansCase& c) {
  const Scratch s(c);
  const int64_t parts = std::min(c.n, kMaxParts);
  launch(label_kernel, {ceil_div(c.n, kThreads), kThreads}, stream, c);
  launch(sum_kernel, {parts, kDims}, stream, c, s);
  launch(add_parts_kernel, {kClusters, kDims}, stream, c, s, parts);
}

}  // namespace bareseg::kmeans_ladder
