#include "apps/predict.h"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <set>

#include "apps/run.h"
#include "data/class_table.h"
#include "data/palette.h"
#include "data/picture.h"
#include "engine/augment.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

// Folders photos/ and out/, and the checkpoint of tiny_segmenter().
class Predict : public testing::Test {
 protected:
  Predict() {
    options_.checkpoint = (root_ / "tiny.safetensors").string();
    options_.images = (root_ / "photos").string();
    options_.out = (root_ / "out").string();
    save_segmenter(options_.checkpoint, tiny_segmenter());
  }

  fs::path out(const std::string& file) const { return root_ / "out" / file; }

  const TemporaryFolder root_;
  PredictOptions options_;
};

std::vector<int32_t> clusters_of(const Tensor& labels) {
  const std::vector<uint8_t> bytes = labels.to_vector<uint8_t>();
  return {bytes.begin(), bytes.end()};
}

TEST(NetworkSize, ShortSideBecomesTheResolution) {
  EXPECT_EQ(network_size({480, 360}, 160), (ImageSize{213, 160}));
  EXPECT_EQ(network_size({360, 480}, 160), (ImageSize{160, 213}));
  EXPECT_EQ(network_size({1, 1}, 160), (ImageSize{160, 160}));
  EXPECT_EQ(network_size({300, 20}, 32), (ImageSize{480, 32}));
  EXPECT_EQ(network_size({7, 33}, 1), (ImageSize{1, 4}));
}

TEST(NetworkSize, LongImagesStayWithinSixteenSquares) {
  EXPECT_EQ(network_size({160, 10}, 32), (ImageSize{512, 32}));
  for (const ImageSize image : {ImageSize{171, 10}, ImageSize{1, 100'000}, ImageSize{100'000, 3}}) {
    const ImageSize size = network_size(image, 32);
    EXPECT_GE(std::min(size.width, size.height), 1);
    EXPECT_LE(size.width * size.height, 16 * 32 * 32);
    EXPECT_GT(size.width * size.height, 6 * 32 * 32);
    EXPECT_EQ(size.width > size.height, image.width > image.height);
  }
}

TEST(NetworkSize, RefusesNothing) {
  EXPECT_TRUE(refuses([] { network_size({0, 5}, 32); }, {"empty", "0x5"}));
  EXPECT_TRUE(refuses([] { network_size({5, 5}, 0); }, {"short side", "got 0"}));
}

TEST(PredictClusters, SquaresEqualThePathOfEvaluation) {
  const Segmenter s = tiny_segmenter();
  const Image image = drawn_picture(64, 64);
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const ClusterMap map = predict_clusters(s, 0, image, 64, dtype);
    const NoGrad no_grad;
    const ModeGuard mode(*s.network, false);
    const Tensor features = plain_features(*s.network, Tensor::from(image.rgb, {1, 64, 64, 3}), dtype);
    EXPECT_EQ(map.clusters, clusters_of(segment(features, s.classifiers[0], 64, 64))) << dtype;
    EXPECT_GE(std::set(map.clusters.begin(), map.clusters.end()).size(), 2u);
  }
}

TEST(PredictClusters, AnySizeAndBothClassifiers) {
  const Segmenter s = tiny_segmenter();
  for (const ImageSize size : {ImageSize{33, 57}, ImageSize{1, 1}, ImageSize{300, 20}, ImageSize{1, 400}}) {
    for (const int64_t classifier : {0, 1}) {
      const ClusterMap map = predict_clusters(s, classifier, drawn_picture(size.width, size.height), 32, kFloat32);
      EXPECT_EQ(map.width, size.width);
      EXPECT_EQ(map.height, size.height);
      ASSERT_EQ(std::ssize(map.clusters), size.width * size.height);
      const auto [low, high] = std::minmax_element(map.clusters.begin(), map.clusters.end());
      EXPECT_GE(*low, 0);
      EXPECT_LT(*high, s.classifiers[static_cast<size_t>(classifier)].size());
    }
  }
  EXPECT_TRUE(s.network->training()) << "the mode is given back";
  EXPECT_TRUE(refuses([&] { predict_clusters(s, 2, drawn_picture(5, 5), 32, kFloat32); }, {"has 2", "got 2"}));
}

TEST(PredictClusters, WithLittleMemoryEachBlockTakesItsPixel) {
  const Segmenter s = tiny_segmenter();
  const Image image = drawn_picture(48, 40);
  const ClusterMap whole = predict_clusters(s, 0, image, 32, kFloat32, {}, 48 * 40 * kTinyClusters);
  EXPECT_EQ(whole.clusters, predict_clusters(s, 0, image, 32, kFloat32).clusters);
  // A quarter of the scores: 24x20, each pixel twice in both directions.
  const ClusterMap map = predict_clusters(s, 0, image, 32, kFloat32, {}, 24 * 20 * kTinyClusters);
  EXPECT_EQ(map.width, 48);
  EXPECT_EQ(map.height, 40);
  int64_t equal = 0;
  for (int64_t y = 0; y < 40; ++y) {
    for (int64_t x = 0; x < 48; ++x) {
      const auto at = [&](int64_t row, int64_t col) { return map.clusters[static_cast<size_t>(row * 48 + col)]; };
      ASSERT_EQ(at(y, x), at(y - y % 2, x - x % 2)) << x << "," << y;
      equal += at(y, x) == whole.clusters[static_cast<size_t>(y * 48 + x)];
    }
  }
  EXPECT_GT(equal, 48 * 40 * 9 / 10);
}

TEST_F(Predict, WritesMapsOfTheImagesSizeInTheClassesColours) {
  const std::vector<std::pair<std::string, ImageSize>> photos = {{"a", {33, 57}}, {"b", {1, 1}}, {"trip_c", {300, 20}}};
  put_picture(root_ / "photos/a.png", 33, 57);
  put_picture(root_ / "photos/b.png", 1, 1);
  put_file(root_ / "photos/trip/c.jpg", encode_jpeg(drawn_picture(300, 20)));
  EXPECT_EQ(predict(options_), 0);

  const ClassTable table = read_class_table(out("classes.txt"));
  ASSERT_EQ(table.classes.size(), 3u);
  EXPECT_EQ(table.classes[1].name, "stone wall");
  EXPECT_EQ(table.of_value[kIgnoreLabel], kIgnoreLabel);
  const std::vector<uint8_t> palette = palette_of(table.classes);
  const Segmenter s = load_segmenter(options_.checkpoint, {});
  for (const auto& [name, size] : photos) {
    const bool jpeg = name == "trip_c";
    const Image photo = read_image(jpeg ? root_ / "photos/trip/c.jpg" : root_ / "photos" / (name + ".png"));
    const ClusterMap map = predict_clusters(s, 0, photo, kTinyResolution, kFloat32);
    LabelMap expected{size.width, size.height, {}};
    for (const int32_t k : map.clusters) {
      expected.classes.push_back(static_cast<uint8_t>(std::array{2, 0, 255, 1, 0}[static_cast<size_t>(k)]));
    }
    const RawLabels stored = read_labels(out("labels/" + name + ".png"));
    EXPECT_EQ(stored.width, size.width);
    EXPECT_EQ(stored.height, size.height);
    EXPECT_EQ(table.map(stored, name).classes, expected.classes) << name;
    EXPECT_EQ(read_image(out("labels/" + name + ".png")).rgb, colourise(expected, palette).rgb) << name;
    EXPECT_EQ(read_image(out("overlays/" + name + ".png")).rgb, overlay(photo, expected, palette, 0.6f).rgb) << name;
    EXPECT_TRUE(fs::exists(out("pairs/" + name + ".png")));
  }
  EXPECT_GT(read_image(out("grid.png")).width, 6 * 100);
  EXPECT_GT(read_image(out("legend.png")).height, 3 * kCaptionHeight);
}

TEST_F(Predict, ClustersWithoutClassesKeepTheirNumbers) {
  put_picture(root_ / "photos/a.png", 40, 30);
  options_.classifier = 1;
  options_.sheet = 0;
  EXPECT_EQ(predict(options_), 0);
  const ClassTable table = read_class_table(out("classes.txt"));
  ASSERT_EQ(table.classes.size(), 7u);
  EXPECT_EQ(table.classes[6].name, "cluster 6");
  const ClusterMap map = predict_clusters(tiny_segmenter(), 1, drawn_picture(40, 30), kTinyResolution, kFloat32);
  const RawLabels stored = read_labels(out("labels/a.png"));
  EXPECT_TRUE(std::equal(stored.values.begin(), stored.values.end(), map.clusters.begin(), map.clusters.end()));
  EXPECT_FALSE(fs::exists(out("grid.png")));

  options_.classifier = 2;
  EXPECT_TRUE(refuses([&] { predict(options_); }, {"tiny.safetensors", "has 2 classifiers", "--classifier 2"}));
}

TEST_F(Predict, ShowsTheTruthBesideThePrediction) {
  put_file(root_ / "set/classes.txt", "0 sky 10 20 30\n1 stone wall 40 50 60\n2 tree 70 80 90\n");
  for (const char* id : {"a", "b", "c"}) {
    put_picture(root_ / "set/images/val" / (std::string(id) + ".png"), 40, 30);
    put_labels(root_ / "set/labels/val" / (std::string(id) + ".png"), 40, 30, {0, 1, 2});
  }
  options_.images.clear();
  options_.data = {.kind = "folder", .root = root_ / "set"};
  options_.count = 2;
  options_.opacity = 1.0;
  EXPECT_EQ(predict(options_), 0);
  EXPECT_FALSE(fs::exists(out("labels/c.png"))) << "--count 2";
  EXPECT_EQ(read_class_table(out("classes.txt")).classes[2].colour, (Colour{70, 80, 90})) << "the data set's colours";
  const Image pair = read_image(out("pairs/b.png"));
  EXPECT_EQ(pair.width, 4 + 3 * (40 + 4));
  const auto first_of_truth = pair.rgb.end() - ((4 + 30) * pair.width - (4 + 2 * 44)) * 3;
  EXPECT_EQ(std::vector(first_of_truth, first_of_truth + 6), (std::vector<uint8_t>{10, 20, 30, 40, 50, 60}));
}

TEST_F(Predict, UnreadableImagesAreLeftOutUnlessStrict) {
  put_picture(root_ / "photos/good.png", 20, 30);
  put_file(root_ / "photos/bad.jpg", "no picture");
  EXPECT_EQ(predict(options_), 0);
  EXPECT_TRUE(fs::exists(out("labels/good.png")));
  EXPECT_FALSE(fs::exists(out("labels/bad.png")));
  options_.strict = true;
  EXPECT_TRUE(refuses([&] { predict(options_); }, {"photos/bad.jpg"}));
  options_.strict = false;
  fs::remove(root_ / "photos/good.png");
  EXPECT_EQ(predict(options_), kExitError) << "nothing was predicted";
}

TEST_F(Predict, RefusesFoldersThatCannotBe) {
  put_picture(root_ / "photos/a.png", 20, 30);
  put_file(root_ / "file", "text");
  options_.out = (root_ / "file/out").string();
  EXPECT_TRUE(refuses([&] { predict(options_); }, {"--out: cannot create", "file/out"}));
  for (const char* inside : {"photos", "photos/out", "out/../photos/x"}) {
    options_.out = (root_ / inside).string();
    EXPECT_TRUE(refuses([&] { predict(options_); }, {"--out", "outside"})) << inside;
  }
  options_.out = (root_ / "photos2").string();
  EXPECT_EQ(predict(options_), 0);
  options_.images = (root_ / "missing").string();
  EXPECT_TRUE(refuses([&] { predict(options_); }, {"missing", "no such folder"}));
  options_.images = (root_ / "photos").string();
  options_.checkpoint = (root_ / "file").string();
  EXPECT_TRUE(refuses([&] { predict(options_); }, {"file"}));
}

TEST(PredictOptions, OnTheCommandLine) {
  PredictOptions options;
  CLI::App app;
  options.declare(app);
  app.parse("best.safetensors --images photos --count 3 --classifier 1 --res 96", false);
  EXPECT_EQ(options.checkpoint, "best.safetensors");
  EXPECT_EQ(options.images, "photos");
  EXPECT_EQ(options.count, 3);
  EXPECT_EQ(options.classifier, 1);
  EXPECT_EQ(options.res, 96);
  EXPECT_THROW(app.parse("best.safetensors --images photos --data set", false), CLI::ParseError);
  EXPECT_THROW(app.parse("--images photos", false), CLI::ParseError);
  EXPECT_THROW(app.parse("best.safetensors --opacity 2", false), CLI::ParseError);
}

}  // namespace
}  // namespace bareseg
