#include "cluster/kmeans.h"

#include <cmath>
#include <fstream>
#include <numeric>
#include <set>

#include "cpu/cpu_backend.h"
#include "tests/cluster/helpers.h"

namespace bareseg {
namespace {

template <typename T>
std::vector<T> read(std::istream& in, int64_t count) {
  std::vector<T> values(static_cast<size_t>(count));
  for (T& value : values) in >> value;
  return values;
}

std::vector<float> row(const Tensor& x, int64_t i) { return floats(x.rows(i, i + 1)); }

class KMeansTest : public ClusterTest {};
INSTANTIATE_TEST_SUITE_P(Devices, KMeansTest, testing::ValuesIn(all_devices()), device_name);
class MiniBatchTest : public ClusterTest {};
INSTANTIATE_TEST_SUITE_P(Devices, MiniBatchTest, testing::ValuesIn(all_devices()), device_name);

TEST(FaissStart, DrawsTheDocumentedPoints) {
  const auto first = [](int64_t n) { return faiss_start_points(n, 8, 0); };
  using Points = std::vector<int64_t>;
  EXPECT_EQ(first(32768000), (Points{21623845, 23036270, 13578314, 7607737, 491267, 26002398, 20556731, 31007258}));
  EXPECT_EQ(first(24576000), (Points{21623845, 6652314, 21770376, 23991857, 491267, 9618428, 20556809, 14623566}));
  EXPECT_EQ(first(1000), (Points{845, 303, 66, 436, 239, 593, 573, 999}));
}

TEST(FaissStart, IsAPermutation) {
  const std::vector<int64_t> all = faiss_start_points(500, 500, 3);
  EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), 500u);
  EXPECT_ERROR(faiss_start_points(3, 4, 0), "expected at most 3");
}

TEST_P(KMeansTest, EqualsFaiss) {
  std::ifstream in(BARESEG_TESTS_DIR "/golden/cluster/kmeans.txt");
  int64_t n, dims, clusters, iterations, cases = 0, repaired = 0;
  uint64_t seed;
  for (; in >> n >> dims >> clusters >> iterations >> seed; ++cases) {
    const Tensor points = from(read<float>(in, n * dims), {n, dims});
    const auto centroids = read<double>(in, clusters * dims), inertia = read<double>(in, iterations);
    const auto repairs = read<int64_t>(in, iterations);
    const KMeansResult result = kmeans(points, {.clusters = clusters, .iterations = iterations, .seed = seed});
    const std::vector<float> got = floats(result.centroids);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], centroids[i], 2e-6) << "case " << cases << " at " << i;
    for (size_t i = 0; i < inertia.size(); ++i) {
      EXPECT_NEAR(result.iterations[i].inertia, inertia[i], 1e-5 * inertia[i]) << "case " << cases;
      EXPECT_EQ(result.iterations[i].repaired, repairs[i]) << "case " << cases;
      repaired += repairs[i];
    }
  }
  EXPECT_EQ(cases, 4);
  EXPECT_GT(repaired, 0);
}

TEST_P(KMeansTest, InertiaNeverRises) {
  for (const KMeansStart start : {KMeansStart::random, KMeansStart::plus_plus})
    for (const DType dtype : {kFloat32, kBFloat16}) {
      const int64_t n = many(3001, 301);
      const Tensor points = normal_points(n, 9, 1, dtype);
      const KMeansResult r =
          kmeans(points, {.clusters = many(27, 7), .iterations = many(25, 8), .seed = 5, .start = start});
      double last = HUGE_VAL;
      for (const KMeansIteration& iteration : r.iterations) {
        EXPECT_EQ(iteration.repaired, 0);
        EXPECT_LE(iteration.inertia, last * (1.0 + 1e-6));
        last = iteration.inertia;
      }
      EXPECT_LE(r.loss, last / static_cast<double>(n) * (1.0 + 1e-6));
      EXPECT_LT(r.loss, 0.8 * r.iterations[0].inertia / static_cast<double>(n));
      EXPECT_EQ(std::accumulate(r.counts.begin(), r.counts.end(), int64_t{0}), n);
    }
}

TEST_P(KMeansTest, FinalCountsAndLossBelongToTheFinalCentroids) {
  const Tensor points = normal_points(500, 6, 2);
  const KMeansResult r = kmeans(points, {.clusters = 8, .iterations = 3});
  const std::vector<int64_t> labels = integers(assign_clusters(points, r.centroids));
  std::vector<int64_t> counts(8);
  double loss = 0.0;
  for (int64_t i = 0; i < 500; ++i) {
    const int64_t k = labels[static_cast<size_t>(i)];
    ++counts[static_cast<size_t>(k)];
    const std::vector<float> x = row(points, i), c = row(r.centroids, k);
    for (size_t d = 0; d < 6; ++d) loss += std::pow(static_cast<double>(x[d]) - static_cast<double>(c[d]), 2) / 500.0;
  }
  EXPECT_EQ(r.counts, counts);
  EXPECT_NEAR(r.loss, loss, 1e-6 * loss);
}

TEST_P(KMeansTest, AsManyClustersAsPoints) {
  const Tensor points = normal_points(33, 4, 3);
  for (const KMeansStart start : {KMeansStart::random, KMeansStart::plus_plus}) {
    const KMeansResult r = kmeans(points, {.clusters = 33, .iterations = 2, .start = start});
    EXPECT_EQ(r.loss, 0.0);
    EXPECT_EQ(r.counts, std::vector<int64_t>(33, 1));
  }
}

TEST_P(KMeansTest, OneClusterIsTheMean) {
  const Tensor points = from<float>({1, 2, 3, 5, 8, 5}, {3, 2});
  const KMeansResult r = kmeans(points, {.clusters = 1, .iterations = 1});
  EXPECT_EQ(floats(r.centroids), (std::vector<float>{4, 4}));
  EXPECT_EQ(r.counts, std::vector<int64_t>{3});
}

TEST_P(KMeansTest, DuplicatesAreRepaired) {
  // 3 distinct points, 5 clusters: some first centroids coincide.
  std::vector<float> x;
  for (int i = 0; i < 60; ++i) x.insert(x.end(), {static_cast<float>(i % 3) + 1.0f, 2.0f});
  for (const KMeansStart start : {KMeansStart::random, KMeansStart::plus_plus}) {
    const KMeansResult r = kmeans(from(x, {60, 2}), {.clusters = 5, .iterations = 4, .start = start});
    EXPECT_GE(r.iterations[0].repaired, 2);
    EXPECT_EQ(std::accumulate(r.counts.begin(), r.counts.end(), int64_t{0}), 60);
    EXPECT_LT(r.loss, 1e-4);  // splitting moves centroids by a thousandth
  }
  const KMeansResult equal = kmeans(Tensor::full({40, 3}, 1.0, kFloat32, device()), {.clusters = 4, .iterations = 1});
  EXPECT_EQ(equal.iterations[0].repaired, 3);
  // With n = K a split must be certain wherever a cluster holds more than one point.
  EXPECT_EQ(
      kmeans(Tensor::full({4, 3}, 1.0, kFloat32, device()), {.clusters = 4, .iterations = 1}).iterations[0].repaired,
      3);
}

TEST_P(KMeansTest, SplitMovesTheTwoHalvesApart) {
  const KMeansResult r = kmeans(Tensor::full({40, 3}, 1.0, kFloat32, device()), {.clusters = 2, .iterations = 1});
  const float up = 1.0f + 1.0f / 1024.0f, down = 1.0f - 1.0f / 1024.0f;
  EXPECT_EQ(floats(r.centroids), (std::vector<float>{down, up, down, up, down, up}));
}

TEST_P(KMeansTest, PlusPlusFindsSeparatedBlobs) {
  // 12 tight far blobs of very different sizes; uniform draws would miss the small ones.
  std::vector<float> x;
  const int64_t small = many(300, 8);
  Random random(kTestSeed, Draws::test, 4);
  for (int blob = 0; blob < 12; ++blob)
    for (int64_t i = 0; i < (blob == 0 ? many(70000, 1000) : small); ++i)
      x.insert(x.end(), {100.0f * static_cast<float>(blob) + 0.1f * random.normal(), 0.1f * random.normal()});
  const int64_t n = static_cast<int64_t>(x.size()) / 2;
  for (const uint64_t seed : {0, 1, 2}) {
    const KMeansResult r =
        kmeans(from(x, {n, 2}), {.clusters = 12, .iterations = 1, .seed = seed, .start = KMeansStart::plus_plus});
    EXPECT_EQ(*std::min_element(r.counts.begin(), r.counts.end()), small) << "seed " << seed;
    EXPECT_LT(r.loss, 0.03);
  }
}

TEST_P(KMeansTest, SameBitsOnAnyNumberOfThreads) {
  const Tensor points = normal_points(many(30000, 500), 12, 5);
  for (const KMeansStart start : {KMeansStart::random, KMeansStart::plus_plus}) {
    const KMeansOptions options{.clusters = 10, .iterations = 4, .start = start};
    set_cpu_threads(1);
    const KMeansResult one = kmeans(points, options);
    set_cpu_threads(2);
    const KMeansResult two = kmeans(points, options);
    set_cpu_threads(0);
    EXPECT_EQ(floats(one.centroids), floats(two.centroids));
    EXPECT_EQ(one.loss, two.loss);
  }
}

TEST_P(KMeansTest, Errors) {
  const Tensor points = normal_points(10, 3, 6);
  EXPECT_ERROR(kmeans(points, {.clusters = 11}), "must be in [1, 10]");
  EXPECT_ERROR(kmeans(points, {.clusters = 0}), "got 0");
  EXPECT_ERROR(kmeans(points, {.clusters = 2, .iterations = -1}), "iterations must not be negative");
  EXPECT_ERROR(kmeans(Tensor{}, {}), "undefined");
  EXPECT_ERROR(kmeans(points.view({10, 3, 1}), {.clusters = 2}), "got [10, 3, 1]");
  EXPECT_ERROR(kmeans(Tensor::empty({10, 0}, kFloat32, device()), {.clusters = 2}), "got [10, 0]");
  EXPECT_ERROR(kmeans(Tensor::zeros({10, 3}, kInt32, device()), {.clusters = 2}), "got int32");
  for (const float bad : {NAN, INFINITY, 1e30f})
    for (const KMeansStart start : {KMeansStart::random, KMeansStart::plus_plus}) {
      std::vector<float> broken = floats(points);
      broken[17] = bad;
      EXPECT_ERROR(kmeans(from(broken, points.shape()), {.clusters = 2, .start = start}), "points must be finite");
    }
  EXPECT_ERROR(assign_clusters(points, normal_points(4, 2, 7)), "got float32 [4, 2]");
  EXPECT_ERROR(assign_clusters(points, normal_points(4, 3, 7, kBFloat16)), "got bfloat16 [4, 3]");
}

TEST_P(KMeansTest, LabelTypeFollowsK) {
  const Tensor points = normal_points(5, 3, 8);
  EXPECT_EQ(assign_clusters(points, normal_points(256, 3, 9)).dtype(), kUInt8);
  EXPECT_EQ(assign_clusters(points, normal_points(257, 3, 9)).dtype(), kInt32);
}

TEST_P(MiniBatchTest, CentroidsAreMeansOfAllAssigned) {
  const MiniBatchKMeansOptions options{.kmeans = {.clusters = 5, .iterations = 4}, .init_batches = 3};
  MiniBatchKMeans running(options, 7);
  const Tensor all = normal_points(7 * 40, 6, 10);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(running.ready());
    running.add(all.rows(40 * i, 40 * (i + 1)));
  }
  const KMeansResult first = kmeans(all.rows(0, 120), options.kmeans);
  EXPECT_EQ(floats(running.centroids()), floats(first.centroids));
  EXPECT_EQ(running.counts(), first.counts);
  EXPECT_EQ(running.iterations().size(), 4u);

  std::vector<float> centroids = floats(first.centroids);
  std::vector<int64_t> counts = first.counts;
  double loss = first.loss;
  for (int64_t batch = 3; batch < 7; ++batch) {
    const Tensor points = all.rows(40 * batch, 40 * (batch + 1));
    const std::vector<int64_t> labels = integers(assign_clusters(points, from(centroids, {5, 6})));
    std::vector<double> sums(30);
    std::vector<int64_t> arrived(5);
    for (int64_t i = 0; i < 40; ++i) {
      const std::vector<float> x = row(points, i);
      const size_t k = static_cast<size_t>(labels[static_cast<size_t>(i)]);
      ++arrived[k];
      for (size_t d = 0; d < 6; ++d) {
        sums[k * 6 + d] += static_cast<double>(x[d]);
        loss += std::pow(static_cast<double>(x[d]) - static_cast<double>(centroids[k * 6 + d]), 2) / 40.0;
      }
    }
    for (size_t k = 0; k < 5; ++k)
      for (size_t d = k * 6; d < k * 6 + 6; ++d)
        centroids[d] =
            static_cast<float>((static_cast<double>(centroids[d]) * static_cast<double>(counts[k]) + sums[d]) /
                               static_cast<double>(counts[k] + arrived[k]));
    for (size_t k = 0; k < 5; ++k) counts[k] += arrived[k];
    running.add(points);
    const std::vector<float> got = floats(running.centroids());
    for (size_t d = 0; d < 30; ++d) EXPECT_NEAR(got[d], centroids[d], 1e-5);
    EXPECT_EQ(running.counts(), counts);
  }
  EXPECT_NEAR(running.loss(), loss / 5.0, 1e-6);
}

TEST_P(MiniBatchTest, GroupsAndTheDroppedEnd) {
  struct Case {
    int64_t init, later, total, groups, used;
  };
  for (const Case c : {Case{2, 1, 5, 4, 5}, Case{3, 2, 8, 3, 7}, Case{2, 3, 9, 3, 8}, Case{20, 1, 4, 1, 4},
                       Case{4, 4, 4, 1, 4}, Case{1, 1, 3, 3, 3}, Case{1, 2, 4, 2, 3}}) {
    MiniBatchKMeans running(
        {.kmeans = {.clusters = 2, .iterations = 1}, .init_batches = c.init, .num_batches = c.later}, c.total);
    for (int64_t i = 0; i < c.total; ++i) running.add(normal_points(10, 3, 20 + static_cast<uint64_t>(i)));
    EXPECT_EQ(running.counts()[0] + running.counts()[1], 10 * c.used) << c.init << " " << c.later << " " << c.total;
  }
}

TEST_P(MiniBatchTest, GroupsOfSeveralBatchesUseOneAssignment) {
  const MiniBatchKMeansOptions one{.kmeans = {.clusters = 3, .iterations = 2}, .init_batches = 1, .num_batches = 1};
  MiniBatchKMeansOptions three = one;
  three.num_batches = 3;
  const Tensor first = normal_points(90, 4, 30), later = normal_points(90, 4, 31);
  MiniBatchKMeans whole(one, 2), parts(three, 4);
  whole.add(first);
  parts.add(first);
  whole.add(later);
  for (int64_t i = 0; i < 3; ++i) parts.add(later.rows(30 * i, 30 * (i + 1)));
  EXPECT_EQ(floats(whole.centroids()), floats(parts.centroids()));
  EXPECT_EQ(whole.loss(), parts.loss());
}

// Fewer batches than promised: the first group as far as it came; a complete one stays as it is.
TEST_P(MiniBatchTest, FinishesAnIncompleteFirstGroup) {
  const MiniBatchKMeansOptions three{.kmeans = {.clusters = 2, .iterations = 2}, .init_batches = 3};
  MiniBatchKMeansOptions two = three;
  two.init_batches = 2;
  MiniBatchKMeans cut(three, 5), whole(two, 2), empty(three, 5);
  for (uint64_t i = 0; i < 2; ++i) {
    cut.add(normal_points(10, 3, 60 + i));
    whole.add(normal_points(10, 3, 60 + i));
  }
  EXPECT_FALSE(cut.ready());
  cut.finish();
  const std::vector<float> centroids = floats(whole.centroids());
  EXPECT_EQ(floats(cut.centroids()), centroids);
  EXPECT_EQ(cut.loss(), whole.loss());
  EXPECT_EQ(cut.initial_loss(), cut.loss());
  whole.finish();
  EXPECT_EQ(floats(whole.centroids()), centroids);
  EXPECT_ERROR(empty.finish(), "no image could be read");
}

TEST_P(MiniBatchTest, Errors) {
  EXPECT_ERROR(MiniBatchKMeans({.init_batches = 0}, 3), "must be positive, got 0, 1 and 3");
  EXPECT_ERROR(MiniBatchKMeans({}, 0), "and 0");
  MiniBatchKMeans running({.kmeans = {.clusters = 2, .iterations = 1}, .init_batches = 2}, 3);
  EXPECT_ERROR(running.centroids(), "not complete");
  EXPECT_ERROR(running.loss(), "not complete");
  running.add(normal_points(10, 3, 40));
  EXPECT_ERROR(running.add(normal_points(11, 3, 40)), "must have 1 to 10 points, got 11");
  EXPECT_ERROR(running.add(Tensor::empty({0, 3}, kFloat32, device())), "must have 1 to 10 points, got 0");
  EXPECT_ERROR(running.add(normal_points(10, 4, 40)), "[n, 3]");
  EXPECT_ERROR(running.add(normal_points(10, 3, 40, kBFloat16)), "got bfloat16");
  running.add(normal_points(6, 3, 41));
  EXPECT_ERROR(running.add(normal_points(5, 2, 42)), "[n, 3]");
  running.add(normal_points(5, 3, 42));
  EXPECT_ERROR(running.add(normal_points(5, 3, 42)), "3 batches were promised");
}

}  // namespace
}  // namespace bareseg
