#include "data/pair_augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data/base_crop.h"
#include "engine/error.h"
#include "engine/random.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

/// The picture tells where a pixel comes from: green is its row, blue its column.
struct Pair {
  Image image;
  LabelMap labels;
  PairSource source() const { return {image.height, image.width, image.rgb.data(), labels.classes.data()}; }
};

// Blocks of 8 x 8 pixels of one class each.
Pair blocks(int64_t width, int64_t height) {
  Pair p{{width, height, {}}, {width, height, {}}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const auto c = static_cast<uint8_t>((y / 8 * 3 + x / 8 * 2) % 6);
      p.labels.classes.push_back(c);
      for (const int value : {200, int(y), int(x)}) p.image.rgb.push_back(static_cast<uint8_t>(value));
    }
  }
  return p;
}

struct View {
  std::vector<uint8_t> rgb, classes;
};

View view_of(const PairAugment& how, const Pair& pair, const PairDraw& draw) {
  const auto pixels = static_cast<size_t>(how.height * how.width);
  View view{std::vector<uint8_t>(3 * pixels, 77), std::vector<uint8_t>(pixels, 77)};
  augment_pair(how, pair.source(), draw, view.rgb.data(), view.classes.data());
  return view;
}

View view_of(const PairAugment& how, const Pair& pair, int64_t image = 0, uint64_t pass = 0) {
  return view_of(how, pair, draw_pair(how, pair.image.height, pair.image.width, image, pass));
}

TEST(PairAugment, WithoutTransformsIsTheImageItself) {
  const Pair pair = blocks(48, 40);
  const PairAugment how{.height = 40, .width = 48, .short_side = 40};
  const View view = view_of(how, pair, 3, 5);
  EXPECT_EQ(view.rgb, pair.image.rgb);
  EXPECT_EQ(view.classes, pair.labels.classes);
}

TEST(PairAugment, OfTheSquareIsTheBaseCrop) {
  const Pair pair = blocks(51, 40);
  const PairAugment how{.height = 32, .width = 32, .short_side = 32, .square = true};
  const Pair square{pair_source(how, pair.image), pair_source(how, pair.labels)};
  const View view = view_of(how, square);
  EXPECT_EQ(view.rgb, base_crop(pair.image, 32).rgb);
  EXPECT_EQ(view.classes, base_crop(pair.labels, 32).classes);
}

// Rows and columns grow evenly, so that the resize keeps them, to a pixel.
TEST(PairAugment, LabelsStayWithTheirPixels) {
  const Pair pair = blocks(64, 48);
  const PairAugment how{.height = 37, .width = 53, .short_side = 48, .min_scale = 0.5, .max_scale = 2.0, .hflip = true};
  int flips = 0, padded = 0;
  for (int64_t image = 0; image < 40; ++image) {
    const PairDraw draw = draw_pair(how, 48, 64, image, 1);
    flips += draw.flip;
    const View view = view_of(how, pair, draw);
    int64_t inside = 0, wrong = 0;
    for (int64_t i = 0; i < how.height * how.width; ++i) {
      const uint8_t c = view.classes[static_cast<size_t>(i)];
      if (c == kIgnoreLabel) {
        ++padded;
        EXPECT_EQ(view.rgb[static_cast<size_t>(3 * i)], 124);  // the mean red
        EXPECT_EQ(view.rgb[static_cast<size_t>(3 * i + 1)], 116);
        EXPECT_EQ(view.rgb[static_cast<size_t>(3 * i + 2)], 104);
        continue;
      }
      ++inside;
      const int64_t row = view.rgb[static_cast<size_t>(3 * i + 1)], col = view.rgb[static_cast<size_t>(3 * i + 2)];
      bool found = false;
      for (int64_t y = std::max<int64_t>(0, row - 1); y <= std::min<int64_t>(47, row + 1); ++y) {
        for (int64_t x = std::max<int64_t>(0, col - 1); x <= std::min<int64_t>(63, col + 1); ++x) {
          found |= pair.labels.classes[static_cast<size_t>(y * 64 + x)] == c;
        }
      }
      wrong += !found;
    }
    EXPECT_GT(inside, 0);
    EXPECT_EQ(wrong, 0) << "image " << image;
  }
  EXPECT_GT(flips, 8);
  EXPECT_LT(flips, 32);
  EXPECT_GT(padded, 0);
}

TEST(PairAugment, AViewLiesWhereItsDrawSays) {
  const Pair pair = blocks(16, 16);
  const PairAugment how{.height = 8, .width = 4, .short_side = 16};
  const View view = view_of(how, pair, {.height = 16, .width = 16, .row = 5, .col = 11, .colours = {}});
  const View flipped =
      view_of(how, pair, {.height = 16, .width = 16, .row = 5, .col = 11, .flip = true, .colours = {}});
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 4; ++x) {
      const auto at = static_cast<size_t>(y * 4 + x), mirror = static_cast<size_t>(y * 4 + 3 - x);
      EXPECT_EQ(view.rgb[3 * at + 1], y + 5);
      EXPECT_EQ(view.rgb[3 * at + 2], x + 11);
      EXPECT_EQ(view.classes[at], pair.labels.classes[static_cast<size_t>((y + 5) * 16 + x + 11)]);
      EXPECT_EQ(flipped.rgb[3 * mirror + 2], view.rgb[3 * at + 2]);
      EXPECT_EQ(flipped.classes[mirror], view.classes[at]);
    }
  }
  // A smaller image inside its view: the rest is padded.
  const PairAugment large{.height = 20, .width = 18, .short_side = 16};
  const View around = view_of(large, pair, {.height = 16, .width = 16, .row = -3, .col = -2, .colours = {}});
  for (int64_t y = 0; y < 20; ++y) {
    for (int64_t x = 0; x < 18; ++x) {
      const bool within = y >= 3 && y < 19 && x >= 2;
      const uint8_t expected = within ? pair.labels.classes[static_cast<size_t>((y - 3) * 16 + x - 2)] : kIgnoreLabel;
      EXPECT_EQ(around.classes[static_cast<size_t>(y * 18 + x)], expected) << y << ", " << x;
    }
  }
}

TEST(PairAugment, DrawsAreAFunctionOfSeedPassAndImage) {
  const PairAugment how{.height = 32,
                        .width = 32,
                        .short_side = 64,
                        .min_scale = 0.5,
                        .max_scale = 2.0,
                        .hflip = true,
                        .jitter = 0.4,
                        .hue_range = 0.1,
                        .seed = 9};
  const auto key = [&](const PairAugment& a, int64_t image, uint64_t pass) {
    const PairDraw d = draw_pair(a, 64, 100, image, pass);
    EXPECT_GE(d.height, 32);
    EXPECT_LE(d.height, 128);
    EXPECT_NEAR(double(d.width), double(d.height) * 100.0 / 64.0, 1.3);
    EXPECT_GE(d.row, std::min<int64_t>(0, d.height - 32));
    EXPECT_LE(d.row, std::max<int64_t>(0, d.height - 32));
    EXPECT_GE(d.colours.brightness_factor, 0.6f);
    EXPECT_LE(d.colours.contrast_factor, 1.4f);
    EXPECT_LE(std::abs(d.colours.hue_shift), 25);
    return concat(d.height, ' ', d.row, ' ', d.col, ' ', d.flip, ' ', d.colours.brightness_factor, ' ',
                  d.colours.hue_shift);
  };
  std::set<std::string> keys;
  for (int64_t image = 0; image < 10; ++image) {
    for (uint64_t pass = 0; pass < 10; ++pass) keys.insert(key(how, image, pass));
  }
  EXPECT_EQ(keys.size(), 100u);
  EXPECT_EQ(key(how, 4, 7), key(how, 4, 7));
  PairAugment other = how;
  other.seed = 10;
  EXPECT_NE(key(other, 4, 7), key(how, 4, 7));
  // Colours off: the geometry stays.
  PairAugment plain = how;
  plain.jitter = plain.hue_range = 0.0;
  const PairDraw with = draw_pair(how, 64, 100, 4, 7), without = draw_pair(plain, 64, 100, 4, 7);
  EXPECT_EQ(with.row, without.row);
  EXPECT_EQ(with.flip, without.flip);
  EXPECT_FALSE(without.colours.brightness || without.colours.contrast || without.colours.saturation ||
               without.colours.hue);
}

TEST(PairAugment, ColoursLeaveLabelsAndPaddingAlone) {
  const Pair pair = blocks(24, 24);
  const PairAugment how{.height = 32, .width = 32, .short_side = 24};
  PairDraw draw{.height = 24, .width = 24, .row = -4, .col = -4, .colours = {}};
  const View plain = view_of(how, pair, draw);
  draw.colours.brightness = true;
  draw.colours.brightness_factor = 0.5f;
  const View dark = view_of(how, pair, draw);
  EXPECT_EQ(dark.classes, plain.classes);
  EXPECT_NE(dark.rgb, plain.rgb);
  EXPECT_EQ(dark.rgb[0], 124);
}

TEST(PairAugment, RefusesWrongNumbers) {
  const PairAugment good{.height = 8, .width = 8, .short_side = 8};
  EXPECT_NO_THROW(good.check());
  const auto refused = [&](auto change, const char* text) {
    PairAugment bad = good;
    change(bad);
    EXPECT_TRUE(refuses([&] { bad.check(); }, {text}));
  };
  refused([](PairAugment& p) { p.height = 0; }, "got 0x8");
  refused([](PairAugment& p) { p.width = 1 << 15; }, "height and width");
  refused([](PairAugment& p) { p.short_side = 0; }, "short_side");
  refused([](PairAugment& p) { p.min_scale = 0.0; }, "scales");
  refused([](PairAugment& p) { p.max_scale = 0.5; }, "scales");
  refused([](PairAugment& p) { p.jitter = 1.5; }, "jitter");
  refused([](PairAugment& p) { p.hue_range = 0.6; }, "hue_range");
  EXPECT_TRUE(refuses([&] { draw_pair(good, 8, 8, int64_t{1} << 24, 0); }, {"image and pass must be below"}));
}

}  // namespace
}  // namespace bareseg
