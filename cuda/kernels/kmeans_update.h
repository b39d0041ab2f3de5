// New centroids from what an iteration of k-means added up.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// centroids [clusters, dims] = sums / counts; then clusters without points are filled (engine/kmeans_repair.h) and
/// their number goes to repaired [1]. n is the sum of counts. sizes: scratch [clusters].
void kmeans_update(Stream stream, const float* sums, const int64_t* counts, int64_t n, int64_t clusters, int64_t dims,
                   double* sizes, float* centroids, int64_t* repaired);

}  // namespace bareseg
