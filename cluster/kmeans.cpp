#include "cluster/kmeans.h"

#include <cmath>

#include "cluster/kmeans_start.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_points(const Tensor& points, const char* op) {
  BS_CHECK(points.defined() && points.rank() == 2 && points.dim(1) > 0, op, ": points must be [N, D] with D > 0, got ",
           points.defined() ? concat(points.shape()) : "an undefined tensor");
  BS_CHECK(is_float(points.dtype()), op, ": points must be float32 or bfloat16, got ", points.dtype());
}

void check_inertia(double inertia) {
  BS_CHECK(std::isfinite(inertia),
           "kmeans: points must be finite and their squared distances fit float32, but the inertia is ", inertia);
}

// One pass over the points and its results on the host.
struct Pass {
  std::vector<float> sums;      // [K, D]
  std::vector<int64_t> counts;  // [K]
  double inertia;
};

Pass accumulate(const Tensor& points, const Tensor& centroids) {
  const TraceRange range("kmeans_accumulate");
  const Device device = points.device();
  Tensor labels;
  Tensor sums = Tensor::empty_like(centroids);
  Tensor counts = Tensor::empty({centroids.dim(0)}, kInt64, device);
  Tensor inertia = Tensor::empty({1}, kFloat32, device);
  backend(device).kmeans_accumulate(points, centroids, Metric::euclidean, labels, sums, counts, inertia);
  Pass pass{sums.to_vector<float>(), counts.to_vector<int64_t>(), inertia.item()};
  check_inertia(pass.inertia);
  return pass;
}

}  // namespace

KMeansResult kmeans(const Tensor& points, const KMeansOptions& options) {
  const TraceRange range("kmeans");
  check_points(points, "kmeans");
  const int64_t n = points.dim(0), clusters = options.clusters;
  BS_CHECK(clusters >= 1 && clusters <= n, "kmeans: the number of clusters must be in [1, ", n,
           "], the number of points, got ", clusters);
  BS_CHECK(options.iterations >= 0, "kmeans: iterations must not be negative, got ", options.iterations);
  KMeansResult result;
  result.centroids = start_centroids(points, options);
  // Iterations follow each other on the device; what they report is read at the end, but for the first inertia, which
  // tells of points that are not finite.
  const Device device = points.device();
  Tensor labels, sums = Tensor::empty_like(result.centroids), counts = Tensor::empty({clusters}, kInt64, device);
  const Tensor inertias = Tensor::empty({options.iterations}, kFloat32, device);
  const Tensor repairs = Tensor::empty({options.iterations}, kInt64, device);
  for (int64_t i = 0; i < options.iterations; ++i) {
    Tensor inertia = inertias.rows(i, i + 1), repaired = repairs.rows(i, i + 1);
    backend(device).kmeans_accumulate(points, result.centroids, Metric::euclidean, labels, sums, counts, inertia);
    if (i == 0) check_inertia(inertia.item());
    backend(device).kmeans_update(sums, counts, n, result.centroids, repaired);
  }
  const std::vector<float> inertia = inertias.to_vector<float>();
  const std::vector<int64_t> repaired = repairs.to_vector<int64_t>();
  for (size_t i = 0; i < inertia.size(); ++i) result.iterations.push_back({inertia[i], repaired[i]});
  Pass last = accumulate(points, result.centroids);
  result.counts = std::move(last.counts);
  result.loss = last.inertia / static_cast<double>(n);
  return result;
}

Tensor assign_clusters(const Tensor& points, const Tensor& centroids, Metric metric) {
  const TraceRange range("assign_clusters");
  check_points(points, "assign_clusters");
  BS_CHECK(centroids.defined() && centroids.rank() == 2 && centroids.dtype() == kFloat32 && centroids.dim(0) > 0 &&
               centroids.dim(1) == points.dim(1) && centroids.device() == points.device(),
           "assign_clusters: centroids must be float32 [K, ", points.dim(1), "] on ", points.device(), ", got ",
           centroids.defined() ? concat(centroids.dtype(), " ", centroids.shape(), " on ", centroids.device())
                               : "an undefined tensor");
  Tensor labels = Tensor::empty({points.dim(0)}, centroids.dim(0) <= 256 ? kUInt8 : kInt32, points.device());
  backend(points.device()).kmeans_assign(points, centroids, metric, labels);
  return labels;
}

MiniBatchKMeans::MiniBatchKMeans(const MiniBatchKMeansOptions& options, int64_t total_batches)
    : options_(options), total_(total_batches), first_(std::min(options.init_batches, total_batches)) {
  BS_CHECK(options.init_batches > 0 && options.num_batches > 0 && total_batches > 0,
           "MiniBatchKMeans: init_batches, num_batches and the total must be positive, got ", options.init_batches,
           ", ", options.num_batches, " and ", total_batches);
}

void MiniBatchKMeans::add(const Tensor& batch) {
  check_points(batch, "MiniBatchKMeans");
  BS_CHECK(added_ < total_, "MiniBatchKMeans: ", total_, " batches were promised, got one more");
  if (added_ == 0) {
    rows_per_batch_ = options_.batch_rows > 0 ? options_.batch_rows : batch.dim(0);
    dims_ = batch.dim(1);
    dtype_ = batch.dtype();
    device_ = batch.device();
  }
  BS_CHECK(batch.dim(0) >= 1 && batch.dim(0) <= rows_per_batch_, "MiniBatchKMeans: a batch must have 1 to ",
           rows_per_batch_, " points, got ", batch.dim(0));
  BS_CHECK(batch.dim(1) == dims_ && batch.dtype() == dtype_ && batch.device() == device_,
           "MiniBatchKMeans: batches must be ", dtype_, " [n, ", dims_, "] on ", device_, ", got ", batch.dtype(), " ",
           batch.shape(), " on ", batch.device());
  ++added_;
  ++counter_;
  const int64_t group = groups_ == 0 ? first_ : options_.num_batches;
  if (group == 1) {
    process(batch);
    return;
  }
  if (!buffer_.defined()) buffer_ = Tensor::empty({group * rows_per_batch_, dims_}, dtype_, device_);
  Tensor place = buffer_.rows(buffered_rows_, buffered_rows_ + batch.dim(0));
  backend(device_).copy(batch, place);
  buffered_rows_ += batch.dim(0);
  if (counter_ == first_) process(buffer_.rows(0, buffered_rows_));
}

void MiniBatchKMeans::process(const Tensor& points) {
  if (groups_ == 0) {
    KMeansResult result = kmeans(points, options_.kmeans);
    centroids_ = result.centroids;
    counts_ = std::move(result.counts);
    iterations_ = std::move(result.iterations);
    loss_sum_ = initial_loss_ = result.loss;
    buffer_ = {};  // the first group may be far larger than the others
  } else {
    move_centroids(points);
  }
  ++groups_;
  buffered_rows_ = 0;
  counter_ = first_ - options_.num_batches;
}

void MiniBatchKMeans::finish() {
  BS_CHECK(added_ > 0, "clustering: no image could be read");
  if (groups_ == 0) process(buffer_.rows(0, buffered_rows_));
}

void MiniBatchKMeans::move_centroids(const Tensor& points) {
  const Pass pass = accumulate(points, centroids_);
  std::vector<float> centroids = centroids_.to_vector<float>();
  const size_t dims = static_cast<size_t>(points.dim(1));
  for (size_t k = 0; k < counts_.size(); ++k) {
    if (pass.counts[k] == 0) continue;
    counts_[k] += pass.counts[k];
    const double arrived = static_cast<double>(pass.counts[k]);
    const double rate = arrived / (static_cast<double>(counts_[k]) + 1e-6);
    for (size_t d = k * dims; d < (k + 1) * dims; ++d)
      centroids[d] = static_cast<float>((1.0 - rate) * static_cast<double>(centroids[d]) +
                                        rate * (static_cast<double>(pass.sums[d]) / arrived));
  }
  centroids_ = Tensor::from(centroids, centroids_.shape(), centroids_.device());
  loss_sum_ += pass.inertia / static_cast<double>(points.dim(0));
}

const Tensor& MiniBatchKMeans::centroids() const {
  BS_CHECK(ready(), "MiniBatchKMeans: the first group of ", first_, " batches is not complete, got ", added_);
  return centroids_;
}

const std::vector<int64_t>& MiniBatchKMeans::counts() const {
  centroids();
  return counts_;
}

double MiniBatchKMeans::loss() const {
  centroids();
  return loss_sum_ / static_cast<double>(groups_);
}

double MiniBatchKMeans::initial_loss() const {
  centroids();
  return initial_loss_;
}

const std::vector<KMeansIteration>& MiniBatchKMeans::iterations() const {
  centroids();
  return iterations_;
}

}  // namespace bareseg
