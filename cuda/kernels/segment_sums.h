// Points sorted by label, and their sums cluster by cluster: k-means with more clusters than one block can hold sums
// of.
#pragma once

#include "cuda/kernels/kmeans.h"
#include "cuda/launch.h"

namespace bareseg {

/// Parts of n labels that are sorted side by side.
int64_t sort_parts(int64_t n, int64_t clusters);

/// counts[k]: how many labels are k. order [n]: the numbers of the points, by label, equal labels as they come.
/// start [clusters + 1]: where each label begins in `order`. table int32 [sort_parts(n, clusters), clusters] is
/// scratch. Label is uint8_t or int32_t.
template <typename Label>
void sort_by_label(Stream stream, const Label* labels, int64_t n, int64_t clusters, int32_t* table, int64_t* counts,
                   int64_t* start, int64_t* order);

/// Pieces of `order` that are added up side by side, and parts of the inertia that come of it.
int64_t segment_pieces(int64_t n);
int64_t segment_inertias(int64_t n, int64_t dims);

/// Scratch of sum_segments.
struct SegmentParts {
  double* own;      // [clusters, dims] points of a cluster in the piece where it begins, not at the piece's own begin
  double* heads;    // [pieces, dims] points of a piece's first cluster
  double* inertia;  // [segment_inertias(n, dims)]
};
/// Sums and inertia of points [n, dims] sorted as above; totals.counts is left alone.
template <typename T>
void sum_segments(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims, int64_t clusters,
                  bool euclidean, const int64_t* start, const int64_t* order, const SegmentParts& parts,
                  const ClusterTotals& totals);

}  // namespace bareseg
