#include "engine/augment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cpu/cpu_backend.h"
#include "tests/data/golden_pillow.h"

namespace bareseg {
namespace {

using Shape8 = AugmentOptions::Shape;

float normal(uint8_t value, size_t channel) {
  return (static_cast<float>(value) / 255.0f - kImageMean[channel]) / kImageStd[channel];
}

AugmentParams chain_params(const golden::Record& r) {
  AugmentParams p;
  p.brightness = r.params[0] >= 0.0f;
  p.contrast = r.params[1] >= 0.0f;
  p.saturation = r.params[2] >= 0.0f;
  if (p.brightness) p.brightness_factor = r.params[0];
  if (p.contrast) p.contrast_factor = r.params[1];
  if (p.saturation) p.saturation_factor = r.params[2];
  p.hue_shift = static_cast<int32_t>(r.params[3]);
  p.hue = p.hue_shift != 0;
  p.grey = r.params[4] != 0.0f;
  p.blur_radius = r.params[5];
  p.blur = p.blur_radius != 0.0f;
  return p;
}

TEST(Augment, ChainAndResizeEqualPillow) {
  for (const golden::Record& r : golden::records({golden::chain})) {
    const Tensor images = Tensor::from(r.picture, {1, r.height, r.width, 3});
    for (const bool flip : {false, true}) {
      AugmentParams p = chain_params(r);
      p.window.flip_horizontal = flip;
      const std::vector<float> got =
          augment(images, {&p, 1}, {.shape = Shape8::pillow}, r.out_width).to_vector<float>();
      ASSERT_EQ(got.size(), r.result.size());
      int64_t wrong = 0;
      for (int64_t y = 0; y < r.out_height; ++y) {
        for (int64_t x = 0; x < r.out_width; ++x) {
          const int64_t from = y * r.out_width + (flip ? r.out_width - 1 - x : x), to = y * r.out_width + x;
          for (size_t c = 0; c < 3; ++c) {
            wrong += got[static_cast<size_t>(3 * to) + c] != normal(r.result[static_cast<size_t>(3 * from) + c], c);
          }
        }
      }
      EXPECT_EQ(wrong, 0) << golden::describe(r);
    }
  }
}

// torch fuses multiply and add: places up to 40 differ by their last bit, 3.8e-6, times neighbours up to 4.8 apart.
TEST(Augment, WindowFollowsTorch) {
  for (const golden::Record& r : golden::records({golden::window})) {
    AugmentParams p;
    const auto at = [&](size_t i) { return static_cast<int32_t>(r.params[i]); };
    p.window = {.row = at(0),
                .col = at(1),
                .height = at(2),
                .width = at(2),
                .flip_horizontal = at(4) != 0,
                .flip_vertical = at(5) != 0};
    const Tensor images = Tensor::from(r.picture, {1, r.height, r.width, 3});
    const std::vector<float> got = augment(images, {&p, 1}, {.shape = Shape8::window}, at(3)).to_vector<float>();
    ASSERT_EQ(got.size(), r.result_float.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], r.result_float[i], 1e-5) << golden::describe(r);
  }
}

// Different parameters per image, in a batch: every image as if alone, on any number of threads, in both dtypes.
TEST(Augment, ImagesAreIndependentOfBatchThreadsAndDtype) {
  constexpr int64_t kImages = 5, kSide = 33, kOut = 16;
  const Tensor images =
      Tensor::from(golden::picture_of(3, kImages * kSide * kSide * 3, 255), {kImages, kSide, kSide, 3});
  std::vector<AugmentParams> params(kImages);
  for (int32_t i = 0; i < kImages; ++i) {
    params[static_cast<size_t>(i)] = {.brightness = i % 2 == 0,
                                      .contrast = i > 0,
                                      .saturation = i > 1,
                                      .hue = i != 2,
                                      .grey = i == 3,
                                      .blur = i != 4,
                                      .brightness_factor = 0.8f,
                                      .contrast_factor = 1.1f,
                                      .saturation_factor = 0.9f,
                                      .hue_shift = 3 * i,
                                      .blur_radius = -0.3f * static_cast<float>(i),
                                      .window = {.row = i, .col = 2, .height = 20 + i, .width = 20 + i}};
  }
  for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
    const AugmentOptions options{.shape = shape};
    set_cpu_threads(1);
    const std::vector<float> one = augment(images, params, options, kOut).to_vector<float>();
    set_cpu_threads(4);
    EXPECT_EQ(augment(images, params, options, kOut).to_vector<float>(), one);
    set_cpu_threads(0);
    const std::vector<bfloat16> half = augment(images, params, options, kOut, kBFloat16).to_vector<bfloat16>();
    int64_t wrong = 0;
    for (size_t i = 0; i < one.size(); ++i) wrong += half[i].bits != bfloat16(one[i]).bits;
    EXPECT_EQ(wrong, 0);
    for (int64_t n = 0; n < kImages; ++n) {
      const std::vector<float> alone =
          augment(images.rows(n, n + 1), {&params[static_cast<size_t>(n)], 1}, options, kOut).to_vector<float>();
      EXPECT_EQ(alone, std::vector<float>(one.begin() + n * kOut * kOut * 3, one.begin() + (n + 1) * kOut * kOut * 3));
    }
  }
}

TEST(Augment, WithoutTransformsItIsTheNormalisedImage) {
  const std::vector<uint8_t> picture = golden::picture_of(1, 7 * 7 * 3, 255);
  const AugmentParams none{.window = {.height = 7, .width = 7}};
  for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
    const std::vector<float> got =
        augment(Tensor::from(picture, {1, 7, 7, 3}), {&none, 1}, {.shape = shape}, 7).to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], normal(picture[i], i % 3));
  }
}

TEST(Augment, RefusesWrongArguments) {
  const Tensor images = Tensor::zeros({2, 8, 8, 3}, kUInt8);
  std::vector<AugmentParams> params(2, AugmentParams{.window = {.height = 8, .width = 8}});
  const AugmentOptions window{.shape = Shape8::window};
  EXPECT_NO_THROW(augment(images, params, window, 4));
  EXPECT_THROW(augment(images, {params.data(), 1}, window, 4), Error);
  EXPECT_THROW(augment(images, params, window, 0), Error);
  EXPECT_THROW(augment(images, params, window, 4, kInt32), Error);
  EXPECT_THROW(augment(Tensor::zeros({2, 8, 8, 3}), params, window, 4), Error);
  EXPECT_THROW(augment(Tensor::zeros({2, 8, 7, 3}, kUInt8), params, window, 4), Error);
  params[1].window.row = 1;
  EXPECT_THROW(augment(images, params, window, 4), Error);
  EXPECT_NO_THROW(augment(images, params, {}, 4));
  params[0].blur_radius = std::nanf("");
  EXPECT_THROW(augment(images, params, {}, 4), Error);
  EXPECT_EQ(augment(Tensor::zeros({0, 8, 8, 3}, kUInt8), {}, {}, 4).count(), 0);
}

}  // namespace
}  // namespace bareseg
