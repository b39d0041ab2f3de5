// Rung 1: a thread per point measures its distance to each centroid, all from global memory; then a block per cluster
// goes through all labels and adds up the points that are its own, as one would with a mask per cluster.
// Neighbouring threads read numbers 512 bytes apart; centroids come from L1 again and again, one read per multiply-add;
// and 27 blocks, each with one chain of dependent reads over all points, leave the GPU idle.
#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "cuda/device/warp.cuh"

namespace bareseg::kmeans_ladder {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) label_kernel(const KMeansCase c, const Scratch s) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= c.n) return;
  float least = INFINITY;
  for (int k = 0; k < kClusters; ++k) {
    float distance = 0.0f;
    for (int d = 0; d < kDims; ++d) {
      const float difference = c.points[i * kDims + d] - c.centroids[k * kDims + d];
      distance += difference * difference;
    }
    if (distance < least) {
      least = distance;
      c.labels[i] = static_cast<uint8_t>(k);
    }
  }
  s.distances[i] = least;
}

// Block k: cluster k, a thread per dimension.
__global__ void __launch_bounds__(kDims) sum_kernel(const KMeansCase c) {
  const int k = static_cast<int>(blockIdx.x);
  double sum = 0.0;
  int64_t count = 0;
  for (int64_t i = 0; i < c.n; ++i) {
    if (c.labels[i] != k) continue;
    sum += static_cast<double>(c.points[i * kDims + threadIdx.x]);
    ++count;
  }
  c.sums[k * kDims + threadIdx.x] = static_cast<float>(sum);
  if (threadIdx.x == 0) c.counts[k] = count;
}

__global__ void __launch_bounds__(kThreads) inertia_kernel(const KMeansCase c, const Scratch s) {
  BS_SHARED(double, scratch, kWarp);
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < c.n; i += kThreads) sum += static_cast<double>(s.distances[i]);
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) *c.inertia = static_cast<float>(sum);
}

}  // namespace

void v1_naive(Stream stream, const KMeansCase& c) {
  const Scratch s(c);
  launch(label_kernel, {ceil_div(c.n, kThreads), kThreads}, stream, c, s);
  launch(sum_kernel, {kClusters, kDims}, stream, c);
  launch(inertia_kernel, {1, kThreads}, stream, c, s);
}

}  // namespace bareseg::kmeans_ladder
