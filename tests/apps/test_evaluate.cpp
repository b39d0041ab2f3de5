#include "apps/evaluate.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "engine/file.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

using nlohmann::json;

std::string text_of(const std::filesystem::path& file) {
  const std::vector<uint8_t> bytes = bytes_of(file);
  return {bytes.begin(), bytes.end()};
}

// A checkpoint of three classes and four labelled pictures of 40x30, one of whose pixels in four has no class.
class Evaluate : public testing::Test {
 protected:
  Evaluate() {
    put_file(root_ / "set/classes.txt", "0 sky\n1 stone wall\n2 tree\n9 void\n");
    for (const char* split : {"train", "val"}) {
      for (const char* id : {"a", "b", "c", "d"}) {
        const std::string name = std::string(split) + "/" + id + ".png";
        put_picture(root_ / ("set/images/" + name), 40, 30);
        put_labels(root_ / ("set/labels/" + name), 40, 30, {0, 1, 2, 9});
      }
    }
    save_segmenter(root_ / "tiny.safetensors", tiny_segmenter());
    options_.checkpoint = (root_ / "tiny.safetensors").string();
    options_.data = {.kind = "folder", .root = root_ / "set"};
    options_.batch = 1;  // in batches the same sums are made in other orders
    options_.json = (root_ / "scores.json").string();
    options_.csv = (root_ / "scores.csv").string();
  }

  json scores() {
    testing::internal::CaptureStdout();
    const int code = run_evaluate(options_);
    printed_ = testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 0);
    return json::parse(text_of(root_ / "scores.json"));
  }
  static int64_t pixels(const json& result) {
    const std::vector<int64_t> counts = result["histogram"];
    return std::accumulate(counts.begin(), counts.end(), int64_t{0});
  }

  const TemporaryFolder root_;
  EvaluateOptions options_;
  std::string printed_;
};

TEST_F(Evaluate, EveryClassifierByEveryMatching) {
  const json out = scores();
  ASSERT_EQ(out["results"].size(), 4u);
  EXPECT_EQ(out["images"], 4);
  EXPECT_EQ(out["classes"], (std::vector<std::string>{"sky", "stone wall", "tree"}));
  const std::vector<std::pair<std::string, std::string>> expected = {{"classifier 1", "hungarian"},
                                                                     {"classifier 1", "majority"},
                                                                     {"classifier 2", "hungarian"},
                                                                     {"classifier 2", "majority"}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(out["results"][i]["name"], expected[i].first);
    EXPECT_EQ(out["results"][i]["matching"], expected[i].second);
    EXPECT_NE(printed_.find(expected[i].first + ", " + expected[i].second + " matching"), std::string::npos);
    // By hand, from the histogram and the classes of its columns.
    const json& r = out["results"][i];
    const std::vector<int64_t> counts = r["histogram"], classes = r["cluster_classes"];
    const size_t clusters = classes.size();
    EXPECT_EQ(clusters, i < 2 ? size_t{kTinyClusters} : 7u);
    int64_t right = 0;
    for (size_t k = 0; k < clusters; ++k) right += classes[k] < 0 ? 0 : counts[size_t(classes[k]) * clusters + k];
    EXPECT_NEAR(r["ACC"].get<double>(), 100.0 * double(right) / double(pixels(r)), 1e-9);
  }
  EXPECT_GE(out["results"][1]["ACC"], out["results"][0]["ACC"]);

  std::istringstream csv(text_of(root_ / "scores.csv"));
  std::string line;
  ASSERT_TRUE(std::getline(csv, line));
  EXPECT_EQ(line, "name,matching,ACC,mIoU,mean recall,\"IoU sky\",\"IoU stone wall\",\"IoU tree\"");
  int rows = 0;
  for (; std::getline(csv, line); ++rows) EXPECT_EQ(std::count(line.begin(), line.end(), ','), 7) << line;
  EXPECT_EQ(rows, 4);

  options_.matching = "majority";
  EXPECT_EQ(scores()["results"].size(), 2u);
  options_.inference.crf = true;  // without weights it changes nothing, but takes the other path
  options_.inference.crf_options.smooth_weight = options_.inference.crf_options.colour_weight = 0.0f;
  const json slow = scores();
  EXPECT_EQ(slow["results"][0]["histogram"], out["results"][1]["histogram"]);
  EXPECT_EQ(slow["crf"], true);
}

TEST_F(Evaluate, ProtocolsSeeWhatTheySay) {
  // Three of four pixels of a row have a class, and rows are multiples of four.
  const auto total = [&] { return pixels(scores()["results"][0]); };
  EXPECT_GT(total(), 4 * 32 * 32 / 2) << "squares of the checkpoint's 32 pixels";
  EXPECT_LT(total(), 4 * 32 * 32);
  options_.protocol = "full";
  EXPECT_EQ(total(), 4 * 40 * 30 * 3 / 4) << "whole label maps";
  options_.protocol = "fit";
  EXPECT_EQ(total(), 4 * 40 * 30 * 3 / 4);
  options_.label_resolution = 15;
  // Of every two columns the second is taken: stone wall, nothing, stone wall, nothing, ...
  EXPECT_EQ(total(), 4 * 20 * 15 / 2) << "label maps of half the size";
  options_.protocol = "crop";
  EXPECT_EQ(total(), 4 * 8 * 15) << "columns 2 to 16 of 20";
}

TEST_F(Evaluate, ASquareIsTheSameToAllProtocols) {
  options_.data = {.scenes = 3, .scene_size = 32};
  const json crop = scores();
  for (const char* protocol : {"full", "fit"}) {
    options_.protocol = protocol;
    EXPECT_EQ(scores()["results"][0]["histogram"], crop["results"][0]["histogram"]) << protocol;
  }
}

TEST_F(Evaluate, FreshClusteringsDoNotDependOnEachOther) {
  options_.batch = 2;  // batch norm in training wants more than one value, and the last maps have one pixel
  options_.repeats = 3;
  options_.seed = 5;
  options_.clusters = 4;
  const json three = scores();
  ASSERT_EQ(three["results"].size(), 4u + 6u);
  EXPECT_EQ(three["results"][6]["name"], "clustering 6");
  EXPECT_EQ(three["results"][6]["cluster_classes"].size(), 4u);
  double mean = 0.0, square = 0.0;
  for (const size_t i : {4u, 6u, 8u}) mean += three["results"][i]["ACC"].get<double>() / 3.0;
  for (const size_t i : {4u, 6u, 8u}) square += std::pow(three["results"][i]["ACC"].get<double>() - mean, 2) / 3.0;
  EXPECT_NEAR(three["clusterings"]["hungarian"]["ACC"]["mean"].get<double>(), mean, 1e-9);
  EXPECT_NEAR(three["clusterings"]["hungarian"]["ACC"]["std"].get<double>(), std::sqrt(square), 1e-6);
  EXPECT_NE(printed_.find("clusterings, mean +- std"), std::string::npos);
  options_.repeats = 1;
  options_.seed = 6;
  EXPECT_EQ(scores()["results"][4]["histogram"], three["results"][6]["histogram"]);
  options_.clusters = 0;
  EXPECT_EQ(scores()["results"][4]["cluster_classes"].size(), size_t{kTinyClusters});
  options_.cluster_split = "val";
  scores();
  EXPECT_NE(printed_.find("clustering 6"), std::string::npos);
}

TEST_F(Evaluate, IdentityNeedsTheCheckpointsClasses) {
  options_.matching = "identity";
  EXPECT_EQ(scores()["results"][0]["cluster_classes"], (std::vector<int64_t>{0, 1, 2, -1, -1}));
  options_.data = {.scenes = 2, .scene_size = 32};
  EXPECT_TRUE(refuses([&] { run_evaluate(options_); }, {"--matching identity"}));
  options_.matching = "auto";
  std::filesystem::remove_all(root_ / "set/labels");
  options_.data = {.kind = "folder", .root = root_ / "set"};
  EXPECT_TRUE(refuses([&] { run_evaluate(options_); }, {"no labels"}));
}

TEST_F(Evaluate, UnreadableImagesAreLeftOutUnlessStrict) {
  put_file(root_ / "set/images/val/b.png", "no picture");
  for (const char* protocol : {"crop", "full"}) {
    options_.protocol = protocol;
    EXPECT_EQ(scores()["images"], 3) << protocol;
  }
  options_.load.strict = true;
  EXPECT_TRUE(refuses([&] { run_evaluate(options_); }, {"images/val/b.png"}));
}

}  // namespace
}  // namespace bareseg
