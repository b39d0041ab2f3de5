// What follows the main kernels of rungs 2 and 3: the parts' sums become the clusters'.
#pragma once

#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg::kmeans_ladder {

// Block k: sums and number of cluster k, a thread per dimension; block 0 also adds the inertia.
static __global__ void __launch_bounds__(kDims) add_parts_kernel(const KMeansCase c, const Scratch s, int64_t parts) {
  const int64_t cell = int64_t{blockIdx.x} * kDims + threadIdx.x;
  double sum = 0.0;
  for (int64_t part = 0; part < parts; ++part) sum += static_cast<double>(s.sums[part * kClusters * kDims + cell]);
  c.sums[cell] = static_cast<float>(sum);
  if (threadIdx.x == 0) {
    int64_t count = 0;
    for (int64_t part = 0; part < parts; ++part) count += s.counts[part * kClusters + blockIdx.x];
    c.counts[blockIdx.x] = count;
  }
  if (threadIdx.x == kWarp && blockIdx.x == 0) {
    double inertia = 0.0;
    for (int64_t part = 0; part < parts; ++part) inertia += s.inertia[part];
    *c.inertia = static_cast<float>(inertia);
  }
}

}  // namespace bareseg::kmeans_ladder
