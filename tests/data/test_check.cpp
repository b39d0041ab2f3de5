#include "data/check.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "engine/error.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

// Ten images of growing size; every pixel of image i is class i % 2, but for one unlabelled pixel.
class Numbered : public Dataset {
 public:
  int64_t size() const override { return 10; }
  std::string name(int64_t index) const override { return std::to_string(index); }
  std::string source(int64_t index) const override { return "image " + name(index); }
  Image image(int64_t index) const override {
    BS_CHECK(index != broken, source(index), ": broken");
    return drawn_picture(10 + index, 30 - index);
  }
  bool has_labels() const override { return labelled; }
  LabelMap labels(int64_t index) const override {
    const int64_t width = 10 + index + (index == wider ? 1 : 0), height = 30 - index;
    LabelMap map{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height))};
    std::fill(map.classes.begin(), map.classes.end(), static_cast<uint8_t>(index % 2));
    map.classes[0] = kIgnoreLabel;
    if (index == strange) map.classes[1] = 2;
    return map;
  }
  const std::vector<ClassInfo>& classes() const override { return classes_; }

  bool labelled = true;
  int64_t broken = -1, wider = -1, strange = -1;

 private:
  std::vector<ClassInfo> classes_ = {{"even"}, {"odd"}};
};

TEST(CheckDataset, CountsWhatIsThere) {
  const Numbered data;
  for (const int threads : {0, 1, 7, 32}) {
    int64_t last = 0;
    const DataReport report = check_dataset(
        data,
        [&](int64_t done, int64_t total) {
          EXPECT_EQ(done, ++last);
          EXPECT_EQ(total, 10);
        },
        threads);
    EXPECT_EQ(last, 10);
    EXPECT_EQ(report.images, 10);
    EXPECT_EQ(report.good, 10);
    EXPECT_TRUE(report.problems.empty());
    EXPECT_EQ(report.smallest, (ImageSize{10, 21}));
    EXPECT_EQ(report.largest, (ImageSize{19, 30}));
    EXPECT_EQ(report.ignored_pixels, 10);
    EXPECT_EQ(report.class_pixels,
              (std::vector<int64_t>{300 + 336 + 364 + 384 + 396 - 5, 319 + 351 + 375 + 391 + 399 - 5}));
  }
}

TEST(CheckDataset, ReportsEveryProblemInOrder) {
  Numbered data;
  data.broken = 8;
  data.wider = 3;
  data.strange = 5;
  const DataReport report = check_dataset(data, {}, 4);
  EXPECT_EQ(report.good, 7);
  ASSERT_EQ(report.problems.size(), 3u);
  EXPECT_EQ(report.problems[0].index, 3);
  EXPECT_NE(report.problems[0].message.find("14x27"), std::string::npos) << report.problems[0].message;
  EXPECT_EQ(report.problems[1].source, "image 5");
  EXPECT_NE(report.problems[1].message.find("label 2"), std::string::npos) << report.problems[1].message;
  EXPECT_EQ(report.problems[2].message, "image 8: broken");
  EXPECT_EQ(report.class_pixels[0], 300 + 336 + 364 + 384 - 4);
}

TEST(CheckDataset, NeedsNoLabels) {
  Numbered data;
  data.labelled = false;
  data.wider = 3;
  const DataReport report = check_dataset(data);
  EXPECT_EQ(report.good, 10);
  EXPECT_TRUE(report.class_pixels.empty());
  EXPECT_EQ(report.ignored_pixels, 0);
}

TEST(CheckDataset, TheCallerMayEndIt) {
  const Numbered data;
  const auto stop = [](int64_t done, int64_t) {
    if (done == 2) throw std::runtime_error("enough");
  };
  EXPECT_THROW(check_dataset(data, stop, 3), std::runtime_error);
  EXPECT_TRUE(refuses([&] { check_dataset(data, {}, -1); }, {"threads", "-1"}));
}

TEST(CheckDataset, FindsWrongFiles) {
  const TemporaryFolder root;
  put_file(root / "classes.txt", "0 sky\n1 road\n");
  for (const char* id : {"a", "b", "c"}) {
    put_picture(root / "images/val" / (std::string(id) + ".png"), 4, 3);
    put_labels(root / "labels/val" / (std::string(id) + ".png"), 4, 3, {1});
  }
  put_labels(root / "labels/val/b.png", 4, 3, {0, 9});
  put_file(root / "images/val/c.png", "no picture");
  const DataReport report = check_dataset(*open_dataset({.kind = "folder", .root = root.path()}, Split::val));
  EXPECT_EQ(report.good, 1);
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_NE(report.problems[0].message.find("labels/val/b.png: value 9"), std::string::npos);
  EXPECT_NE(report.problems[1].message.find("images/val/c.png: neither"), std::string::npos);
}

}  // namespace
}  // namespace bareseg
