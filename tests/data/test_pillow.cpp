#include "engine/pillow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "engine/pillow_math.h"
#include "tests/data/golden_pillow.h"

namespace bareseg {
namespace {

using golden::Record;

struct PlanarImage {
  explicit PlanarImage(const std::vector<uint8_t>& rgb) : bytes(rgb.size()) {
    const auto n = static_cast<int64_t>(rgb.size() / 3);
    planes = {.r = bytes.data(), .g = bytes.data() + n, .b = bytes.data() + 2 * n, .count = n};
    pillow::split_rgb(rgb.data(), planes);
  }
  std::vector<uint8_t> rgb() const {
    std::vector<uint8_t> out(bytes.size());
    pillow::join_rgb(planes, out.data());
    return out;
  }
  std::vector<uint8_t> bytes;
  pillow::Planes planes;
};

TEST(Pillow, ColourOpsEqualPillow) {
  for (const Record& r :
       golden::records({golden::brightness, golden::contrast, golden::saturation, golden::hue, golden::grey})) {
    PlanarImage image(r.picture);
    const pillow::Planes& planes = image.planes;
    pillow::Colours colours;
    switch (r.op) {
      case golden::brightness:
        colours.brightness = r.params[0];
        break;
      case golden::contrast:
        colours.contrast = r.params[0];
        colours.mean_luma = pillow::mean_luma(pillow::luma_sum(planes, 1.0f), planes.count);
        break;
      case golden::saturation:
        colours.saturation = r.params[0];
        break;
      case golden::hue:
        colours.hue = pillow::hue_table(static_cast<int32_t>(r.params[0]));
        break;
      default:
        colours.grey = true;
        break;
    }
    pillow::recolour(planes, colours);
    EXPECT_EQ(image.rgb(), r.result) << golden::describe(r);
  }
}

TEST(Pillow, BlurEqualsPillow) {
  for (const Record& r : golden::records({golden::blur})) {
    std::vector<uint8_t> got(r.picture.size());
    if (r.channels == 1) {
      got = r.picture;
      pillow::gaussian_blur(got.data(), r.height, r.width, r.params[0]);
    } else {
      PlanarImage image(r.picture);
      for (uint8_t* plane : {image.planes.r, image.planes.g, image.planes.b}) {
        pillow::gaussian_blur(plane, r.height, r.width, r.params[0]);
      }
      got = image.rgb();
    }
    EXPECT_EQ(got, r.result) << golden::describe(r);
  }
}

TEST(Pillow, BlurIgnoresTheSignOfTheRadius) {
  const std::vector<uint8_t> picture = golden::picture_of(7, 33 * 19, 255);
  std::vector<uint8_t> positive = picture, negative = picture;
  pillow::gaussian_blur(positive.data(), 33, 19, 1.3f);
  pillow::gaussian_blur(negative.data(), 33, 19, -1.3f);
  EXPECT_EQ(positive, negative);
  EXPECT_NE(positive, picture);
}

// The file's window and parts of it: a part of the result must equal the result's part.
TEST(Pillow, ResizeEqualsPillow) {
  for (const Record& r : golden::records({golden::resize, golden::nearest})) {
    const int64_t h = r.out_height, w = r.out_width, c = r.channels;
    const pillow::ResizeWindow whole{.height = h, .width = w};
    const pillow::ResizeWindow part{.row = h / 3, .col = w / 2, .height = h - h / 3 - h / 4, .width = w - w / 2};
    for (const pillow::ResizeWindow& win : {whole, part}) {
      std::vector<uint8_t> got(static_cast<size_t>(win.height * win.width * c)), expected;
      if (r.op == golden::resize) {
        pillow::resize_bilinear(r.picture.data(), r.height, r.width, c, h, w, win, got.data());
      } else {
        pillow::resize_nearest(r.picture.data(), r.height, r.width, h, w, win, got.data());
      }
      for (int64_t y = win.row; y < win.row + win.height; ++y) {
        const auto begin = r.result.begin() + (y * w + win.col) * c;
        expected.insert(expected.end(), begin, begin + win.width * c);
      }
      EXPECT_EQ(got, expected) << golden::describe(r);
    }
  }
}

// The plain formula, tap by tap.
std::vector<uint8_t> plain_resize(const std::vector<uint8_t>& in, int64_t height, int64_t width, int64_t channels,
                                  int64_t out_height, int64_t out_width) {
  const auto pass = [&](const std::vector<uint8_t>& from, int64_t outer, int64_t length, int64_t inner, int64_t out) {
    if (length == out) return from;
    const pillow::Taps taps = pillow::resize_taps(length, out, 0, out);
    std::vector<uint8_t> to;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < out; ++i) {
        for (int64_t k = 0; k < inner; ++k) {
          int64_t sum = 1 << 21;
          for (int64_t t = 0; t < taps.count; ++t) {
            const int64_t at = (o * length + taps.first[static_cast<size_t>(i)] + t) * inner + k;
            sum += int64_t{taps.weights[static_cast<size_t>(i * taps.count + t)]} * from[static_cast<size_t>(at)];
          }
          to.push_back(static_cast<uint8_t>(sum >> 22));
        }
      }
    }
    return to;
  };
  return pass(pass(in, height, width, channels, out_width), 1, height, out_width * channels, out_height);
}

std::vector<uint8_t> plain_blur(std::vector<uint8_t> plane, int64_t height, int64_t width, float radius) {
  const pillow::Box box = pillow::blur_box(radius);
  for (int pass = 0; pass < 2 * pillow::kBoxPasses; ++pass) {
    const bool rows = pass < pillow::kBoxPasses;
    std::vector<uint8_t> out;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        uint64_t sum = 1u << 23;
        for (int64_t t = -box.radius - 1; t <= box.radius + 1; ++t) {
          const int64_t row = rows ? y : std::clamp<int64_t>(y + t, 0, height - 1);
          const int64_t col = rows ? std::clamp<int64_t>(x + t, 0, width - 1) : x;
          const bool outer = t < -box.radius || t > box.radius;
          sum += uint64_t{outer ? box.outer : box.inner} * plane[static_cast<size_t>(row * width + col)];
        }
        out.push_back(static_cast<uint8_t>(sum >> 24));
      }
    }
    plane = out;
  }
  return plane;
}

// Widths around those of a vector register, and images of one row or column: of buffers of their exact size, in a
// thread whose own memory grows with them.
TEST(Pillow, EveryWidthGivesThePlainSums) {
  std::thread([] {
    uint32_t number = 0;
    for (const int64_t width : {1, 2, 31, 32, 33, 34, 63, 64, 65, 67, 129}) {
      for (const int64_t height : {1, 3, 34}) {
        for (const int64_t channels : {1, 3}) {
          const uint32_t mask = ++number % 3 == 0 ? 0xF0 : 255;
          const auto picture = golden::picture_of(number, width * height * channels, mask);
          for (const auto& [h, w] : {std::pair(height, 2 * width + 1), std::pair(2 * height, (width + 1) / 2),
                                     std::pair((height + 1) / 2, 33L), std::pair(height + 1, 66L)}) {
            std::vector<uint8_t> got(static_cast<size_t>(h * w * channels));
            pillow::resize_bilinear(picture.data(), height, width, channels, h, w, {.height = h, .width = w},
                                    got.data());
            EXPECT_EQ(got, plain_resize(picture, height, width, channels, h, w))
                << height << " x " << width << " x " << channels << " to " << h << " x " << w;
          }
        }
        const std::vector<uint8_t> picture = golden::picture_of(++number, width * height, 255);
        for (const float radius : {0.1f, 0.8f, 1.4f, 1.6f, 2.5f, 3.0f}) {
          std::vector<uint8_t> got = picture;
          pillow::gaussian_blur(got.data(), height, width, radius);
          EXPECT_EQ(got, plain_blur(picture, height, width, radius)) << height << " x " << width << ", " << radius;
        }
      }
    }
  }).join();
}

// Pillow's conversions as its C code has them (section 5.3), to the precision of each variable.
void pillow_hue_shift(uint8_t* rgb, int32_t shift) {
  const int32_t r = rgb[0], g = rgb[1], b = rgb[2];
  const int32_t v = std::max({r, g, b}), low = std::min({r, g, b});
  if (v == low) return;
  const auto c = static_cast<float>(v - low);
  const float rc = static_cast<float>(v - r) / c, gc = static_cast<float>(v - g) / c;
  const float bc = static_cast<float>(v - b) / c, ratio = c / static_cast<float>(v);
  float h = bc - gc;
  if (r != v) h = static_cast<float>(g == v ? 2.0 + rc - bc : 4.0 + gc - rc);
  h = static_cast<float>(std::fmod(h / 6.0 + 1.0, 1.0));
  const int32_t hue = (static_cast<int32_t>(h * 255.0) + shift) & 255, s = static_cast<int32_t>(ratio * 255.0);
  if (s == 0) {
    std::fill_n(rgb, 3, static_cast<uint8_t>(v));
    return;
  }
  const double place = hue * 6.0 / 255.0;
  const int32_t sector = static_cast<int32_t>(place);
  const auto t = static_cast<float>(place - sector), part = static_cast<float>(s / 255.0);
  const volatile float product = part * t;  // volatile: no fused multiply-add
  const volatile double rest = part * (1.0 - t);
  const auto p = static_cast<uint8_t>(std::round(v * (1.0 - part)));
  const auto q = static_cast<uint8_t>(std::round(v * (1.0 - product)));
  const auto u = static_cast<uint8_t>(std::round(v * (1.0 - rest)));
  const auto top = static_cast<uint8_t>(v);
  const uint8_t choices[6][3] = {{top, u, p}, {q, top, p}, {p, top, u}, {p, q, top}, {u, p, top}, {top, p, q}};
  std::copy_n(choices[sector % 6], 3, rgb);
}

// A GPU's quotient may be two units of the last place off: hue and saturation, of every colour, are the same.
TEST(Pillow, HueAllowsForAGpusQuotients) {
  int64_t wrong = 0;
  for (const float towards : {0.0f, 1e9f}) {
    const auto off = [&](float a, float b) { return std::nextafter(std::nextafter(a / b, towards), towards); };
    for (int32_t c = 0; c < 256; ++c) {
      const int32_t divisor = 6 * std::max(c, 1);
      for (int32_t n = 0; n <= 6 * c; ++n) wrong += pillow::whole_quotient(255 * n, divisor, off) != 255 * n / divisor;
      for (int32_t v = std::max(c, 1); v < 256; ++v) wrong += pillow::whole_quotient(255 * c, v, off) != 255 * c / v;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Pillow, HueOfEveryColourEqualsThePlainFormula) {
  constexpr int64_t kPart = 1 << 16;
  int64_t wrong = 0;
  for (int32_t red = 0; red < 256; ++red) {
    const int32_t shift = (red * 37) % 256 - 128;  // every shift over the run of reds
    std::vector<uint8_t> rgb(3 * kPart);
    for (int64_t i = 0; i < kPart; ++i) {
      rgb[static_cast<size_t>(3 * i)] = static_cast<uint8_t>(red);
      rgb[static_cast<size_t>(3 * i + 1)] = static_cast<uint8_t>(i >> 8);
      rgb[static_cast<size_t>(3 * i + 2)] = static_cast<uint8_t>(i);
    }
    PlanarImage image(rgb);
    pillow::Colours colours;
    colours.hue = pillow::hue_table(shift);
    pillow::recolour(image.planes, colours);
    for (int64_t i = 0; i < kPart; ++i) pillow_hue_shift(&rgb[static_cast<size_t>(3 * i)], shift);
    const std::vector<uint8_t> got = image.rgb();
    for (size_t i = 0; i < rgb.size(); ++i) wrong += got[i] != rgb[i];
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace bareseg
