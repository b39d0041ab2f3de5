#include "cluster/kmeans_start.h"

#include <cmath>
#include <random>
#include <unordered_map>

#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kChunk = 65536;   // points whose inertia is taken in one call
constexpr int64_t kHostRows = 256;  // points searched on the host

// Rows [begin, end) as float32 on the host.
std::vector<float> host_rows(const Tensor& points, int64_t begin, int64_t end) {
  const Tensor rows = points.rows(begin, end);
  if (rows.dtype() == kFloat32) return rows.to_vector<float>();
  const std::vector<bfloat16> narrow = rows.to_vector<bfloat16>();
  std::vector<float> wide(narrow.size());
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = static_cast<float>(narrow[i]);
  return wide;
}

// Squared distances of points to the nearest of the centroids chosen so far.
class Distances {
 public:
  Distances(const Tensor& points, const std::vector<float>& chosen) : points_(points), chosen_(chosen) {
    const int64_t dims = points.dim(1), clusters = static_cast<int64_t>(chosen.size()) / dims;
    centroids_ = Tensor::from(chosen, {clusters, dims}, points.device());
    sums_ = Tensor::empty_like(centroids_);
    counts_ = Tensor::empty({clusters}, kInt64, points.device());
  }

  // Queues the sum over rows [begin, end); read it with item().
  Tensor inertia(int64_t begin, int64_t end) {
    Tensor labels;
    Tensor total = Tensor::empty({1}, kFloat32, points_.device());
    backend(points_.device())
        .kmeans_accumulate(points_.rows(begin, end), centroids_, Metric::euclidean, labels, sums_, counts_, total);
    return total;
  }

  // The point of [begin, end) at which the running sum of squared distances passes `target`.
  int64_t search(int64_t begin, int64_t end, double target) {
    while (end - begin > kHostRows) {
      const int64_t middle = begin + (end - begin) / 2;
      const double left = inertia(begin, middle).item();
      if (target < left) {
        end = middle;
      } else {
        target -= left;
        begin = middle;
      }
    }
    const std::vector<float> rows = host_rows(points_, begin, end);
    int64_t last = begin;  // the last point that is not a centroid already
    for (int64_t i = begin; i < end; ++i) {
      const double distance = nearest(rows.data() + (i - begin) * points_.dim(1));
      if (distance > 0.0) last = i;
      if (target < distance) return i;
      target -= distance;
    }
    return last;  // rounding left a little of the target
  }

 private:
  double nearest(const float* point) const {
    const size_t dims = static_cast<size_t>(points_.dim(1));
    double least = HUGE_VAL;
    for (size_t k = 0; k < chosen_.size(); k += dims) {
      double sum = 0.0;
      for (size_t d = 0; d < dims; ++d) {
        const double difference = static_cast<double>(point[d]) - static_cast<double>(chosen_[k + d]);
        sum += difference * difference;
      }
      least = std::min(least, sum);
    }
    return least;
  }

  const Tensor& points_;
  const std::vector<float>& chosen_;
  Tensor centroids_, sums_, counts_;
};

// Uniform in [0, 1) with 53 random bits, so that every one of many points can be hit.
double uniform_double(Random& random) {
  const uint64_t high = random.next_u32() >> 5;
  return static_cast<double>(high << 26 | random.next_u32() >> 6) * 0x1p-53;
}

int64_t next_plus_plus(const Tensor& points, const std::vector<float>& chosen, Random& random) {
  Distances distances(points, chosen);
  const int64_t n = points.dim(0);
  std::vector<Tensor> pending;
  for (int64_t begin = 0; begin < n; begin += kChunk)
    pending.push_back(distances.inertia(begin, std::min(begin + kChunk, n)));
  std::vector<double> sums;
  double total = 0.0;
  for (const Tensor& sum : pending) total += sums.emplace_back(sum.item());
  BS_CHECK(std::isfinite(total),
           "kmeans: points must be finite and their squared distances fit float32, but the inertia is ", total);
  if (total <= 0.0) return static_cast<int64_t>(random.below(static_cast<uint64_t>(n)));  // only duplicates are left
  double target = uniform_double(random) * total;
  size_t chunk = 0;
  while (chunk + 1 < sums.size() && target >= sums[chunk]) target -= sums[chunk++];
  const int64_t begin = static_cast<int64_t>(chunk) * kChunk;
  return distances.search(begin, std::min(begin + kChunk, n), target);
}

}  // namespace

std::vector<int64_t> faiss_start_points(int64_t n, int64_t count, uint64_t seed) {
  BS_CHECK(count >= 0 && count <= n, "faiss_start_points: expected at most ", n, " of ", n, " points, got ", count);
  std::mt19937 generator(static_cast<uint32_t>(seed + 1));
  std::unordered_map<int64_t, int64_t> moved;  // entries of the permutation that differ from their index
  const auto entry = [&](int64_t i) {
    const auto found = moved.find(i);
    return found == moved.end() ? i : found->second;
  };
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t other = i + static_cast<int64_t>(generator()) % (n - i);
    chosen.push_back(entry(other));
    moved[other] = entry(i);
  }
  return chosen;
}

Tensor start_centroids(const Tensor& points, const KMeansOptions& options) {
  const int64_t n = points.dim(0), dims = points.dim(1), clusters = options.clusters;
  std::vector<float> chosen;
  const auto take = [&](int64_t i) {
    const std::vector<float> row = host_rows(points, i, i + 1);
    chosen.insert(chosen.end(), row.begin(), row.end());
  };
  if (options.start == KMeansStart::random) {
    for (const int64_t i : faiss_start_points(n, clusters, options.seed)) take(i);
  } else {
    Random random(options.seed, Draws::kmeans);
    take(static_cast<int64_t>(random.below(static_cast<uint64_t>(n))));
    while (static_cast<int64_t>(chosen.size()) < clusters * dims) take(next_plus_plus(points, chosen, random));
  }
  return Tensor::from(chosen, {clusters, dims}, points.device());
}

}  // namespace bareseg
