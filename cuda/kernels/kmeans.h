// Nearest centroids of points [n, dims], and what each point adds to its cluster. T is float or bfloat16, centroids are
// [clusters, dims]. Distances are squared 2-norms, or minus inner products where `euclidean` is false; the lowest index
// wins among equals, and a point without any (NaN) gets label 0.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// n labels as uint8 or int32, or none: at most one pointer is set.
struct LabelsOut {
  uint8_t* narrow = nullptr;
  int32_t* wide = nullptr;
};

template <typename T>
void kmeans_labels(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims, int64_t clusters,
                   bool euclidean, const LabelsOut& labels);

/// How kmeans_accumulate_fused splits its work.
struct FusedPlan {
  int64_t blocks = 0;
  int tile = 0;       // points of a block in shared memory; 0: no room there for centroids, sums and enough points
  int64_t cells = 0;  // numbers of one block's sums
};
template <typename T>
FusedPlan plan_kmeans_fused(int64_t n, int64_t dims, int64_t clusters);

/// What each block adds: scratch.
struct FusedParts {
  double* sums;     // [blocks, cells]
  int64_t* counts;  // [blocks, clusters]
  double* inertia;  // [blocks]
};
/// sums float [clusters, dims], counts [clusters], inertia [1]: sum of squared distances, or of 1 - inner product.
struct ClusterTotals {
  float* sums;
  int64_t* counts;
  float* inertia;
};

/// Labels and totals in one pass over the points.
template <typename T>
void kmeans_accumulate_fused(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims,
                             int64_t clusters, bool euclidean, const LabelsOut& labels, const FusedPlan& plan,
                             const FusedParts& parts, const ClusterTotals& totals);

}  // namespace bareseg
