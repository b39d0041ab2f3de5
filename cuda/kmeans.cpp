#include "cuda/kernels/kmeans.h"

#include "cuda/kernel_backend.h"
#include "cuda/kernels/kmeans_update.h"
#include "cuda/kernels/segment_sums.h"

namespace bareseg {
namespace {

LabelsOut labels_out(const Tensor& labels) {
  if (!labels.defined()) return {};
  if (labels.dtype() == kUInt8) return {.narrow = labels.data<uint8_t>()};
  return {.wide = labels.data<int32_t>()};
}

// Points with their centroids, and where the totals go.
struct Clustering {
  const Tensor &points, &centroids;
  bool euclidean;
  ClusterTotals totals;

  int64_t n() const { return points.dim(0); }
  int64_t dims() const { return points.dim(1); }
  int64_t clusters() const { return centroids.dim(0); }
  // `count` numbers of eight bytes.
  Tensor scratch(int64_t count) const { return Tensor::empty({count}, kInt64, points.device()); }
};

template <typename T>
void accumulate_fused(const Clustering& c, Stream stream, const LabelsOut& labels, const FusedPlan& plan) {
  const Tensor sums = c.scratch(plan.blocks * plan.cells), counts = c.scratch(plan.blocks * c.clusters());
  const Tensor inertia = c.scratch(plan.blocks);
  const FusedParts parts{static_cast<double*>(sums.raw()), counts.data<int64_t>(), static_cast<double*>(inertia.raw())};
  kmeans_accumulate_fused(stream, c.points.data<T>(), c.centroids.data<float>(), c.n(), c.dims(), c.clusters(),
                          c.euclidean, labels, plan, parts, c.totals);
}

template <typename T>
void accumulate_sorted(const Clustering& c, Stream stream, const Tensor& labels) {
  const int64_t n = c.n(), dims = c.dims(), clusters = c.clusters();
  kmeans_labels(stream, c.points.data<T>(), c.centroids.data<float>(), n, dims, clusters, c.euclidean,
                labels_out(labels));

  const Tensor table = Tensor::empty({sort_parts(n, clusters) * clusters}, kInt32, c.points.device());
  const Tensor start = c.scratch(clusters + 1), order = c.scratch(n);
  const auto sort = [&](const auto* label) {
    sort_by_label(stream, label, n, clusters, table.data<int32_t>(), c.totals.counts, start.data<int64_t>(),
                  order.data<int64_t>());
  };
  labels.dtype() == kUInt8 ? sort(labels.data<uint8_t>()) : sort(labels.data<int32_t>());

  const int64_t pieces = segment_pieces(n);
  const Tensor own = c.scratch(clusters * dims), heads = c.scratch(pieces * dims);
  const Tensor inertia = c.scratch(segment_inertias(n, dims));
  const SegmentParts parts{static_cast<double*>(own.raw()), static_cast<double*>(heads.raw()),
                           static_cast<double*>(inertia.raw())};
  sum_segments(stream, c.points.data<T>(), c.centroids.data<float>(), n, dims, clusters, c.euclidean,
               start.data<int64_t>(), order.data<int64_t>(), parts, c.totals);
}

}  // namespace

void KernelBackend::kmeans_assign(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels) {
  dispatch_float(points.dtype(), [&](auto type) {
    kmeans_labels(stream(points.device()), points.data<decltype(type)>(), centroids.data<float>(), points.dim(0),
                  points.dim(1), centroids.dim(0), metric == Metric::euclidean, labels_out(labels));
  });
}

void KernelBackend::kmeans_accumulate(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels,
                                      Tensor& sums, Tensor& counts, Tensor& inertia) {
  const Clustering c{points,
                     centroids,
                     metric == Metric::euclidean,
                     {sums.data<float>(), counts.data<int64_t>(), inertia.data<float>()}};
  dispatch_float(points.dtype(), [&](auto type) {
    using T = decltype(type);
    const FusedPlan plan = plan_kmeans_fused<T>(c.n(), c.dims(), c.clusters());
    if (plan.tile > 0)
      accumulate_fused<T>(c, stream(points.device()), labels_out(labels), plan);
    else
      accumulate_sorted<T>(c, stream(points.device()),
                           labels.defined() ? labels : Tensor::empty({c.n()}, kInt32, points.device()));
  });
}

void KernelBackend::kmeans_update(const Tensor& sums, const Tensor& counts, int64_t n, Tensor& centroids,
                                  Tensor& repaired) {
  const Tensor sizes = Tensor::empty(counts.shape(), kInt64, counts.device());  // of doubles
  bareseg::kmeans_update(stream(sums.device()), sums.data<float>(), counts.data<int64_t>(), n, sums.dim(0), sums.dim(1),
                         static_cast<double*>(sizes.raw()), centroids.data<float>(), repaired.data<int64_t>());
}

}  // namespace bareseg
