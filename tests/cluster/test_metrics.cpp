#include "cluster/metrics.h"

#include <cmath>
#include <numeric>

#include "tests/cluster/helpers.h"

namespace bareseg {
namespace {

using Classes = std::vector<int64_t>;

Histogram random_histogram(int64_t classes, int64_t clusters, uint64_t part) {
  Histogram h{classes, clusters, {}};
  Random random(kTestSeed, Draws::test, part);
  for (int64_t i = 0; i < classes * clusters; ++i) h.counts.push_back(static_cast<int64_t>(random.below(1000)));
  return h;
}

TEST(Scores, OfAHandMadeMatrix) {
  // Cluster 1 is class 0, cluster 0 is class 1, cluster 2 is class 2, which never occurs.
  const Histogram h{3, 3, {10, 50, 0, 30, 5, 5, 0, 0, 0}};
  const Classes matching = match_clusters(h, Matching::hungarian);
  EXPECT_EQ(matching, (Classes{1, 0, 2}));
  const Scores s = score(h, matching);
  EXPECT_DOUBLE_EQ(s.accuracy, 80.0);
  EXPECT_DOUBLE_EQ(s.iou[0], 100.0 * 50 / 65);
  EXPECT_DOUBLE_EQ(s.iou[1], 100.0 * 30 / 50);
  EXPECT_DOUBLE_EQ(s.iou[2], 0.0);  // predicted five times, so it counts
  EXPECT_DOUBLE_EQ(s.mean_iou, (s.iou[0] + s.iou[1]) / 3);
  EXPECT_DOUBLE_EQ(s.recall[0], 100.0 * 50 / 60);
  EXPECT_DOUBLE_EQ(s.recall[1], 75.0);
  EXPECT_TRUE(std::isnan(s.recall[2]));
  EXPECT_DOUBLE_EQ(s.mean_recall, (s.recall[0] + s.recall[1]) / 2);
}

TEST(Scores, ClassesAbsentFromBothSidesAreSkipped) {
  const Histogram h{3, 3, {8, 2, 0, 0, 10, 0, 0, 0, 0}};
  const Scores s = score(h, {0, 1, 2});
  EXPECT_TRUE(std::isnan(s.iou[2]));
  EXPECT_DOUBLE_EQ(s.mean_iou, (80.0 + 100.0 * 10 / 12) / 2);
  const Scores nothing = score({2, 2, {0, 0, 0, 0}}, {0, 1});
  EXPECT_TRUE(std::isnan(nothing.accuracy) && std::isnan(nothing.mean_iou));
}

TEST(Scores, ClustersWithoutAClassAreErrors) {
  const Histogram h{2, 3, {6, 4, 0, 0, 1, 9}};
  const Classes matching = match_clusters(h, Matching::hungarian);
  EXPECT_EQ(matching, (Classes{0, -1, 1}));
  const Scores s = score(h, matching);
  EXPECT_DOUBLE_EQ(s.accuracy, 75.0);
  EXPECT_DOUBLE_EQ(s.iou[0], 60.0);  // missed four, no false positive
  EXPECT_DOUBLE_EQ(s.iou[1], 90.0);
  const Classes majority = match_clusters(h, Matching::majority);
  EXPECT_EQ(majority, (Classes{0, 0, 1}));
  EXPECT_DOUBLE_EQ(score(h, majority).accuracy, 95.0);
  EXPECT_DOUBLE_EQ(score(h, majority).iou[0], 100.0 * 10 / 11);
}

TEST(Scores, FewerClustersThanClasses) {
  const Histogram h{3, 2, {7, 0, 2, 1, 0, 5}};
  const Classes matching = match_clusters(h, Matching::hungarian);
  EXPECT_EQ(matching, (Classes{0, 2}));
  const Scores s = score(h, matching);
  EXPECT_DOUBLE_EQ(s.accuracy, 100.0 * 12 / 15);
  EXPECT_DOUBLE_EQ(s.iou[1], 0.0);
}

TEST(Scores, MajorityTakesTheLowestOfEquals) {
  EXPECT_EQ(match_clusters({3, 3, {0, 4, 1, 3, 4, 5, 3, 0, 5}}, Matching::majority), (Classes{1, 0, 1}));
  EXPECT_EQ(match_clusters({2, 3, {0, 9, 9, 9, 0, 0}}, Matching::identity), (Classes{0, 1, -1}));
  EXPECT_EQ(match_clusters({3, 2, {0, 9, 9, 0, 1, 1}}, Matching::identity), (Classes{0, 1}));
}

TEST(Scores, HungarianIsTheBestOfAllMatchings) {
  for (uint64_t part = 0; part < 20; ++part) {
    const Histogram h = random_histogram(6, 6, 60 + part);
    Classes order(6);
    std::iota(order.begin(), order.end(), int64_t{0});
    double best = 0.0;
    do best = std::max(best, score(h, order).accuracy);
    while (std::next_permutation(order.begin(), order.end()));
    EXPECT_DOUBLE_EQ(score(h, match_clusters(h, Matching::hungarian)).accuracy, best);
    EXPECT_GE(score(h, match_clusters(h, Matching::majority)).accuracy, best);
  }
}

TEST(Scores, Errors) {
  const Histogram h{2, 2, {1, 2, 3, 4}};
  EXPECT_ERROR(score(h, {0}), "classes of 2 clusters, got 1");
  EXPECT_ERROR(score(h, {0, 2}), "cluster 1 must stand for a class in [-1, 2), got 2");
  EXPECT_ERROR(thing_stuff(h, {0, 1}, 3), "0 to 2 thing classes, got 3");
}

class ConfusionMatrixTest : public ClusterTest {};
INSTANTIATE_TEST_SUITE_P(Devices, ConfusionMatrixTest, testing::ValuesIn(all_devices()), device_name);

TEST_P(ConfusionMatrixTest, CountsOnTheDevice) {
  ConfusionMatrix matrix(2, 3, device());
  const Tensor truth = from<uint8_t>({0, 1, 255, 1, 2, 0}, {2, 3});
  matrix.add(truth, from<uint8_t>({0, 2, 1, 2, 1, 1}, {2, 3}));
  matrix.add(truth, from<int32_t>({0, 0, 0, 0, 0, 0}, {6}));
  EXPECT_EQ(matrix.histogram().counts, (Classes{3, 1, 0, 2, 0, 2}));
  EXPECT_EQ(matrix.histogram().total(), 8);
  EXPECT_ERROR(matrix.add(truth, Tensor::zeros({5}, kUInt8, device())), "differ in count");
  EXPECT_ERROR(matrix.add(truth, Tensor::zeros({6}, kInt64, device())), "got uint8 and int64");
  EXPECT_ERROR(matrix.add(Tensor::zeros({6}, kInt32, device()), truth), "truth must be uint8");
  EXPECT_ERROR(ConfusionMatrix(256, 3), "1 to 255 classes");
  EXPECT_ERROR(ConfusionMatrix(2, 0), "at least one cluster");
}

// The published Python, written out: reorder, cut, sum.
GroupScores block_by_definition(const std::vector<Classes>& m, size_t begin, size_t end) {
  double right = 0, all = 0, sum = 0;
  for (size_t i = begin; i < end; ++i) {
    double row = 0, column = 0;
    for (size_t j = begin; j < end; ++j) {
      row += static_cast<double>(m[i][j]);
      column += static_cast<double>(m[j][i]);
    }
    const double hit = static_cast<double>(m[i][i]);
    right += hit;
    all += row;
    sum += hit / (row + column - hit);
  }
  return {100.0 * right / all, 100.0 * sum / static_cast<double>(end - begin)};
}

void expect_equal(const GroupScores& got, const GroupScores& expected) {
  EXPECT_NEAR(got.accuracy, expected.accuracy, 1e-9);
  EXPECT_NEAR(got.mean_iou, expected.mean_iou, 1e-9);
}

TEST(ThingStuff, ThreeWays) {
  const size_t n = 7, things = 3;
  const Histogram h = random_histogram(7, 7, 90);
  const Classes class_of = match_clusters(h, Matching::hungarian);
  std::vector<Classes> cluster_order(n, Classes(n)), label_order(n, Classes(n));
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i) {
      const size_t c = static_cast<size_t>(class_of[k]);
      cluster_order[k][i] = h.counts[c * n + i];  // row of class c to the index of its cluster
      label_order[i][c] = h.counts[i * n + k];    // column of cluster k to the index of its class
    }
  const ThingStuff t = thing_stuff(h, class_of, 3);
  expect_equal(t.cluster_order.things, block_by_definition(cluster_order, 0, things));
  expect_equal(t.cluster_order.stuff, block_by_definition(cluster_order, things, n));
  expect_equal(t.label_order.things, block_by_definition(label_order, 0, things));
  expect_equal(t.label_order.stuff, block_by_definition(label_order, things, n));

  const Scores s = score(h, class_of);
  EXPECT_NEAR(t.full.things.mean_iou, (s.iou[0] + s.iou[1] + s.iou[2]) / 3, 1e-9);
  double right = 0, all = 0;
  for (size_t i = things; i < n; ++i) {
    right += static_cast<double>(label_order[i][i]);
    all += static_cast<double>(std::accumulate(label_order[i].begin(), label_order[i].end(), int64_t{0}));
  }
  EXPECT_NEAR(t.full.stuff.accuracy, 100.0 * right / all, 1e-9);
}

TEST(ThingStuff, FullGroupsAgreeWithThePublishedFigures) {
  // Published per-class IoU in percent, rounded to 0.01, and the group means made of them; the accuracy of all pixels
  // is the mean of the groups' accuracies weighted by their pixels.
  const std::vector<double> iou{0.01,  0.00, 0.00,  0.61,  0.76,  0.03,  0.52, 38.56, 0.92,
                                31.85, 1.95, 29.69, 2.42,  0.51,  21.61, 7.08, 1.45,  1.65,
                                28.39, 1.46, 40.59, 29.30, 53.61, 56.19, 2.34, 2.97,  52.94};
  const Classes pixels{609318,   1086435, 484455,   2156943,  1116181,  300739,   594224,   4794798, 1471578,
                       8049802,  1066534, 4709565,  1921936,  4532584,  1479779,  11112825, 5411818, 2767596,
                       18925070, 2388577, 16066864, 36916980, 36778473, 29494656, 5236771,  4860852, 15837211};
  // A matrix with these row sums and IoUs: misses go to a cluster that stands for no class, so IoU = recall.
  Histogram h{27, 28, Classes(27 * 28)};
  Classes class_of(28, -1);
  for (size_t c = 0; c < 27; ++c) {
    class_of[c] = static_cast<int64_t>(c);
    h.counts[c * 28 + c] = std::llround(iou[c] / 100.0 * static_cast<double>(pixels[c]));
    h.counts[c * 28 + 27] = pixels[c] - h.counts[c * 28 + c];
  }
  EXPECT_EQ(h.total(), 220172564);
  const ThingStuff t = thing_stuff(h, class_of, 12);
  EXPECT_NEAR(score(h, class_of).mean_iou, 15.0884, 0.005);
  EXPECT_NEAR(t.full.things.mean_iou, 8.74, 0.005 + 0.005);
  EXPECT_NEAR(t.full.stuff.mean_iou, 20.17, 0.005 + 0.005);
  EXPECT_TRUE(std::isnan(t.cluster_order.things.accuracy));
}

}  // namespace
}  // namespace bareseg
