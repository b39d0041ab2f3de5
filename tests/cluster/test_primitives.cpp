// The backend's clustering primitives against loops in double.
#include <cmath>
#include <tuple>

#include "cpu/cpu_backend.h"
#include "tests/cluster/helpers.h"

namespace bareseg {
namespace {

// score[i * K + k]: squared distance, or minus the inner product.
std::vector<double> all_scores(const Tensor& points, const Tensor& centroids, Metric metric) {
  const std::vector<float> x = floats(points), c = floats(centroids);
  const size_t n = static_cast<size_t>(points.dim(0)), clusters = static_cast<size_t>(centroids.dim(0));
  const size_t dims = static_cast<size_t>(points.dim(1));
  std::vector<double> scores(n * clusters);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < clusters; ++k)
      for (size_t d = 0; d < dims; ++d) {
        const double a = static_cast<double>(x[i * dims + d]), b = static_cast<double>(c[k * dims + d]);
        scores[i * clusters + k] += metric == Metric::euclidean ? (a - b) * (a - b) : -a * b;
      }
  return scores;
}

struct Result {
  Tensor labels, sums, counts, inertia;
};

Result accumulate(const Tensor& points, const Tensor& centroids, Metric metric, DType labels) {
  Result r{Tensor::empty({points.dim(0)}, labels), Tensor::empty(centroids.shape()),
           Tensor::empty({centroids.dim(0)}, kInt64), Tensor::empty({1})};
  backend(Device{}).kmeans_accumulate(points, centroids, metric, r.labels, r.sums, r.counts, r.inertia);
  return r;
}

using Case = std::tuple<int64_t, int64_t, int64_t>;  // N, D, K
class KMeansPrimitives : public testing::TestWithParam<Case> {};

TEST_P(KMeansPrimitives, AgreeWithDouble) {
  const auto [n, dims, clusters] = GetParam();
  for (const DType dtype : {kFloat32, kBFloat16})
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      const Tensor points = normal_points(n, dims, 1, dtype), centroids = normal_points(clusters, dims, 2);
      const DType label_type = clusters <= 256 && metric == Metric::cosine ? kUInt8 : kInt32;
      const Result r = accumulate(points, centroids, metric, label_type);
      Tensor assigned = Tensor::empty({n}, label_type);
      backend(Device{}).kmeans_assign(points, centroids, metric, assigned);
      const std::vector<int64_t> labels = integers(r.labels);
      ASSERT_EQ(integers(assigned), labels);

      const std::vector<double> scores = all_scores(points, centroids, metric);
      const std::vector<float> x = floats(points), sums = floats(r.sums);
      std::vector<double> expected(static_cast<size_t>(clusters * dims));
      std::vector<int64_t> counts(static_cast<size_t>(clusters));
      double inertia = 0.0;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t k = labels[static_cast<size_t>(i)];
        ASSERT_TRUE(k >= 0 && k < clusters) << "point " << i;
        const double* row = scores.data() + i * clusters;
        const double least = *std::min_element(row, row + clusters);
        ASSERT_LE(row[k], least + 1e-5 * static_cast<double>(dims)) << "point " << i << ", seed " << kTestSeed;
        inertia += metric == Metric::euclidean ? row[k] : 1.0 + row[k];
        ++counts[static_cast<size_t>(k)];
        for (int64_t d = 0; d < dims; ++d)
          expected[static_cast<size_t>(k * dims + d)] += static_cast<double>(x[static_cast<size_t>(i * dims + d)]);
      }
      EXPECT_EQ(r.counts.to_vector<int64_t>(), counts);
      for (size_t i = 0; i < sums.size(); ++i) ASSERT_NEAR(sums[i], expected[i], 1e-5 * (10.0 + std::abs(expected[i])));
      EXPECT_NEAR(r.inertia.item(), inertia, 1e-6 * static_cast<double>(n * dims));
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, KMeansPrimitives,
                         testing::Values(Case{1, 1, 1}, Case{2, 3, 2}, Case{7, 5, 33}, Case{97, 16, 27},
                                         Case{2053, 33, 31}, Case{20011, 7, 32}, Case{5000, 128, 27},
                                         Case{1500, 20, 300}));

TEST(KMeansPrimitive, FindsPlantedCentroidsOfEveryIndex) {
  // Points next to their own centroid: labels must be exact, for indexes in every lane and panel.
  const Tensor centroids = normal_points(200, 24, 3);
  std::vector<float> x;
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t k = i * 77 % 200;
    expected.push_back(k);
    for (const float value : floats(centroids.rows(k, k + 1))) x.push_back(value + 1e-3f * static_cast<float>(i % 3));
  }
  Tensor labels = Tensor::empty({1000}, kUInt8);
  backend(Device{}).kmeans_assign(Tensor::from(x, {1000, 24}), centroids, Metric::euclidean, labels);
  EXPECT_EQ(integers(labels), expected);
}

TEST(KMeansPrimitive, LowestIndexAmongEquals) {
  for (const int64_t copies : {2, 9, 40, 70}) {
    std::vector<float> rows(static_cast<size_t>(3 * copies), 0.5f);
    const Tensor centroids = Tensor::from(rows, {copies, 3});
    Tensor labels = Tensor::full({50}, 1.0, kInt32);
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      backend(Device{}).kmeans_assign(normal_points(50, 3, 4), centroids, metric, labels);
      EXPECT_EQ(integers(labels), std::vector<int64_t>(50, 0)) << copies;
    }
  }
}

TEST(KMeansPrimitive, NaNPointsKeepLabelsInRangeAndShowInTheInertia) {
  Tensor points = normal_points(100, 4, 5);
  points.data<float>()[4 * 50] = NAN;
  const Result r = accumulate(points, normal_points(5, 4, 6), Metric::euclidean, kInt32);
  for (const int64_t label : integers(r.labels)) EXPECT_TRUE(label >= 0 && label < 5);
  EXPECT_TRUE(std::isnan(r.inertia.item()));
}

TEST(KMeansPrimitive, SameBitsOnAnyNumberOfThreads) {
  const Tensor points = normal_points(70001, 19, 7), centroids = normal_points(45, 19, 8);
  std::vector<Result> results;
  for (const int threads : {1, 2, 3}) {
    set_cpu_threads(threads);
    results.push_back(accumulate(points, centroids, Metric::euclidean, kInt32));
  }
  set_cpu_threads(0);
  for (const Result& r : results) {
    EXPECT_EQ(integers(r.labels), integers(results[0].labels));
    EXPECT_EQ(floats(r.sums), floats(results[0].sums));
    EXPECT_EQ(r.inertia.item(), results[0].inertia.item());
  }
}

TEST(KMeansPrimitive, SumsOfManyPointsStayExact) {
  // 0.1f added a million times in float32 alone is off by about 1 %.
  const int64_t n = 1000003;
  const Tensor points = Tensor::full({n, 1}, 0.1), centroids = Tensor::zeros({1, 1});
  const Result r = accumulate(points, centroids, Metric::euclidean, kUInt8);
  const double value = static_cast<double>(0.1f);
  EXPECT_EQ(r.counts.to_vector<int64_t>()[0], n);
  EXPECT_NEAR(r.sums.item() / (value * static_cast<double>(n)), 1.0, 1e-6);
  EXPECT_NEAR(r.inertia.item() / (value * value * static_cast<double>(n)), 1.0, 1e-6);
}

TEST(ClusterPrimitive, ArgmaxTakesTheLowestOfEquals) {
  for (const DType dtype : {kFloat32, kBFloat16})
    for (const int64_t rows : {1, 7, 16, 33, 2053})
      for (const int64_t cols : {1, 2, 27, 260}) {
        std::vector<float> x(static_cast<size_t>(rows * cols));
        Random random(kTestSeed, Draws::test, 9);
        for (float& value : x) value = static_cast<float>(random.below(20)) - 25.0f;
        const Tensor narrow = [&] {
          std::vector<bfloat16> y;
          for (const float value : x) y.push_back(bfloat16(value));
          return Tensor::from(y, {rows, cols});
        }();
        Tensor labels = Tensor::empty({rows}, cols <= 256 && rows % 2 == 1 ? kUInt8 : kInt32);
        backend(Device{}).argmax(dtype == kFloat32 ? Tensor::from(x, {rows, cols}) : narrow, labels);
        std::vector<int64_t> expected;
        for (auto row = x.begin(); row != x.end(); row += cols)
          expected.push_back(std::max_element(row, row + cols) - row);
        EXPECT_EQ(integers(labels), expected) << rows << " x " << cols;
      }
}

TEST(ClusterPrimitive, CountsAddUp) {
  const int64_t n = 200003;
  std::vector<uint8_t> truth, small;
  std::vector<int32_t> wide;
  Random random(kTestSeed, Draws::test, 10);
  std::vector<int64_t> matrix(5 * 7), counts(7, 1);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t t = random.below(6), p = random.below(7);
    truth.push_back(t == 5 ? uint8_t{255} : static_cast<uint8_t>(t));
    small.push_back(static_cast<uint8_t>(p));
    wide.push_back(static_cast<int32_t>(p));
    if (t < 5) matrix[t * 7 + p] += 2;
    counts[p] += 2;
  }
  Tensor got = Tensor::zeros({5, 7}, kInt64), got_counts = Tensor::full({7}, 1, kInt64);
  for (const Tensor& predicted : {Tensor::from(small, {n}), Tensor::from(wide, {n})}) {
    backend(Device{}).confusion(Tensor::from(truth, {n}), predicted, got);
    backend(Device{}).count_labels(predicted, got_counts);
  }
  EXPECT_EQ(got.to_vector<int64_t>(), matrix);
  EXPECT_EQ(got_counts.to_vector<int64_t>(), counts);
}

}  // namespace
}  // namespace bareseg
