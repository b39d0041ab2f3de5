// The end of a Lloyd iteration.
//   means   centroids[k, d] = sums[k, d] / counts[k], a thread per number. Memory bound: 8 bytes read and written per
//           number, of a few thousand; its launch is what it takes.
//   repair  one block. Without an empty cluster it reads the counts and is done. Else thread 0 draws which cluster each
//           empty one gets half of, one after the other as the specification has it, and the block moves the rows.
//           Rare, and bound by thread 0's chain of draws.
#include "cuda/kernels/kmeans_update.h"

#include "cuda/device/warp.cuh"
#include "engine/kmeans_repair.h"

namespace bareseg {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    means_kernel(const float* __restrict__ sums, const int64_t* __restrict__ counts, int64_t n, int64_t dims,
                 float* __restrict__ centroids) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n) return;
  const int64_t count = counts[i / dims];
  centroids[i] = count > 0 ? sums[i] / static_cast<float>(count) : sums[i];
}

__global__ void __launch_bounds__(kThreads)
    repair_kernel(const int64_t* __restrict__ counts, int64_t n, int64_t clusters, int64_t dims,
                  double* __restrict__ sizes, float* __restrict__ centroids, int64_t* __restrict__ repaired) {
  using Words = SharedArray<uint32_t>;
  BS_SHARED(uint32_t, state, mt19937::kWords);
  BS_SHARED(int64_t, found, 2);  // an empty cluster, or -1, and the one that is split
  BS_SHARED(int64_t, scratch, kWarp);
  const auto thread = static_cast<int64_t>(threadIdx.x);
  int64_t empty = 0;
  for (int64_t k = thread; k < clusters; k += kThreads) {
    sizes[k] = static_cast<double>(counts[k]);
    empty += counts[k] == 0 ? 1 : 0;
  }
  empty = block_sum(empty, scratch);
  if (thread == 0) *repaired = empty;
  if (empty == 0) return;
  // Thread 0 alone looks at sizes and draws.
  kmeans_repair::Draw<Words> draw(state);
  if (thread == 0) draw.seed(kmeans_repair::kSeed);
  int64_t next = 0;
  while (true) {
    if (thread == 0) {
      while (next < clusters && sizes[next] != 0.0) ++next;
      found[0] = next < clusters ? next : -1;
      if (next < clusters) {
        const int64_t from = kmeans_repair::cluster_to_split(sizes, clusters, n, draw);
        found[1] = from;
        sizes[next] = sizes[from] / 2.0;
        sizes[from] -= sizes[next];
        ++next;
      }
    }
    __syncthreads();
    const int64_t to = found[0], from = found[1];
    if (to < 0) return;
    for (int64_t d = thread; d < dims; d += kThreads) {
      const kmeans_repair::Halves halves = kmeans_repair::split(centroids[from * dims + d], d);
      centroids[to * dims + d] = halves.given;
      centroids[from * dims + d] = halves.kept;
    }
    __syncthreads();
  }
}

}  // namespace

void kmeans_update(Stream stream, const float* sums, const int64_t* counts, int64_t n, int64_t clusters, int64_t dims,
                   double* sizes, float* centroids, int64_t* repaired) {
  launch(means_kernel, {ceil_div(clusters * dims, kThreads), kThreads}, stream, sums, counts, clusters * dims, dims,
         centroids);
  launch(repair_kernel, {1, kThreads}, stream, counts, n, clusters, dims, sizes, centroids, repaired);
}

}  // namespace bareseg
