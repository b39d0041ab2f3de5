#include "data/base_crop.h"

#include <gtest/gtest.h>

#include "tests/data/golden_pillow.h"

namespace bareseg {
namespace {

void expect_geometry(int64_t width, int64_t height, int64_t side, int64_t out_width, int64_t out_height, int64_t left,
                     int64_t top) {
  const BaseGeometry g = base_geometry(height, width, side);
  EXPECT_EQ(g.width, out_width) << width << "x" << height;
  EXPECT_EQ(g.height, out_height) << width << "x" << height;
  EXPECT_EQ(g.left, left) << width << "x" << height;
  EXPECT_EQ(g.top, top) << width << "x" << height;
}

TEST(BaseCrop, SizesAndOffsetsOfTheAuthors) {
  expect_geometry(500, 375, 640, 853, 640, 106, 0);
  expect_geometry(640, 429, 640, 954, 640, 157, 0);
  expect_geometry(640, 427, 640, 959, 640, 160, 0);
  expect_geometry(640, 480, 640, 853, 640, 106, 0);
  expect_geometry(640, 427, 320, 479, 320, 80, 0);
  expect_geometry(640, 429, 320, 477, 320, 78, 0);
  expect_geometry(2048, 1024, 640, 1280, 640, 320, 0);
  expect_geometry(375, 500, 640, 640, 853, 0, 106);
  expect_geometry(640, 640, 640, 640, 640, 0, 0);
}

TEST(BaseCrop, EqualsPillow) {
  for (const golden::Record& r : golden::records({golden::base, golden::base_labels})) {
    if (r.op == golden::base) {
      const Image square = base_crop(Image{r.width, r.height, r.picture}, r.out_height);
      EXPECT_EQ(square.width, r.out_width);
      EXPECT_EQ(square.height, r.out_height);
      EXPECT_EQ(square.rgb, r.result) << golden::describe(r);
    } else {
      const LabelMap square = base_crop(LabelMap{r.width, r.height, r.picture}, r.out_height);
      EXPECT_EQ(square.width, r.out_width);
      EXPECT_EQ(square.height, r.out_height);
      EXPECT_EQ(square.classes, r.result) << golden::describe(r);
    }
  }
}

TEST(BaseCrop, RefusesEmptyImagesAndSides) {
  EXPECT_THROW(base_crop(Image{}, 8), Error);
  EXPECT_THROW(base_crop(LabelMap{}, 8), Error);
  EXPECT_THROW(base_crop(Image{1, 1, {1, 2, 3}}, 0), Error);
}

}  // namespace
}  // namespace bareseg
