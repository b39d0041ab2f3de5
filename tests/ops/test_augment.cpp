#include "engine/augment.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "cpu/cpu_backend.h"
#include "engine/pillow.h"
#include "engine/random.h"
#include "tests/data/golden_pillow.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

using Shape8 = AugmentParams::Shape;

// Views that all have one shape.
Tensor augmented(const Tensor& images, std::span<const AugmentParams> params, Shape8 shape, int64_t side,
                 DType dtype = kFloat32, int64_t channels = 3) {
  std::vector<AugmentParams> shaped(params.begin(), params.end());
  for (AugmentParams& p : shaped) p.shape = shape;
  return augment(images, shaped, side, dtype, channels);
}

float normal_of(uint8_t value, size_t channel) {
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

TEST_P(OpTest, AugmentChainAndResizeEqualPillow) {
  for (const golden::Record& r : golden::records({golden::chain})) {
    const Tensor images = Tensor::from(r.picture, {1, r.height, r.width, 3}, device());
    for (const bool flip : {false, true}) {
      AugmentParams p = chain_params(r);
      p.window.flip_horizontal = flip;
      const std::vector<float> got = augmented(images, {&p, 1}, Shape8::pillow, r.out_width).to_vector<float>();
      ASSERT_EQ(got.size(), r.result.size());
      int64_t wrong = 0;
      for (int64_t y = 0; y < r.out_height; ++y) {
        for (int64_t x = 0; x < r.out_width; ++x) {
          const int64_t from = y * r.out_width + (flip ? r.out_width - 1 - x : x), to = y * r.out_width + x;
          for (size_t c = 0; c < 3; ++c) {
            wrong += got[static_cast<size_t>(3 * to) + c] != normal_of(r.result[static_cast<size_t>(3 * from) + c], c);
          }
        }
      }
      EXPECT_EQ(wrong, 0) << golden::describe(r);
    }
  }
}

// Images of many sizes in one piece of memory, and a square of each.
struct Photographs {
  std::vector<uint8_t> pixels = std::vector<uint8_t>(3);  // before the first
  std::vector<SourceImage> sources;

  Photographs(Random& random, int images, int64_t most, int64_t side) {
    const auto between = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random.below(static_cast<uint64_t>(high - low + 1)));
    };
    for (int i = 0; i < images; ++i) {
      SourceImage s{.offset = std::ssize(pixels), .height = between(1, most), .width = between(1, most)};
      s.out_height = i == 0 ? std::max(side, s.height) : between(side, side + 40);
      s.out_width = i == 1 ? std::max(side, s.width) : between(side, side + 40);
      s.row = between(0, s.out_height - side);
      s.col = between(0, s.out_width - side);
      for (int64_t k = 0; k < 3 * s.height * s.width; ++k) pixels.push_back(static_cast<uint8_t>(random.below(256)));
      sources.push_back(s);
    }
  }
  std::vector<uint8_t> square(size_t image, int64_t side) const {
    const SourceImage& s = sources[image];
    std::vector<uint8_t> bytes(static_cast<size_t>(side * side * 3));
    pillow::resize_bilinear(pixels.data() + s.offset, s.height, s.width, 3, s.out_height, s.out_width,
                            {.row = s.row, .col = s.col, .height = side, .width = side}, bytes.data());
    return bytes;
  }
};

// Made smaller and larger, squares of odd sides and of whole words, of more rows than fit into shared memory at once.
TEST_P(OpTest, SquaresOfImagesEqualPillow) {
  Random random(11, Draws::test);
  for (const auto& [side, most] : {std::array<int64_t, 2>{1, 90}, {5, 90}, {16, 90}, {33, 90}, {48, 90}, {70, 300}}) {
    const Photographs photographs(random, most > 90 ? 3 : 7, most, side);
    const Tensor pixels = Tensor::from(photographs.pixels, {std::ssize(photographs.pixels)}, device());
    const std::vector<AugmentParams> none(photographs.sources.size());
    const std::vector<float> got = augment(pixels, photographs.sources, side, none, side).to_vector<float>();
    size_t at = 0;
    for (size_t i = 0; i < none.size(); ++i) {
      int64_t wrong = 0;
      for (const uint8_t v : photographs.square(i, side)) {
        wrong += got[at] != normal_of(v, at % 3);
        ++at;
      }
      const SourceImage& s = photographs.sources[i];
      EXPECT_EQ(wrong, 0) << s.height << "x" << s.width << " to " << s.out_height << "x" << s.out_width << ", side "
                          << side;
    }
    EXPECT_EQ(at, got.size());
  }
}

// torch fuses multiply and add: places up to 40 differ by their last bit, 3.8e-6, times neighbours up to 4.8 apart.
TEST_P(OpTest, AugmentWindowFollowsTorch) {
  for (const golden::Record& r : golden::records({golden::window})) {
    AugmentParams p;
    const auto at = [&](size_t i) { return static_cast<int32_t>(r.params[i]); };
    p.window = {.row = at(0),
                .col = at(1),
                .height = at(2),
                .width = at(2),
                .flip_horizontal = at(4) != 0,
                .flip_vertical = at(5) != 0};
    const Tensor images = Tensor::from(r.picture, {1, r.height, r.width, 3}, device());
    const std::vector<float> got = augmented(images, {&p, 1}, Shape8::window, at(3)).to_vector<float>();
    ASSERT_EQ(got.size(), r.result_float.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], r.result_float[i], 1e-5) << golden::describe(r);
  }
}

// What a random image may need: every transform on and off, boxes of no, one and more pixels, any window.
AugmentParams random_params(Random& random, int32_t side, float max_blur) {
  const auto yes = [&] { return random.below(4) != 0; };
  const auto below = [&](int32_t n) { return static_cast<int32_t>(random.below(static_cast<uint64_t>(n))); };
  AugmentParams p{.brightness = yes(),
                  .contrast = yes(),
                  .saturation = yes(),
                  .hue = yes(),
                  .grey = !yes(),
                  .blur = yes() && max_blur > 0.0f,
                  .brightness_factor = random.uniform(0.0f, 2.0f),
                  .contrast_factor = random.uniform(0.0f, 2.0f),
                  .saturation_factor = random.uniform(0.0f, 2.0f),
                  .hue_shift = below(600) - 300,
                  .blur_radius = random.uniform(-max_blur, max_blur),
                  .window = {}};
  p.window = {.height = 1 + below(side), .width = 1 + below(side), .flip_horizontal = yes(), .flip_vertical = yes()};
  p.window.row = below(side - p.window.height + 1);
  p.window.col = below(side - p.window.width + 1);
  return p;
}

// Values that differ between both backends, bit for bit.
template <typename T>
int64_t different(const Tensor& a, const Tensor& b) {
  const std::vector<T> one = a.to_vector<T>(), other = b.to_vector<T>();
  int64_t count = a.shape() == b.shape() ? 0 : 1;
  for (size_t i = 0; i < std::min(one.size(), other.size()); ++i)
    count += std::memcmp(&one[i], &other[i], sizeof(T)) != 0;
  return count;
}

struct AugmentCase {
  int64_t images, side, out;
  float max_blur = 1.9f;  // boxes of radius 0 and 1; more are blurred in device memory
};

// Sides with and without whole words, rows of whole packs, tiles of every height and with columns to spare before their
// first, and scales whose reach no tile holds.
TEST_P(OpTest, AugmentEqualsTheCpuBitForBit) {
  if (GetParam() == Device::Type::cpu) GTEST_SKIP() << "the CPU is what the others are compared with";
  const AugmentCase cases[] = {
      {2, 1, 1},          {2, 1, 7},          {3, 2, 3},         {3, 7, 1},          {2, 7, 33},          {4, 16, 8},
      {3, 33, 16},        {2, 33, 33},        {2, 65, 64},       {3, 64, 32},        {2, 40, 80},         {2, 65, 130},
      {1, 84, 134, 0.0f}, {1, 140, 72},       {1, 300, 33},      {1, 260, 5},        {1, 301, 1},         {1, 200, 66},
      {1, 500, 33, 0.0f}, {1, 2053, 7, 0.0f}, {2, 33, 17, 4.0f}, {2, 36, 72, 30.0f}, {2, 5, 16, 1000.0f},
  };
  uint64_t number = 0;
  for (const AugmentCase& c : cases) {
    for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
      Random random(kTestSeed, Draws::test, 1000 + number++);
      const Tensor images = Tensor::from(
          golden::picture_of(static_cast<uint32_t>(number), c.images * c.side * c.side * 3, number % 5 ? 255 : 0x70),
          {c.images, c.side, c.side, 3});
      std::vector<AugmentParams> params;
      for (int64_t i = 0; i < c.images; ++i) {
        params.push_back(random_params(random, static_cast<int32_t>(c.side), c.max_blur));
      }
      for (const DType dtype : {kFloat32, kBFloat16}) {
        const Tensor expected = augmented(images, params, shape, c.out, dtype);
        const Tensor there = images.to(device()), given = number % 5 == 0 ? misaligned(there) : there;
        const Tensor got = augmented(given, params, shape, c.out, dtype);
        EXPECT_EQ(dtype == kFloat32 ? different<float>(got, expected) : different<bfloat16>(got, expected), 0)
            << c.images << " images of side " << c.side << " to " << c.out << ", blur " << c.max_blur << ", shape "
            << (shape == Shape8::window ? "window, " : "pillow, ") << dtype << ", seed " << kTestSeed;
      }
    }
  }
}

// Several views of every image at once, of both shapes, each as if made alone of the image's square by the CPU: in
// tiles, and through device memory.
TEST_P(OpTest, ViewsOfImagesAreThoseOfTheirSquares) {
  struct Case {
    int64_t images, views, square, out;
    float max_blur;
  };
  uint64_t number = 0;
  for (const Case& c : {Case{5, 2, 48, 24, 1.9f}, Case{3, 3, 33, 17, 1.9f}, Case{2, 2, 70, 64, 1.9f},
                        Case{4, 1, 16, 40, 1.9f}, Case{3, 2, 33, 16, 4.0f}, Case{2, 3, 40, 24, 30.0f}}) {
    Random random(kTestSeed, Draws::test, 4000 + number++);
    const Photographs photographs(random, static_cast<int>(c.images), 90, c.square);
    std::vector<AugmentParams> params;
    for (int64_t m = 0; m < c.views * c.images; ++m) {
      params.push_back(random_params(random, static_cast<int32_t>(c.square), c.max_blur));
      if (random.below(2) == 0) params.back().shape = Shape8::window;
    }
    const Tensor pixels = Tensor::from(photographs.pixels, {std::ssize(photographs.pixels)}, device());
    for (const int64_t channels : {3, 4}) {
      const Tensor got = augment(pixels, photographs.sources, c.square, params, c.out, kBFloat16, channels);
      ASSERT_EQ(got.shape(), (Shape{c.views * c.images, c.out, c.out, channels}));
      for (int64_t m = 0; m < c.views * c.images; ++m) {
        const std::vector<uint8_t> square = photographs.square(static_cast<size_t>(m % c.images), c.square);
        const Tensor expected = augment(Tensor::from(square, {1, c.square, c.square, 3}),
                                        {&params[static_cast<size_t>(m)], 1}, c.out, kBFloat16, channels);
        EXPECT_EQ(different<bfloat16>(got.rows(m, m + 1), expected), 0)
            << "view " << m << " of " << c.images << " squares of " << c.square << " to " << c.out << ", blur "
            << c.max_blur << ", channels " << channels << ", seed " << kTestSeed;
      }
    }
  }
}

// A window as large as the output is cut from the whole image's colours, blurred across the window's border, contrast
// of the whole image: wherever it lies, corners and borders too.
TEST_P(OpTest, AugmentedWindowIsCutFromTheWholeImage) {
  constexpr int64_t kSide = 70;
  const Tensor image = Tensor::from(golden::picture_of(9, kSide * kSide * 3, 255), {1, kSide, kSide, 3}, device());
  for (const float radius : {0.0f, -0.9f, -1.75f, 4.0f}) {
    AugmentParams p{.brightness = true,
                    .contrast = true,
                    .saturation = true,
                    .hue = true,
                    .blur = radius != 0.0f,
                    .brightness_factor = 0.8f,
                    .contrast_factor = 1.25f,
                    .saturation_factor = 0.9f,
                    .hue_shift = 11,
                    .blur_radius = radius,
                    .window = {}};
    const std::vector<float> whole = augment(image, {&p, 1}, kSide).to_vector<float>();
    for (const auto& [row, col, side] : {std::array{0, 0, 70}, std::array{0, 33, 37}, std::array{20, 4, 41},
                                         std::array{1, 0, 33}, std::array{37, 38, 32}, std::array{30, 30, 1}}) {
      p.window = {.row = row, .col = col, .height = side, .width = side};
      const std::vector<float> got = augmented(image, {&p, 1}, Shape8::window, side).to_vector<float>();
      int64_t wrong = 0;
      for (int64_t y = 0; y < side; ++y) {
        for (int64_t i = 0; i < 3 * side; ++i) {
          wrong += got[static_cast<size_t>(y * 3 * side + i)] !=
                   whole[static_cast<size_t>(((row + y) * kSide + col) * 3 + i)];
        }
      }
      EXPECT_EQ(wrong, 0) << "blur " << radius << ", rows from " << row << ", columns from " << col << ", " << side;
    }
  }
}

// The bits of three channels and a fourth of zeros, in tiles and in steps, with and without whole packs.
TEST_P(OpTest, ImagesArePaddedToFourChannels) {
  const auto expect_padded = [](const Tensor& y, const Tensor& three, const auto& what) {
    const std::vector<double> got = reference::from(y).values, expected = reference::from(three).values;
    ASSERT_EQ(y.dim(3), 4);
    ASSERT_EQ(got.size() / 4, expected.size() / 3);
    int64_t wrong = 0;
    for (size_t i = 0; i < got.size(); ++i) wrong += got[i] != (i % 4 == 3 ? 0.0 : expected[i / 4 * 3 + i % 4]);
    EXPECT_EQ(wrong, 0) << what;
  };
  const AugmentCase cases[] = {{2, 1, 7}, {2, 40, 16}, {3, 33, 33}, {2, 65, 130}, {1, 200, 66}, {2, 33, 17, 4.0f}};
  uint64_t number = 0;
  for (const AugmentCase& c : cases) {
    Random random(kTestSeed, Draws::test, 3000 + number++);
    const Tensor images =
        Tensor::from(golden::picture_of(static_cast<uint32_t>(number), c.images * c.side * c.side * 3, 255),
                     {c.images, c.side, c.side, 3}, device());
    std::vector<AugmentParams> params;
    for (int64_t i = 0; i < c.images; ++i) {
      params.push_back(random_params(random, static_cast<int32_t>(c.side), c.max_blur));
    }
    for (const DType dtype : {kFloat32, kBFloat16}) {
      for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
        expect_padded(augmented(images, params, shape, c.out, dtype, 4), augmented(images, params, shape, c.out, dtype),
                      concat(c.side, " to ", c.out, " ", dtype));
      }
      expect_padded(normalize_images(images, dtype, 4), normalize_images(images, dtype), concat(c.side, " ", dtype));
    }
  }
}

// Every colour where that takes no time; one in 64 in the emulator.
TEST_P(OpTest, AugmentShiftsEveryColourAsTheCpu) {
  if (GetParam() == Device::Type::cpu) GTEST_SKIP() << "the CPU is what the others are compared with";
  const int64_t side = GetParam() == Device::Type::emulated ? 512 : 4096, step = (1 << 24) / (side * side);
  std::vector<uint8_t> colours(static_cast<size_t>(3 * side * side));
  for (int64_t i = 0; i < side * side; ++i) {
    const int64_t colour = i * step + i % step;
    for (int64_t c = 0; c < 3; ++c) colours[static_cast<size_t>(3 * i + c)] = static_cast<uint8_t>(colour >> (8 * c));
  }
  const AugmentParams p{.saturation = true, .hue = true, .saturation_factor = 1.1f, .hue_shift = -17, .window = {}};
  const AugmentParams shift{.hue = true, .hue_shift = 25, .window = {}};
  const Tensor image = Tensor::from(colours, {1, side, side, 3}), there = image.to(device());
  for (const AugmentParams& params : {p, shift}) {
    EXPECT_EQ(different<bfloat16>(augment(there, {&params, 1}, side, kBFloat16),
                                  augment(image, {&params, 1}, side, kBFloat16)),
              0);
  }
}

// Different parameters per image, in a batch: every image as if alone, whatever the others need, in both dtypes.
TEST_P(OpTest, AugmentedImagesAreIndependentOfBatchAndDtype) {
  constexpr int64_t kImages = 5, kSide = 33, kOut = 16;
  const Tensor images =
      Tensor::from(golden::picture_of(3, kImages * kSide * kSide * 3, 255), {kImages, kSide, kSide, 3}, device());
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
                                      .blur_radius = -1.5f * static_cast<float>(i),
                                      .window = {.row = i, .col = 2, .height = 20 + i, .width = 20 + i}};
  }
  for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
    const std::vector<float> all = augmented(images, params, shape, kOut).to_vector<float>();
    const std::vector<bfloat16> half = augmented(images, params, shape, kOut, kBFloat16).to_vector<bfloat16>();
    int64_t wrong = 0;
    for (size_t i = 0; i < all.size(); ++i) wrong += half[i].bits != bfloat16(all[i]).bits;
    EXPECT_EQ(wrong, 0);
    for (int64_t n = 0; n < kImages; ++n) {
      const std::vector<float> alone =
          augmented(images.rows(n, n + 1), {&params[static_cast<size_t>(n)], 1}, shape, kOut).to_vector<float>();
      EXPECT_EQ(alone, std::vector<float>(all.begin() + n * kOut * kOut * 3, all.begin() + (n + 1) * kOut * kOut * 3));
    }
  }
}

TEST(Augment, IsIndependentOfTheCpusThreads) {
  const Tensor images = Tensor::from(golden::picture_of(4, 5 * 33 * 33 * 3, 255), {5, 33, 33, 3});
  Random random(kTestSeed, Draws::test, 2000);
  std::vector<AugmentParams> params;
  for (int64_t i = 0; i < 5; ++i) params.push_back(random_params(random, 33, 3.0f));
  for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
    set_cpu_threads(1);
    const Tensor one = augmented(images, params, shape, 16);
    set_cpu_threads(4);
    EXPECT_EQ(different<float>(augmented(images, params, shape, 16), one), 0);
    set_cpu_threads(0);
  }
}

TEST_P(OpTest, AugmentWithoutTransformsIsTheNormalisedImage) {
  const std::vector<uint8_t> picture = golden::picture_of(1, 7 * 7 * 3, 255);
  const AugmentParams none{.window = {.height = 7, .width = 7}};
  for (const Shape8 shape : {Shape8::pillow, Shape8::window}) {
    const std::vector<float> got =
        augmented(Tensor::from(picture, {1, 7, 7, 3}, device()), {&none, 1}, shape, 7).to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], normal_of(picture[i], i % 3));
  }
}

TEST_P(OpTest, NormalizeImagesGivesTheBitsOfAugment) {
  for (const int64_t side : {1, 7, 32, 33}) {
    const Tensor images = labels({3, side, side, 3}, 256, kUInt8);
    const std::vector<AugmentParams> none(3);
    for (const DType dtype : {kFloat32, kBFloat16}) {
      EXPECT_EQ(reference::from(normalize_images(images, dtype)).values,
                reference::from(augment(images, none, side, dtype)).values)
          << side << " " << dtype;
    }
  }
  // Any shape: the pixels of a row of 35 are those of 5 x 7.
  const Tensor row = labels({1, 1, 35, 3}, 256, kUInt8);
  EXPECT_EQ(normalize_images(row).to_vector<float>(), normalize_images(row.view({1, 5, 7, 3})).to_vector<float>());
  EXPECT_EQ(normalize_images(misaligned(row)).to_vector<float>(), normalize_images(row).to_vector<float>());
  EXPECT_EQ(normalize_images(Tensor::zeros({0, 4, 5, 3}, kUInt8, device())).count(), 0);
  EXPECT_ERROR(normalize_images(normal({1, 4, 4, 3})), "normalize_images: images must be uint8 [N, H, W, 3]");
  EXPECT_ERROR(normalize_images(labels({1, 4, 4, 1}, 9, kUInt8)), "got uint8 [1, 4, 4, 1]");
  EXPECT_ERROR(normalize_images(row, kInt32), "dtype must be float32 or bfloat16, got int32");
  EXPECT_ERROR(normalize_images(row, kFloat32, 5), "normalize_images: channels must be 3 or 4, got 5");
}

TEST(Augment, RefusesWrongArguments) {
  const Tensor images = Tensor::zeros({2, 8, 8, 3}, kUInt8);
  std::vector<AugmentParams> params(
      2, AugmentParams{.shape = Shape8::window, .window = {.row = 0, .col = 0, .height = 8, .width = 8}});
  EXPECT_NO_THROW(augment(images, params, 4));
  EXPECT_ERROR(augment(images, {params.data(), 1}, 4), "the number of views must be a multiple of the 2 images, got 1");
  EXPECT_ERROR(augment(images, params, 0), "augment: side must be positive, got 0");
  EXPECT_ERROR(augment(images, params, 4, kInt32), "augment: dtype must be float32 or bfloat16, got int32");
  EXPECT_ERROR(augment(images, params, 4, kFloat32, 5), "augment: channels must be 3 or 4, got 5");
  EXPECT_ERROR(augment(Tensor::zeros({2, 8, 8, 3}), params, 4), "augment: images must be uint8 [N, S, S, 3]");
  EXPECT_ERROR(augment(Tensor::zeros({2, 8, 7, 3}, kUInt8), params, 4), "got uint8 [2, 8, 7, 3]");
  params[1].window.row = 1;
  EXPECT_ERROR(augment(images, params, 4), "the window must lie inside the image of side 8, got rows 1 + 8");
  params[1].shape = Shape8::pillow;
  EXPECT_NO_THROW(augment(images, params, 4));
  params[0].blur_radius = std::nanf("");
  EXPECT_ERROR(augment(images, params, 4), "augment: blur_radius must lie in");
  EXPECT_EQ(augment(Tensor::zeros({0, 8, 8, 3}, kUInt8), {}, 4).count(), 0);

  const Tensor pixels = Tensor::zeros({12 * 3}, kUInt8);
  const AugmentParams none;
  const auto one = [&](const SourceImage& s, int64_t square) {
    return augment(pixels, {&s, 1}, square, {&none, 1}, 2);
  };
  const SourceImage whole{.height = 3, .width = 4, .out_height = 3, .out_width = 4};
  EXPECT_EQ(one(whole, 3).shape(), (Shape{1, 2, 2, 3}));
  SourceImage bad = whole;
  bad.offset = 1;
  EXPECT_ERROR(one(bad, 3), "augment: 3 x 4 pixels 1 bytes from the first do not lie in 36 bytes");
  EXPECT_ERROR(one(whole, 4), "augment: a square of side 4 at row 0, column 0 does not lie in 3 x 4");
  EXPECT_ERROR(one(whole, 0), "augment: square must be positive, got 0");
  EXPECT_ERROR(augment(Tensor::zeros({0, 8, 8, 3}, kUInt8), {&none, 1}, 2), "multiple of the 0 images, got 1");
  EXPECT_ERROR(augment(Tensor::zeros({2, 6}, kUInt8), {&whole, 1}, 1, {}, 2), "augment: pixels must be uint8 [B]");
}

}  // namespace
}  // namespace bareseg
