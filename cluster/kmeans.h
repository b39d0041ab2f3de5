// k-means over many points, whole or group by group. All passes over the points are primitives of their device's
// backend; only K x D results come to the host.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace bareseg {

/// Where the first centroids come from.
/// random:     K distinct points, the ones faiss draws: a Fisher-Yates prefix by MT19937 seeded with seed + 1.
/// plus_plus:  k-means++ (Arthur & Vassilvitskii 2007): each next point with probability proportional to its squared
///             distance from those before. Costs about K / 2 iterations, so it is meant for small K.
enum class KMeansStart { random, plus_plus };

struct KMeansOptions {
  int64_t clusters = 27;    // K
  int64_t iterations = 20;  // Lloyd iterations, always all of them
  uint64_t seed = 0;
  KMeansStart start = KMeansStart::random;
};

/// One Lloyd iteration: sum of squared distances to the centroids it began with, and empty clusters it repaired.
struct KMeansIteration {
  double inertia = 0.0;
  int64_t repaired = 0;
};

struct KMeansResult {
  Tensor centroids;             // float32 [K, D] on the points' device, plain means
  std::vector<int64_t> counts;  // [K] points nearest to each final centroid
  double loss = 0.0;            // mean squared distance to the nearest final centroid
  std::vector<KMeansIteration> iterations;
};

/// Lloyd's algorithm on points [N, D], float32 or bfloat16. An iteration assigns every point to its nearest centroid,
/// takes the means and repairs empty clusters as faiss does: a large cluster, drawn by its size, is split in two by
/// factors 1 +- 1/1024 on even and odd coordinates. A last assignment gives counts and loss.
///
/// @throws Error when points are not float [N, D] with D > 0, K is not in [1, N], iterations is negative, or a point is
///         NaN, infinite, or so large that its squared distance is no float32.
KMeansResult kmeans(const Tensor& points, const KMeansOptions& options);

/// Nearest centroid of every point [N, D]: uint8 [N] when K <= 256, else int32 [N].
/// @throws Error when centroids are not float32 [K, D] on the same device.
Tensor assign_clusters(const Tensor& points, const Tensor& centroids, Metric metric = Metric::euclidean);

/// The first `count` entries of faiss' permutation of 0 .. n - 1 for a clustering seed.
std::vector<int64_t> faiss_start_points(int64_t n, int64_t count, uint64_t seed);

struct MiniBatchKMeansOptions {
  KMeansOptions kmeans = {};
  int64_t init_batches = 20;  // batches of the first group, which Lloyd's algorithm clusters
  int64_t num_batches = 1;    // batches of each later group, which moves the centroids
  int64_t batch_rows = 0;     // most points of a batch; 0: as many as the first batch has
};

/// k-means over a stream of batches. The first group of min(init_batches, total) batches is clustered; each later group
/// of num_batches is assigned to the centroids as they are, and then every centroid moves so that it stays the mean of
/// all points ever assigned to it. An incomplete group at the end is never used.
class MiniBatchKMeans {
 public:
  /// `total_batches` is the number of batches that will be added.
  /// @throws Error when a number of batches is not positive.
  MiniBatchKMeans(const MiniBatchKMeansOptions& options, int64_t total_batches);

  /// Points [n, D], copied when their group is not complete yet.
  /// @throws Error on another D, dtype or device than before, on no rows, more rows or more batches than promised, and
  ///         as kmeans() does.
  void add(const Tensor& batch);

  /// No more batches will come, fewer than were promised where some could not be read: an incomplete first group is
  /// clustered as it is. @throws Error when nothing was added, and as kmeans() does.
  void finish();

  bool ready() const { return centroids_.defined(); }
  /// float32 [K, D]. Throws Error before the first group is complete, as the next three do.
  const Tensor& centroids() const;
  /// Points ever assigned to each cluster.
  const std::vector<int64_t>& counts() const;
  /// Mean over groups of the mean squared distance before the group's update; the first group counts once.
  double loss() const;
  /// Mean squared distance of the first group to its final centroids.
  double initial_loss() const;
  /// The Lloyd iterations of the first group.
  const std::vector<KMeansIteration>& iterations() const;

 private:
  void process(const Tensor& points);
  void move_centroids(const Tensor& points);

  MiniBatchKMeansOptions options_;
  int64_t total_, added_ = 0;
  int64_t counter_ = 0;  // the authors' buffer counter; a group ends when it reaches first_
  int64_t first_ = 0;    // batches of the first group
  Tensor buffer_;        // [batches * rows, D] of the group being collected
  int64_t buffered_rows_ = 0;
  int64_t rows_per_batch_ = 0;
  int64_t dims_ = 0;  // of the first batch, as the next two
  DType dtype_ = kFloat32;
  Device device_;
  Tensor centroids_;
  std::vector<int64_t> counts_;
  double loss_sum_ = 0.0, initial_loss_ = 0.0;
  int64_t groups_ = 0;
  std::vector<KMeansIteration> iterations_;
};

}  // namespace bareseg
