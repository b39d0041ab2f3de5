// The explanation of an image against the method's formulas, in double and without the parts that training uses.
#include "apps/explain.h"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cluster_options.h"
#include "apps/report.h"
#include "data/augment_plan.h"
#include "data/base_crop.h"
#include "engine/augment.h"
#include "engine/ops.h"
#include "tests/apps/markup.h"
#include "tests/apps/run_folder.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kSide = 32, kClusters = 3, kCells = kSide / 4;

// One epoch of training on four scenes, once for all tests.
class Explain : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = new TemporaryFolder;
    ClusterOptions options;
    CLI::App app;
    options.declare(app);
    app.parse(
        concat("--scenes 4 --scene-size 40 --res 32 --res1 32 --res2 48 --clusters ", kClusters,
               " --epochs 1 --batch-train 2 --batch-cluster 4 --batch-test 4 --num-init-batches 1 --num-batches 1 ",
               "--kmeans-iterations 3 --seed 7 --threads 1 --workers 1 --device cpu --out ", (*root_ / "run").string()),
        false);
    ASSERT_EQ(train_on_clusters(options, "[train.picie]\n" + app.config_to_str(true, false)), 0);
  }
  static void TearDownTestSuite() { delete root_; }

  Explain() {
    options_.run = (*root_ / "run").string();
    options_.out = (*root_ / "out").string();
    options_.device.device = "cpu";
    segmenter_ = load_segmenter(*root_ / "run/last.safetensors", {}, &extra_);
  }

  static AugmentConfig config() { return parse_transforms("all"); }

  // float32 [1, H, W, D] of a view in the final frame, from the ops themselves.
  Tensor features(const Image& photo, int64_t draw, int view) const {
    const EpochPlan plan(config(), 7, 4, 0);
    const Tensor square = Tensor::from(base_crop(photo, 48).rgb, {1, 48, 48, 3});
    const AugmentParams params[] = {plan.params(draw, view, 48)};
    const NoGrad no_grad;
    const ModeGuard mode(*segmenter_.network, false);
    const Tensor map = segmenter_.network->forward(augment(square, params, kSide));
    return view == 0 ? map : crop_resize_flip(map, {plan.window(draw, kCells)}, kCells);
  }

  static TemporaryFolder* root_;
  ExplainOptions options_;
  CheckpointExtra extra_;
  Segmenter segmenter_;
};
TemporaryFolder* Explain::root_ = nullptr;

std::vector<double> unit(const Tensor& map, int64_t cell) {
  const int64_t dims = map.dim(-1);
  std::vector<double> x;
  double square = 0.0;
  for (int64_t d = 0; d < dims; ++d) {
    x.push_back(map.data<float>()[cell * dims + d]);
    square += x.back() * x.back();
  }
  for (double& v : x) v /= std::max(std::sqrt(square), 1e-12);
  return x;
}

// Inner products with every centroid, and the number of the nearest one.
std::vector<double> products(const std::vector<double>& x, const Tensor& centroids) {
  std::vector<double> z(static_cast<size_t>(centroids.dim(0)), 0.0);
  for (size_t i = 0; i < z.size() * x.size(); ++i) z[i / x.size()] += x[i % x.size()] * centroids.data<float>()[i];
  return z;
}
int32_t nearest(const std::vector<double>& x, const Tensor& centroids) {
  const std::vector<double> z = products(x, centroids);
  double best = -1e300;
  int32_t at = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    double norm = 0.0;
    for (size_t d = 0; d < x.size(); ++d) norm += std::pow(centroids.data<float>()[k * x.size() + d], 2);
    if (2.0 * z[k] - norm > best) best = 2.0 * z[k] - norm, at = static_cast<int32_t>(k);
  }
  return at;
}

TEST_F(Explain, EqualsTheFormulas) {
  const Image photo = drawn_picture(70, 50);
  const RunRecord run = read_run(options_.run);
  const Explanation e = explain_image(run, segmenter_, extra_, photo, 2, kFloat32);
  EXPECT_EQ(e.epoch, 0);
  EXPECT_EQ(e.side, kCells);
  EXPECT_EQ(e.square.rgb, base_crop(photo, 48).rgb);

  std::array<std::vector<std::vector<double>>, 2> x;
  for (size_t v = 0; v < 2; ++v) {
    const Tensor map = features(photo, 2, static_cast<int>(v));
    std::vector<int64_t> counts(kClusters, 0);
    for (int64_t cell = 0; cell < kCells * kCells; ++cell) {
      x[v].push_back(unit(map, cell));
      ASSERT_EQ(e.labels[v][static_cast<size_t>(cell)], nearest(x[v].back(), segmenter_.classifiers[v].weight))
          << v << cell;
      ++counts[static_cast<size_t>(e.labels[v][static_cast<size_t>(cell)])];
    }
    EXPECT_EQ(e.counts[v], counts);
    EXPECT_EQ(e.occupancy[v], run.epochs[0]["occupancy"][v].get<std::vector<int64_t>>());
    for (size_t k = 0; k < kClusters; ++k) {
      EXPECT_FLOAT_EQ(e.weights[v][k], static_cast<float>(e.occupancy[v][k]) / (4.0f * kCells * kCells));
    }
  }
  for (size_t a = 0; a < 2; ++a) {
    for (size_t b = 0; b < 2; ++b) {
      double sum = 0.0, weights = 0.0;
      for (size_t i = 0; i < x[a].size(); ++i) {
        const std::vector<double> z = products(x[a][i], segmenter_.classifiers[b].weight);
        double exps = 0.0;
        for (const double score : z) exps += std::exp(score);
        const auto label = static_cast<size_t>(e.labels[b][i]);
        const double loss = std::log(exps) - z[label];
        EXPECT_NEAR(e.pixel_loss[a][b][i], loss, 1e-4);
        sum += e.weights[b][label] * loss;
        weights += e.weights[b][label];
      }
      EXPECT_NEAR(e.loss[a][b], sum / weights, 1e-4) << a << b;
    }
  }
  EXPECT_NEAR(e.within(), (e.loss[0][0] + e.loss[1][1]) / 2, 1e-12);
  EXPECT_NEAR(e.across(), (e.loss[0][1] + e.loss[1][0]) / 2, 1e-12);
}

TEST_F(Explain, MatchesTheClustersOfTheViews) {
  const Explanation e = explain_image(read_run(options_.run), segmenter_, extra_, drawn_picture(64, 64), 0, kFloat32);
  int64_t best = 0;
  std::vector<int64_t> order = {0, 1, 2};
  do {
    int64_t same = 0;
    for (size_t i = 0; i < e.labels[0].size(); ++i)
      same += order[static_cast<size_t>(e.labels[1][i])] == e.labels[0][i];
    best = std::max(best, same);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(e.agreement, 100.0 * static_cast<double>(best) / (kCells * kCells), 1e-9);
}

TEST_F(Explain, WritesPageNumbersAndPictures) {
  put_picture(*root_ / "a <b>&.png", 70, 50);
  options_.image = (*root_ / "a <b>&.png").string();
  EXPECT_EQ(explain(options_), 0);
  const fs::path out = options_.out;
  const std::vector<uint8_t> bytes = bytes_of(out / "index.html");
  const Markup page({bytes.begin(), bytes.end()});
  EXPECT_EQ(page.error, "");
  EXPECT_EQ(page.outside(), "");
  std::vector<std::string> ids;
  for (const Markup::Element& e : page.all("section")) ids.push_back(e.attributes.at("id"));
  EXPECT_EQ(ids, (std::vector<std::string>{"views", "centroids", "labels", "losses"}));
  EXPECT_EQ(page.all("img").size(), 12u);

  const Image photo = read_image(options_.image);
  const Explanation e = explain_image(read_run(options_.run), segmenter_, extra_, photo, 0, kFloat32);
  EXPECT_NE(page.text().find(concat("across ", fixed(e.across(), 4))), std::string::npos);
  const std::vector<uint8_t> json = bytes_of(out / "explanation.json");
  const nlohmann::json numbers = nlohmann::json::parse(json.begin(), json.end());
  EXPECT_EQ(numbers["loss"][0][1].get<double>(), e.loss[0][1]);
  EXPECT_EQ(numbers["counts"][1].get<std::vector<int64_t>>(), e.counts[1]);
  const RawLabels labels = read_labels(out / "labels2.png");
  EXPECT_TRUE(std::equal(labels.values.begin(), labels.values.end(), e.labels[1].begin(), e.labels[1].end()));
  EXPECT_EQ(read_image(out / "view1.png").width, kSide);
}

TEST_F(Explain, ATrainingImageHasItsOwnTransforms) {
  options_.index = 3;
  EXPECT_EQ(explain(options_), 0);
  DatasetOptions scenes{.scenes = 4, .scene_size = 40};
  const Image photo = open_dataset(scenes, Split::train)->image(3);
  const Explanation e = explain_image(read_run(options_.run), segmenter_, extra_, photo, 3, kFloat32);
  EXPECT_EQ(read_image(fs::path(options_.out) / "view2.png").rgb, e.inputs[1].rgb);
  const Explanation other = explain_image(read_run(options_.run), segmenter_, extra_, photo, 2, kFloat32);
  EXPECT_NE(other.inputs[0].rgb, e.inputs[0].rgb);
}

TEST_F(Explain, WhatTrainingWroteMakesAWholeReport) {
  ReportOptions options;
  options.runs = {options_.run};
  options.out = (*root_ / "report.html").string();
  options.images = 2;
  options.device.device = "cpu";
  EXPECT_EQ(report(options), 0);
  const std::vector<uint8_t> bytes = bytes_of(options.out);
  const Markup page({bytes.begin(), bytes.end()});
  EXPECT_EQ(page.error, "");
  EXPECT_EQ(page.all("section").size(), 9u) << page.text();
  EXPECT_EQ(page.all("img").size(), 2u * 4u);
  EXPECT_EQ(page.text().find("no confusion matrix"), std::string::npos);
}

TEST_F(Explain, SaysWhatIsMissing) {
  EXPECT_TRUE(refuses([&] { explain(options_); }, {"--image FILE", "--index N"}));
  options_.index = 4;
  EXPECT_TRUE(refuses([&] { explain(options_); }, {"--index", "4 training images", "got 4"}));
  options_.index = 0;
  options_.draw = 9;
  EXPECT_TRUE(refuses([&] { explain(options_); }, {"--draw", "4 training images", "got 9"}));
  options_.draw = -1;
  fs::copy(*root_ / "run", *root_ / "copy");
  options_.run = (*root_ / "copy").string();
  fs::remove(*root_ / "copy/metrics.jsonl");
  EXPECT_TRUE(refuses([&] { explain(options_); }, {"copy", "no cluster sizes of epoch 0"}));
  RunFolder labelled;
  labelled.method = "supervised";
  labelled.checkpoint = false;
  put_run(*root_ / "labelled", labelled);
  options_.run = (*root_ / "labelled").string();
  EXPECT_TRUE(refuses([&] { explain(options_); }, {"labelled", "train picie", "train supervised"}));
}

}  // namespace
}  // namespace bareseg
