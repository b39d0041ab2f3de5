#include <gtest/gtest.h>

#include <numeric>

#include "data/picture.h"
#include "engine/error.h"

namespace bareseg {
namespace {

const std::vector<uint8_t> kPalette = {10, 20, 30, 200, 100, 0};

Image grey(int64_t width, int64_t height, uint8_t value) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), value)};
}

std::vector<uint8_t> pixel(const Image& image, int64_t row, int64_t column) {
  const auto at = image.rgb.begin() + (row * image.width + column) * 3;
  return {at, at + 3};
}

TEST(Picture, ColouriseTakesThePaletteAndBlackForIgnored) {
  const Image image = colourise({3, 1, {1, kIgnoreLabel, 0}}, kPalette);
  EXPECT_EQ(image.rgb, (std::vector<uint8_t>{200, 100, 0, 0, 0, 0, 10, 20, 30}));
  EXPECT_THROW(colourise({1, 1, {2}}, kPalette), Error);
}

TEST(Picture, OverlayMixesAndLeavesIgnoredPixels) {
  const Image image = grey(3, 1, 100);
  const LabelMap labels{3, 1, {0, 1, kIgnoreLabel}};
  EXPECT_EQ(overlay(image, labels, kPalette, 0.5f).rgb,
            (std::vector<uint8_t>{55, 60, 65, 150, 100, 50, 100, 100, 100}));
  EXPECT_EQ(overlay(image, labels, kPalette, 0.0f).rgb, image.rgb);
  EXPECT_EQ(pixel(overlay(image, labels, kPalette, 1.0f), 0, 1), (std::vector<uint8_t>{200, 100, 0}));
  EXPECT_THROW(overlay(image, {1, 3, {0, 0, 0}}, kPalette, 0.5f), Error);
  EXPECT_THROW(overlay(image, labels, kPalette, 1.5f), Error);
  EXPECT_THROW(overlay(image, {3, 1, {0, 9, 0}}, kPalette, 0.5f), Error);
}

TEST(Picture, ResizedAveragesImagesAndPicksLabels) {
  EXPECT_EQ(resized(Image{2, 1, {0, 10, 20, 100, 30, 40}}, {1, 1}).rgb, (std::vector<uint8_t>{50, 20, 30}));
  const LabelMap labels = resized(LabelMap{2, 2, {1, 2, 3, kIgnoreLabel}}, {4, 2});
  EXPECT_EQ(labels.width, 4);
  EXPECT_EQ(labels.classes, (std::vector<uint8_t>{1, 1, 2, 2, 3, 3, kIgnoreLabel, kIgnoreLabel}));
  EXPECT_THROW(resized(Image{}, {1, 1}), Error);
  EXPECT_THROW(resized(labels, {0, 1}), Error);
}

TEST(Picture, UpscaleRepeatsPixels) {
  Image image = grey(2, 3, 0);
  std::iota(image.rgb.begin(), image.rgb.end(), uint8_t{0});
  const Image large = upscale_nearest(image, 3);
  ASSERT_EQ(large.width, 6);
  ASSERT_EQ(large.height, 9);
  for (int64_t y = 0; y < 9; ++y) {
    for (int64_t x = 0; x < 6; ++x) EXPECT_EQ(pixel(large, y, x), pixel(image, y / 3, x / 3));
  }
  EXPECT_THROW(upscale_nearest(image, 0), Error);
}

TEST(Picture, GridPlacesCellsAndCaptions) {
  const std::vector<Image> images = {grey(40, 20, 1), grey(30, 10, 2), grey(40, 20, 3)};
  const Image plain = side_by_side(images, 2, {}, 4);
  ASSERT_EQ(plain.width, 4 + 44 + 44);
  ASSERT_EQ(plain.height, 4 + 24 + 24);
  EXPECT_EQ(pixel(plain, 4, 4)[0], 1);
  EXPECT_EQ(pixel(plain, 4, 48)[0], 2);
  EXPECT_EQ(pixel(plain, 14, 48)[0], 255);  // the smaller image's cell is filled up with white
  EXPECT_EQ(pixel(plain, 28, 4)[0], 3);
  EXPECT_EQ(pixel(plain, 28, 48)[0], 255);
  EXPECT_EQ(pixel(plain, 0, 0)[0], 255);

  const Image captioned = side_by_side(images, 2, {"image"}, 4);
  ASSERT_EQ(captioned.height, plain.height + kCaptionHeight);  // the second row has no caption
  EXPECT_EQ(pixel(captioned, 4 + kCaptionHeight, 4)[0], 1);
  int64_t ink = 0;
  for (int64_t y = 4; y < 4 + kCaptionHeight; ++y) {
    for (int64_t x = 4; x < 44; ++x) ink += pixel(captioned, y, x)[0] == 0;
  }
  EXPECT_GT(ink, 30);
  EXPECT_THROW(side_by_side({}, 1), Error);
  EXPECT_THROW(side_by_side(images, 0), Error);
  EXPECT_THROW(side_by_side(images, 1, {}, -1), Error);
  EXPECT_THROW(side_by_side({images[0]}, 1, {"a", "b"}), Error);
}

TEST(Picture, LongCaptionStaysInItsCell) {
  const std::vector<Image> images = {grey(40, 20, 1), grey(40, 20, 2)};
  const Image image = side_by_side(images, 2, {std::string(100, 'M')}, 4);
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 44; x < 48; ++x) EXPECT_EQ(pixel(image, y, x)[0], 255);
  }
}

TEST(Picture, TextIsCutAtTheEdges) {
  Image image = grey(9, 9, 255);
  draw_text(image, 1, 2, "T");
  const std::vector<std::string> expected = {"#####", "# # #", "  #  ", "  #  ", "  #  ", "  #  ", "  #  "};
  for (int64_t y = 0; y < 9; ++y) {
    for (int64_t x = 0; x < 9; ++x) {
      const bool in = y >= 1 && y < 8 && x >= 2 && x < 7;
      const bool ink = in && expected[static_cast<size_t>(y - 1)][static_cast<size_t>(x - 2)] == '#';
      EXPECT_EQ(pixel(image, y, x)[0], ink ? 0 : 255) << y << ' ' << x;
    }
  }
  Image cut = grey(9, 9, 255);
  draw_text(cut, -3, -3, "?\n\xC3");
  draw_text(cut, 6, 6, "MMMM");
  EXPECT_EQ(cut.rgb.size(), 9u * 9 * 3);
}

}  // namespace
}  // namespace bareseg
