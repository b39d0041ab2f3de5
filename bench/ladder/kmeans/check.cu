// The task as plain loops in double, and the comparison of a rung with them.
#include <memory>
#include <random>

#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "bench/ladder/ladder.h"
#include "cuda/kernels/kmeans.h"

namespace bareseg::kmeans_ladder {
namespace {

// Points around the centroids, so that clusters are of different sizes and some points lie between two.
struct Numbers {
  std::vector<float> points, centroids;

  explicit Numbers(int64_t n) {
    std::mt19937 random(20211210);
    std::normal_distribution<float> normal;
    for (int i = 0; i < kClusters * kDims; ++i) centroids.push_back(normal(random));
    for (int64_t i = 0; i < n; ++i) {
      const size_t k = random() % kClusters * (random() % 2);
      for (size_t d = 0; d < kDims; ++d) points.push_back(0.3f * centroids[k * kDims + d] + normal(random));
    }
  }
};

struct Arrays {
  ladder::DeviceArray<float> points, centroids;
  ladder::DeviceArray<char> scratch;
  ladder::DeviceArray<uint8_t> labels;
  ladder::DeviceArray<float> sums;
  ladder::DeviceArray<int64_t> counts;
  ladder::DeviceArray<float> inertia;
  KMeansCase given;

  Arrays(const Numbers& numbers, int64_t n)
      : points(numbers.points),
        centroids(numbers.centroids),
        scratch(scratch_bytes(n)),
        labels(n),
        sums(kClusters * kDims),
        counts(kClusters),
        inertia(1),
        given{.n = n,
              .points = points.data(),
              .centroids = centroids.data(),
              .scratch = scratch.data(),
              .labels = labels.data(),
              .sums = sums.data(),
              .counts = counts.data(),
              .inertia = inertia.data()} {}
};

double distance(const Numbers& n, int64_t point, int k) {
  double sum = 0.0;
  for (int d = 0; d < kDims; ++d) {
    const double difference = static_cast<double>(n.points[static_cast<size_t>(point * kDims + d)]) -
                              static_cast<double>(n.centroids[static_cast<size_t>(k * kDims + d)]);
    sum += difference * difference;
  }
  return sum;
}

// Compares all that a rung left: labels with the least distance, and the rest with what these labels add up to.
std::string compare(const Numbers& numbers, const Arrays& arrays, int64_t n) {
  constexpr double kTie = 1e-6, kAllowed = 1e-5;  // relative
  const std::vector<uint8_t> labels = arrays.labels.to_host();
  std::vector<double> sums(kClusters * kDims), inertia(1);
  std::vector<int64_t> counts(kClusters);
  for (int64_t i = 0; i < n; ++i) {
    const int label = labels[static_cast<size_t>(i)];
    if (label >= kClusters) return concat("label ", label, " of point ", i);
    double least = distance(numbers, i, 0);
    for (int k = 1; k < kClusters; ++k) least = std::min(least, distance(numbers, i, k));
    const double own = distance(numbers, i, label);
    if (own > least * (1.0 + kTie)) return concat("point ", i, ": a distance of ", own, " where ", least, " is least");
    inertia[0] += own;
    ++counts[static_cast<size_t>(label)];
    for (int d = 0; d < kDims; ++d) {
      sums[static_cast<size_t>(label * kDims + d)] +=
          static_cast<double>(numbers.points[static_cast<size_t>(i * kDims + d)]);
    }
  }
  if (arrays.counts.to_host() != counts) return "counts";
  const double off = ladder::relative_error(arrays.sums.to_host(), sums);
  const double inertia_off = ladder::relative_error(arrays.inertia.to_host(), inertia);
  if (off <= kAllowed && inertia_off <= kAllowed) return "";
  return concat("relative error of the sums ", off, ", of the inertia ", inertia_off);
}

}  // namespace

int64_t scratch_bytes(int64_t n) {
  const int64_t first = kMaxParts * (8 + kClusters * (8 + kDims * 4)) + n * 4;
  const FusedPlan plan = plan_kmeans_fused<float>(n, kDims, kClusters);
  return std::max(first, plan.blocks * (plan.cells + kClusters + 1) * 8);
}

const KMeansCase& make_case(int64_t n) {
  static std::unique_ptr<Arrays> arrays;
  arrays = std::make_unique<Arrays>(Numbers(n), n);
  return arrays->given;
}

std::string check(Rung rung, int64_t n) {
  const Numbers numbers(n);
  const Arrays arrays(numbers, n);
  rung(nullptr, arrays.given);
  const std::string wrong = compare(numbers, arrays, n);
  return wrong.empty() ? wrong : concat(n, " points: ", wrong);
}

}  // namespace bareseg::kmeans_ladder
