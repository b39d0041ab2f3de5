#include "apps/data_check.h"

#include <gtest/gtest.h>

#include "apps/run.h"
#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace {

Outcome check(const DataCheckOptions& options) {
  testing::internal::CaptureStdout();
  Outcome outcome;
  try {
    outcome.code = data_check(options);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  outcome.output = testing::internal::GetCapturedStdout();
  return outcome;
}

testing::AssertionResult says(const Outcome& outcome, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (outcome.output.find(part) == std::string::npos) {
      return testing::AssertionFailure() << "no '" << part << "' in:\n" << outcome.output;
    }
  }
  return testing::AssertionSuccess();
}

class DataCheck : public testing::Test {
 protected:
  DataCheck() {
    options_.data = {.kind = "folder", .root = root_.path()};
    put_file(root_ / "classes.txt", "0 sky\n1 road\n9 void\n");
    put_pair("train", "a", 4, 3, {0, 1, 1, 9});
    put_pair("train", "b", 8, 6, {1});
    put_pair("val", "c", 5, 5, {0});
  }

  void put_pair(const std::string& split, const std::string& id, int64_t width, int64_t height,
                const std::vector<uint8_t>& values) {
    put_picture(root_ / ("images/" + split + "/" + id + ".png"), width, height);
    put_labels(root_ / ("labels/" + split + "/" + id + ".png"), width, height, values);
  }

  const TemporaryFolder root_;
  DataCheckOptions options_;
};

TEST_F(DataCheck, CountsBothSplits) {
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, 0);
  // 3 of sky, 6 + 48 of road, 3 ignored: 57 labelled, 60 in all.
  EXPECT_TRUE(says(outcome, {"train: 2 images, 2 good, width 4 to 8, height 3 to 6, with labels", "0 sky", "5.26 %",
                             "1 road", "54", "94.74 %", "ignored pixels: 3, 5.00 % of all",
                             "val: 1 images, 1 good, width 5, height 5", "100.00 %", "no problem found"}));
  options_.split = "val";
  EXPECT_EQ(check(options_).output.find("train"), std::string::npos);
}

TEST_F(DataCheck, NamesEveryBadFile) {
  put_file(root_ / "images/val/d.png", "no picture");
  put_labels(root_ / "labels/val/d.png", 5, 5, {0});
  put_pair("val", "e", 5, 5, {7});
  put_pair("val", "f", 5, 5, {0});
  put_labels(root_ / "labels/val/f.png", 5, 4, {0});
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, kExitError);
  EXPECT_TRUE(says(outcome, {"val: 4 images, 1 good", "images/val/d.png: neither", "labels/val/e.png: value 7",
                             "labels/val/f.png", "5x4", "problems found"}));
}

TEST_F(DataCheck, ASplitThatDoesNotPairIsAProblem) {
  put_picture(root_ / "images/val/lonely.png", 3, 3);
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, kExitError);
  EXPECT_TRUE(says(outcome, {"train: 2 images, 2 good", "val: does not open", "labels/val/lonely.png is missing"}));
}

TEST_F(DataCheck, ASplitThatIsNotThereIsNone) {
  std::filesystem::remove_all(root_ / "images/val");
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(says(outcome, {"val: not there", "images/val", "train: 2 images"}));
  options_.split = "val";
  EXPECT_EQ(check(options_).code, kExitError) << "it was asked for";
  options_.split = "both";
  std::filesystem::remove_all(root_ / "images");
  EXPECT_TRUE(refuses([&] { check(options_); }, {"expected images in", "images/train"}));
  options_.data.root = root_ / "nowhere";
  EXPECT_TRUE(refuses([&] { check(options_); }, {"--data", "nowhere"}));
}

TEST_F(DataCheck, PlainPhotographsAreCheckedOnce) {
  options_.data = {.kind = "images", .root = root_ / "images"};
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(says(outcome, {"images: 3 images, 3 good, width 4 to 8, height 3 to 6, without labels"}));
  EXPECT_EQ(outcome.output.find("ignored"), std::string::npos);
}

TEST_F(DataCheck, RenderedScenesAreSound) {
  options_.data = {.scenes = 3, .scene_size = 32};
  const Outcome outcome = check(options_);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(says(outcome, {"train: 3 images, 3 good, width 32, height 32", "val: 3 images", "8 person"}));
}

}  // namespace
}  // namespace bareseg
