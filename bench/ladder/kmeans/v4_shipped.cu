// Rung 4: the kernel of the program, cuda/kernels/kmeans.cu. Products by tensor cores, from three bfloat16 per float,
// so that they stay exact to float32; the tile's points sorted by label, so that a run of equal ones is added in
// registers and touches its sum once; copies to shared memory that pass no registers. Bound by reading the points.
#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "cuda/kernels/kmeans.h"

namespace bareseg::kmeans_ladder {

void v4_shipped(Stream stream, const KMeansCase& c) {
  const FusedPlan plan = plan_kmeans_fused<float>(c.n, kDims, kClusters);
  double* sums = reinterpret_cast<double*>(c.scratch);
  double* inertia = sums + plan.blocks * plan.cells;
  kmeans_accumulate_fused(stream, c.points, c.centroids, c.n, kDims, kClusters, true, {.narrow = c.labels}, plan,
                          {sums, reinterpret_cast<int64_t*>(inertia + plan.blocks), inertia},
                          {c.sums, c.counts, c.inertia});
}

}  // namespace bareseg::kmeans_ladder
