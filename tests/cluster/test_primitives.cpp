// The backend's clustering primitives against loops in double.
#include <array>
#include <cmath>
#include <random>

#include "cpu/cpu_backend.h"
#include "engine/kmeans_repair.h"
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

class KMeansPrimitives : public ClusterTest {
 protected:
  struct Result {
    Tensor labels, sums, counts, inertia;
  };

  // Without labels where `labels` is no label type.
  Result accumulate(const Tensor& points, const Tensor& centroids, Metric metric, DType labels) const {
    Result r{labels == kFloat32 ? Tensor() : Tensor::empty({points.dim(0)}, labels, device()),
             Tensor::empty(centroids.shape(), kFloat32, device()), Tensor::empty({centroids.dim(0)}, kInt64, device()),
             Tensor::empty({1}, kFloat32, device())};
    backend(device()).kmeans_accumulate(points, centroids, metric, r.labels, r.sums, r.counts, r.inertia);
    return r;
  }

  Tensor assign(const Tensor& points, const Tensor& centroids, Metric metric, DType label_type) const {
    Tensor labels = Tensor::empty({points.dim(0)}, label_type, device());
    backend(device()).kmeans_assign(points, centroids, metric, labels);
    return labels;
  }

  void expect_double(const Tensor& points, const Tensor& centroids, Metric metric) const;
};
INSTANTIATE_TEST_SUITE_P(Devices, KMeansPrimitives, testing::ValuesIn(all_devices()), device_name);

void KMeansPrimitives::expect_double(const Tensor& points, const Tensor& centroids, Metric metric) const {
  const int64_t n = points.dim(0), dims = points.dim(1), clusters = centroids.dim(0);
  const DType label_type = clusters <= 256 && metric == Metric::cosine ? kUInt8 : kInt32;
  const Result r = accumulate(points, centroids, metric, label_type);
  const std::vector<int64_t> labels = integers(r.labels);
  ASSERT_EQ(integers(assign(points, centroids, metric, label_type)), labels);

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

TEST_P(KMeansPrimitives, AgreeWithDouble) {
  struct Case {
    int64_t n, dims, clusters;
  };
  // The last ones are for each way a GPU splits the work: by dims, by clusters, by what fits in shared memory.
  for (const Case c : {Case{1, 1, 1}, Case{2, 3, 2}, Case{7, 5, 33}, Case{97, 16, 27}, Case{many(2053, 517), 33, 31},
                       Case{many(20011, 6501), 7, 32}, Case{many(5000, 500), 128, 27}, Case{many(1500, 400), 20, 300},
                       Case{333, 192, 27}, Case{161, 256, 27}, Case{161, 256, 64}, Case{130, 255, 40},
                       Case{130, 260, 3}, Case{260, 300, 70}, Case{5, 8, 65}}) {
    SCOPED_TRACE(testing::Message() << "[" << c.n << ", " << c.dims << "], " << c.clusters << " clusters");
    for (const DType dtype : {kFloat32, kBFloat16})
      for (const Metric metric : {Metric::euclidean, Metric::cosine})
        ASSERT_NO_FATAL_FAILURE(
            expect_double(normal_points(c.n, c.dims, 1, dtype), normal_points(c.clusters, c.dims, 2), metric));
  }
}

TEST_P(KMeansPrimitives, TotalsDoNotNeedLabels) {
  for (const int64_t clusters : {9, 99}) {
    const Tensor points = normal_points(300, 6, 15), centroids = normal_points(clusters, 6, 16);
    const Result with = accumulate(points, centroids, Metric::euclidean, kInt32);
    const Result without = accumulate(points, centroids, Metric::euclidean, kFloat32);
    EXPECT_EQ(floats(without.sums), floats(with.sums));
    EXPECT_EQ(without.counts.to_vector<int64_t>(), with.counts.to_vector<int64_t>());
    EXPECT_EQ(without.inertia.item(), with.inertia.item());
  }
}

TEST_P(KMeansPrimitives, AnyAlignment) {
  for (const int64_t clusters : {5, 70})
    for (const DType dtype : {kFloat32, kBFloat16}) {
      const Tensor points = misaligned(normal_points(300, 16, 11, dtype));
      ASSERT_NO_FATAL_FAILURE(expect_double(points, misaligned(normal_points(clusters, 16, 12)), Metric::euclidean));
    }
}

TEST_P(KMeansPrimitives, UnevenClusters) {
  // Of 5, 64 and 200 clusters all points are nearest to two, or to the first of many equal ones.
  for (const int64_t clusters : {5, 64, 200}) {
    std::vector<float> rows(static_cast<size_t>(clusters * 6), 40.0f);
    std::fill_n(rows.begin() + 6 * (clusters / 2), 6, 0.5f);
    const Tensor points = normal_points(many(1733, 700), 6, 13);
    ASSERT_NO_FATAL_FAILURE(expect_double(points, from(rows, {clusters, 6}), Metric::euclidean));
    std::fill_n(rows.begin() + 6 * (clusters - 1), 6, -0.5f);
    ASSERT_NO_FATAL_FAILURE(expect_double(points, from(rows, {clusters, 6}), Metric::euclidean));
  }
}

TEST_P(KMeansPrimitives, NoPoints) {
  for (const int64_t clusters : {3, 100}) {
    const Result r =
        accumulate(Tensor::empty({0, 4}, kFloat32, device()), normal_points(clusters, 4, 14), Metric::cosine, kInt32);
    EXPECT_EQ(floats(r.sums), std::vector<float>(static_cast<size_t>(4 * clusters)));
    EXPECT_EQ(r.counts.to_vector<int64_t>(), std::vector<int64_t>(static_cast<size_t>(clusters)));
    EXPECT_EQ(r.inertia.item(), 0.0);
  }
}

TEST_P(KMeansPrimitives, FindPlantedCentroidsOfEveryIndex) {
  // Points next to their own centroid: labels must be exact, for indexes in every lane and panel.
  const Tensor centroids = normal_points(200, 24, 3);
  std::vector<float> x;
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t k = i * 77 % 200;
    expected.push_back(k);
    for (const float value : floats(centroids.rows(k, k + 1))) x.push_back(value + 1e-3f * static_cast<float>(i % 3));
  }
  EXPECT_EQ(integers(assign(from(x, {1000, 24}), centroids, Metric::euclidean, kUInt8)), expected);
}

TEST_P(KMeansPrimitives, LabelsAreThoseOfDoubleBesideNearTies) {
  // Centroids in pairs 1e-4 apart: which one of a pair wins hangs on the last bits of float32.
  const int64_t n = many(4000, 800), dims = 40, clusters = 16;
  std::vector<float> rows = floats(normal_points(clusters, dims, 17));
  const std::vector<float> change = floats(normal_points(clusters, dims, 18));
  const size_t half = rows.size() / 2;
  for (size_t i = 0; i < half; ++i) rows[half + i] = rows[i] + 1e-4f * change[i];
  const Tensor centroids = from(rows, {clusters, dims});
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const Tensor points = normal_points(n, dims, 19, dtype);
    const std::vector<double> scores = all_scores(points, centroids, Metric::euclidean);
    const std::vector<int64_t> labels = integers(assign(points, centroids, Metric::euclidean, kUInt8));
    for (int64_t i = 0; i < n; ++i) {
      const double* row = scores.data() + i * clusters;
      const double least = *std::min_element(row, row + clusters);
      ASSERT_LE(row[labels[static_cast<size_t>(i)]], least * (1.0 + 1e-6)) << "point " << i << ", seed " << kTestSeed;
    }
  }
}

TEST_P(KMeansPrimitives, NoBitOfAFloatIsLost) {
  // The middle or the last eight bits of centroids and points decide: no product of fewer bits can tell.
  const float middle = 0x1.fep-10f, last = 0x1.8p-19f, low = 1.0f + middle;
  struct Case {
    float centroids[2], point;
    int64_t label;
  };
  for (const Case c :
       {Case{{1.0f - middle, low}, low, 1}, Case{{1.0f - middle, low}, 1.0f - middle, 0},
        Case{{low, low + last}, 1.5f, 1}, Case{{low + last, low}, 0.5f, 1},
        Case{{-1.0f, 1.0f + 2.0f * low}, low + last, 1}, Case{{-1.0f, 1.0f + 2.0f * low}, low - last, 0}}) {
    std::vector<float> rows(8, c.centroids[0]);
    rows.resize(16, c.centroids[1]);
    const Tensor point = Tensor::full({1, 8}, static_cast<double>(c.point), kFloat32, device());
    EXPECT_EQ(integers(assign(point, from(rows, {2, 8}), Metric::euclidean, kUInt8))[0], c.label) << c.point;
  }
}

TEST_P(KMeansPrimitives, LowestIndexAmongEquals) {
  for (const int64_t copies : {2, 9, 40, 70}) {
    const Tensor centroids = Tensor::full({copies, 3}, 0.5, kFloat32, device());
    for (const Metric metric : {Metric::euclidean, Metric::cosine})
      EXPECT_EQ(integers(assign(normal_points(50, 3, 4), centroids, metric, kInt32)), std::vector<int64_t>(50, 0))
          << copies;
  }
}

TEST_P(KMeansPrimitives, NaNPointsKeepLabelsInRangeAndShowInTheInertia) {
  std::vector<float> points = floats(normal_points(100, 4, 5));
  points[4 * 50] = NAN;
  for (const int64_t clusters : {5, 100}) {
    const Result r = accumulate(from(points, {100, 4}), normal_points(clusters, 4, 6), Metric::euclidean, kInt32);
    for (const int64_t label : integers(r.labels)) EXPECT_TRUE(label >= 0 && label < clusters);
    EXPECT_EQ(integers(r.labels)[50], 0);
    EXPECT_TRUE(std::isnan(r.inertia.item()));
  }
}

TEST_P(KMeansPrimitives, SameBitsOnAnyNumberOfThreads) {
  const Tensor points = normal_points(many(70001, 2001), 19, 7);
  for (const int64_t clusters : {45, 90}) {
    const Tensor centroids = normal_points(clusters, 19, 8);
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
}

// faiss' loop, with the standard library's generator.
int64_t fill_empty(std::vector<float>& centroids, std::vector<double> sizes, int64_t n) {
  const size_t clusters = sizes.size(), dims = centroids.size() / clusters;
  std::mt19937 generator(1234);
  int64_t filled = 0;
  for (size_t i = 0; i < clusters; ++i) {
    if (sizes[i] != 0.0) continue;
    size_t j = 0;
    for (;; j = (j + 1) % clusters) {
      const auto others = static_cast<double>(static_cast<float>(n - static_cast<int64_t>(clusters)));
      if (static_cast<float>(generator()) * 0x1p-32f < static_cast<float>((sizes[j] - 1.0) / others)) break;
    }
    for (size_t d = 0; d < dims; ++d) {
      const float change = (d % 2 == 0 ? 1.0f : -1.0f) / 1024.0f, value = centroids[j * dims + d];
      centroids[i * dims + d] = value * (1.0f + change);
      centroids[j * dims + d] = value * (1.0f - change);
    }
    sizes[i] = sizes[j] / 2.0;
    sizes[j] -= sizes[i];
    ++filled;
  }
  return filled;
}

TEST_P(KMeansPrimitives, UpdateTakesMeansAndFillsEmptyClustersAsFaiss) {
  Random random(kTestSeed, Draws::test, 77);
  // Without an empty cluster, with some, and with so many that the generator has to make its next 624 numbers.
  for (const auto& [clusters, dims, points] :
       {std::array<int64_t, 3>{1, 3, 9}, {27, 128, 5000}, {40, 7, 45}, {600, 5, 650}, {300, 1, 300}}) {
    std::vector<int64_t> counts(static_cast<size_t>(clusters));
    for (int64_t i = 0; i < points; ++i) ++counts[random.below(static_cast<uint64_t>(clusters))];
    const Tensor sums = normal({clusters, dims});
    std::vector<float> expected = sums.to_vector<float>();
    for (size_t i = 0; i < expected.size(); ++i) {
      const int64_t count = counts[i / static_cast<size_t>(dims)];
      if (count > 0) expected[i] /= static_cast<float>(count);
    }
    const int64_t filled = fill_empty(expected, {counts.begin(), counts.end()}, points);
    Tensor centroids = Tensor::empty(sums.shape(), kFloat32, device()), repaired = Tensor::empty({1}, kInt64, device());
    backend(device()).kmeans_update(sums, Tensor::from(counts, {clusters}, device()), points, centroids, repaired);
    EXPECT_EQ(centroids.to_vector<float>(), expected) << clusters << " clusters of " << points << " points";
    EXPECT_EQ(repaired.to_vector<int64_t>().front(), filled);
  }
}

TEST(KMeansRepair, DrawsTheNumbersOfMt19937) {
  std::vector<uint32_t> state(mt19937::kWords);
  kmeans_repair::Draw ours(state.data());
  for (const uint32_t seed : {1234u, 0u, 5489u}) {
    std::mt19937 theirs(seed);
    ours.seed(seed);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(ours(), theirs()) << seed << " " << i;
  }
}

TEST_P(KMeansPrimitives, SumsOfManyPointsStayExact) {
  // 0.1f added a million times in float32 alone is off by about 1 %, ten thousand times by 1e-4.
  const int64_t n = many(1000003, 10003);
  const Tensor points = Tensor::full({n, 1}, 0.1, kFloat32, device());
  const double value = static_cast<double>(0.1f);
  for (const int64_t clusters : {1, 65}) {
    const Result r = accumulate(points, Tensor::zeros({clusters, 1}, kFloat32, device()), Metric::euclidean, kUInt8);
    EXPECT_EQ(r.counts.to_vector<int64_t>()[0], n);
    EXPECT_NEAR(floats(r.sums)[0] / (value * static_cast<double>(n)), 1.0, 1e-6);
    EXPECT_NEAR(r.inertia.item() / (value * value * static_cast<double>(n)), 1.0, 1e-6);
  }
}

class ClusterPrimitives : public ClusterTest {};
INSTANTIATE_TEST_SUITE_P(Devices, ClusterPrimitives, testing::ValuesIn(all_devices()), device_name);

TEST_P(ClusterPrimitives, ArgmaxTakesTheLowestOfEquals) {
  for (const DType dtype : {kFloat32, kBFloat16})
    for (const int64_t rows : {1, 7, 16, 33, 2053})
      for (const int64_t cols : {1, 2, 27, 128, 260}) {
        std::vector<float> x(static_cast<size_t>(rows * cols));
        Random random(kTestSeed, Draws::test, 9);
        for (float& value : x) value = static_cast<float>(random.below(20)) - 25.0f;
        std::vector<bfloat16> narrow;
        for (const float value : x) narrow.push_back(bfloat16(value));
        const Shape shape{rows, cols};
        Tensor labels = Tensor::empty({rows}, cols <= 256 && rows % 2 == 1 ? kUInt8 : kInt32, device());
        backend(device()).argmax(dtype == kFloat32 ? from(x, shape) : from(narrow, shape), labels);
        std::vector<int64_t> expected;
        for (auto row = x.begin(); row != x.end(); row += cols)
          expected.push_back(std::max_element(row, row + cols) - row);
        EXPECT_EQ(integers(labels), expected) << rows << " x " << cols;
      }
}

TEST_P(ClusterPrimitives, ArgmaxOfNaNAndInfinity) {
  // NaN counts in the first column alone, where nothing is more.
  const float nan = NAN, inf = INFINITY;
  const Tensor x = from<float>({nan, 1, 2, inf, 0, nan, -1, 2, -inf, -inf, -inf, nan, 1, inf, inf, 0}, {4, 4});
  Tensor labels = Tensor::empty({4}, kUInt8, device());
  backend(device()).argmax(x, labels);
  EXPECT_EQ(integers(labels), (std::vector<int64_t>{0, 3, 0, 1}));
}

TEST_P(ClusterPrimitives, CountsAddUp) {
  // Few counters, and more than a GPU's block can hold; labels in runs as in images, and not.
  for (const int64_t clusters : {7, 3000})
    for (const int64_t run : {1, 50}) {
      const int64_t n = many(200003, 20003);
      std::vector<uint8_t> truth;
      std::vector<int32_t> predicted;
      Random random(kTestSeed, Draws::test, 10);
      std::vector<int64_t> matrix(static_cast<size_t>(5 * clusters)), counts(static_cast<size_t>(clusters), 1);
      for (int64_t i = 0; i < n; ++i) {
        if (i % run == 0) {
          truth.push_back(random.below(6) == 5 ? uint8_t{255} : static_cast<uint8_t>(random.below(5)));
          predicted.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(clusters))));
        } else {
          truth.push_back(truth.back());
          predicted.push_back(predicted.back());
        }
        if (truth.back() < 5) ++matrix[static_cast<size_t>(truth.back() * clusters + predicted.back())];
        ++counts[static_cast<size_t>(predicted.back())];
      }
      const Tensor wide = from(predicted, {n}), actual = from(truth, {n});
      const std::vector<uint8_t> low(predicted.begin(), predicted.end());
      for (const Tensor& labels : {wide, misaligned(wide), from(low, {n})}) {
        if (labels.dtype() == kUInt8 && clusters > 256) continue;
        Tensor got = Tensor::zeros({5, clusters}, kInt64, device());
        Tensor got_counts = Tensor::full({clusters}, 1, kInt64, device());
        backend(device()).confusion(actual, labels, got);
        backend(device()).count_labels(labels, got_counts);
        EXPECT_EQ(got.to_vector<int64_t>(), matrix);
        EXPECT_EQ(got_counts.to_vector<int64_t>(), counts);
      }
    }
}

}  // namespace
}  // namespace bareseg
