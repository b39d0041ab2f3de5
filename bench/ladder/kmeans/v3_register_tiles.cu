// Rung 3: one pass. A block takes 128 points at a time through shared memory, read coalesced and once; there a thread
// owns 4 points x 4 centroids of the products, so that a 16-byte read serves 8 multiply-adds, and the eight lanes of a
// point compare what they have. The tile is still there when its labels are known: a thread per dimension and half of
// the tile adds the points to sums in shared memory.
// Bound by shared memory (a read for 8 multiply-adds is half of what it can keep up with) and by float32 arithmetic, 94
// us on an H200; and adding a point waits for the point before, whose sum it may need.
#include <algorithm>

#include "bench/ladder/kmeans/sums.cuh"

namespace bareseg::kmeans_ladder {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 128;          // points
constexpr int kPadded = 32;         // centroids, those past the last one never nearest
constexpr int kStride = kDims + 4;  // of rows: neighbouring rows begin in different banks
constexpr int kOwn = 4;             // points, and centroids, of a thread
constexpr int kHalves = kThreads / kDims;
constexpr size_t kCentroidsAt = sizeof(float) * kTile * kStride;
constexpr size_t kSumsAt = kCentroidsAt + sizeof(float) * kPadded * kStride;
constexpr size_t kSharedBytes = kSumsAt + sizeof(float) * kHalves * kClusters * kDims;

// Rows of kDims, 0 past `valid`.
__device__ __forceinline__ void load_rows(SharedArray<float> to, const float* from, int rows, int64_t valid) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * kDims / 4; i += kThreads) {
    const int row = i / (kDims / 4), column = i % (kDims / 4) * 4;
    Pack<float, 4> pack{};
    if (row < valid) pack = load_pack<4>(from + row * kDims + column);
    store_pack<4>(to + (row * kStride + column), pack);
  }
}

// Thread: points first + 4 i of its warp's 16, centroids 8 j + lane % 8.
__device__ __forceinline__ void label_tile(SharedArray<float> points, SharedArray<float> centroids,
                                           SharedArray<float> norms, SharedArray<int> labels) {
  const int lane = lane_in_warp(), first = static_cast<int>(threadIdx.x) / kWarp * 16 + lane / 8;
  float products[kOwn][kOwn] = {};
  for (int d = 0; d < kDims; d += 4) {
    Pack<float, 4> x[kOwn];
#pragma unroll
    for (int i = 0; i < kOwn; ++i) x[i] = load_pack<4>(points + ((first + 4 * i) * kStride + d));
#pragma unroll
    for (int j = 0; j < kOwn; ++j) {
      const Pack<float, 4> centroid = load_pack<4>(centroids + ((8 * j + lane % 8) * kStride + d));
#pragma unroll
      for (int i = 0; i < kOwn; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e) products[i][j] += x[i][e] * centroid[e];
    }
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    float least = INFINITY;
    int label = 0;
#pragma unroll
    for (int j = 0; j < kOwn; ++j) {
      const int k = 8 * j + lane % 8;
      const float score = norms[k] - 2.0f * products[i][j];
      label = score < least ? k : label;
      least = score < least ? score : least;
    }
#pragma unroll
    for (int mask = 1; mask < 8; mask *= 2) {
      const float other = warp_shuffle_xor(least, mask);
      const int other_label = warp_shuffle_xor(label, mask);
      const bool better = other < least || (other == least && other_label < label);
      least = better ? other : least;
      label = better ? other_label : label;
    }
    if (lane % 8 == 0) labels[first + 4 * i] = label;
  }
}

// Adds `count` points of the tile to the sums of the thread's half; returns their part of the inertia.
__device__ __forceinline__ float add_tile(SharedArray<float> points, SharedArray<float> centroids,
                                          SharedArray<int> labels, SharedArray<float> sums, int count) {
  const int d = static_cast<int>(threadIdx.x) % kDims, half = static_cast<int>(threadIdx.x) / kDims;
  const int end = min(count, (half + 1) * kTile / kHalves);
  float inertia = 0.0f;
  for (int i = half * kTile / kHalves; i < end; ++i) {
    const int label = labels[i];
    const float x = points[i * kStride + d], difference = x - centroids[label * kStride + d];
    sums[(half * kClusters + label) * kDims + d] += x;
    inertia += difference * difference;
  }
  return inertia;
}

__global__ void __launch_bounds__(kThreads, 2) accumulate_kernel(const KMeansCase c, const Scratch s) {
  const SharedArray<float> points = dynamic_shared<float>(), centroids = dynamic_shared<float>(kCentroidsAt);
  const SharedArray<float> sums = dynamic_shared<float>(kSumsAt);
  BS_SHARED(float, norms, kPadded);
  BS_SHARED(int, labels, kTile);
  BS_SHARED(double, scratch, kWarp);
  const int thread = static_cast<int>(threadIdx.x);
  load_rows(centroids, c.centroids, kPadded, kClusters);
  for (int i = thread; i < kHalves * kClusters * kDims; i += kThreads) sums[i] = 0.0f;
  __syncthreads();
  if (thread < kPadded) {
    float norm = thread < kClusters ? 0.0f : INFINITY;
    for (int d = 0; d < kDims; ++d) norm += centroids[thread * kStride + d] * centroids[thread * kStride + d];
    norms[thread] = norm;
  }
  double inertia = 0.0;
  int64_t members = 0;  // of cluster `thread`
  for (int64_t first = int64_t{blockIdx.x} * kTile; first < c.n; first += int64_t{gridDim.x} * kTile) {
    const int count = static_cast<int>(c.n - first < kTile ? c.n - first : kTile);
    load_rows(points, c.points + first * kDims, kTile, count);
    __syncthreads();
    label_tile(points, centroids, norms, labels);
    __syncthreads();
    if (thread < count) c.labels[first + thread] = static_cast<uint8_t>(labels[thread]);
    if (thread < kClusters)
      for (int i = 0; i < count; ++i) members += labels[i] == thread ? 1 : 0;
    inertia += static_cast<double>(add_tile(points, centroids, labels, sums, count));
    __syncthreads();
  }
  for (int i = thread; i < kClusters * kDims; i += kThreads)
    s.sums[int64_t{blockIdx.x} * kClusters * kDims + i] = sums[i] + sums[kClusters * kDims + i];
  if (thread < kClusters) s.counts[int64_t{blockIdx.x} * kClusters + thread] = members;
  inertia = block_sum(inertia, scratch);
  if (thread == 0) s.inertia[blockIdx.x] = inertia;
}

}  // namespace

void v3_register_tiles(Stream stream, const KMeansCase& c) {
  const Scratch s(c);
  const int64_t parts = std::min(ceil_div(c.n, kTile), kMaxParts);
  launch(accumulate_kernel, {parts, kThreads, kSharedBytes}, stream, c, s);
  launch(add_parts_kernel, {kClusters, kDims}, stream, c, s, parts);
}

}  // namespace bareseg::kmeans_ladder
