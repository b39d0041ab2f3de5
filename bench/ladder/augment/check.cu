// The task by the CPU's arithmetic, one image after the other, and the comparison of a rung with it.
#include <algorithm>
#include <cmath>
#include <random>

#include "bench/ladder/augment/augment_ladder.h"
#include "bench/ladder/ladder.h"
#include "engine/augment_math.h"

namespace bareseg::augment_ladder {
namespace {

struct Inputs {
  int64_t count, side, out_side;
  int64_t width, height;  // of the pictures: three quarters of the square's side high, as those of COCO
  std::vector<uint8_t> images;
  std::vector<SourceImage> sources;
  std::vector<AugmentParams> params;

  Inputs(int64_t images_, int64_t side_, int64_t out_side_)
      : count(images_), side(side_), out_side(out_side_), width(side_), height(ceil_div(3 * side_, 4)) {
    std::mt19937 random(20211210);
    const int64_t out_width = side * width / height;
    for (int64_t n = 0; n < count; ++n) {
      sources.push_back({.offset = std::ssize(images),
                         .height = height,
                         .width = width,
                         .out_height = side,
                         .out_width = out_width,
                         .col = (out_width - side) / 2});
      draw_picture(random);
    }
    for (int64_t m = 0; m < kViews * count; ++m) params.push_back(draw_params(random, m < count));
  }

 private:
  // Waves and a little noise: neighbours are alike, as in photographs.
  void draw_picture(std::mt19937& random) {
    std::uniform_real_distribution<double> phase(0.0, 6.28);
    const double shift[3] = {phase(random), phase(random), phase(random)};
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        for (const double s : shift) {
          const double wave =
              std::sin(0.021 * static_cast<double>(x) + s) + std::sin(0.034 * static_cast<double>(y) - s);
          images.push_back(static_cast<uint8_t>(120.0 + 55.0 * wave + static_cast<double>(random() % 16)));
        }
      }
    }
  }

  // PiCIE's chances and strengths.
  AugmentParams draw_params(std::mt19937& random, bool first_view) const {
    std::uniform_real_distribution<float> unit(0.0f, 1.0f);
    const auto chance = [&](float p) { return unit(random) < p; };
    const auto factor = [&] { return 0.7f + 0.6f * unit(random); };
    const auto within = [&](int64_t n) { return static_cast<int32_t>(random() % static_cast<uint64_t>(n + 1)); };
    const auto size = std::max(1, static_cast<int32_t>((0.5f + 0.5f * unit(random)) * static_cast<float>(side)));
    return {.brightness = chance(0.8f),
            .contrast = chance(0.8f),
            .saturation = chance(0.8f),
            .hue = chance(0.8f),
            .grey = chance(0.2f),
            .blur = chance(0.5f),
            .brightness_factor = factor(),
            .contrast_factor = factor(),
            .saturation_factor = factor(),
            .hue_shift = within(50) - 25,
            .blur_radius = (0.5f * unit(random) - 0.5f) * 3.8f + 0.1f,
            .shape = first_view ? AugmentParams::Shape::window : AugmentParams::Shape::pillow,
            .window = {.row = within(side - size),
                       .col = within(side - size),
                       .height = size,
                       .width = size,
                       .flip_horizontal = chance(0.5f)}};
  }
};

struct Arrays {
  AugmentPlan plan;
  ladder::DeviceArray<uint8_t> images, squares;
  ladder::DeviceArray<std::byte> tables;
  ladder::DeviceArray<uint8_t> scratch;
  ladder::DeviceArray<bfloat16> y;
  ViewsCase given;

  explicit Arrays(const Inputs& in)
      : plan(in.sources, in.side, in.params, in.out_side, 3),
        images(in.images),
        squares(in.count * in.side * in.side * 3),
        tables(plan.tables()),
        scratch(2 * augment_scratch_bytes(plan.batch(nullptr, nullptr))),
        y(kViews * in.count * in.out_side * in.out_side * 3),
        given{.plan = &plan,
              .batch = plan.batch(images.data(), tables.data()),
              .height = in.height,
              .scratch = scratch.data(),
              .other = scratch.data() + scratch.bytes() / 2,
              .y = y.data()} {
    given.batch.squares = squares.data();
  }
};

pillow::Planes planes_of(std::vector<uint8_t>& bytes) {
  const auto count = static_cast<int64_t>(bytes.size() / 3);
  return {.r = bytes.data(), .g = bytes.data() + count, .b = bytes.data() + 2 * count, .count = count};
}

void colour(const pillow::Planes& p, const AugmentParams& q, int64_t side) {
  pillow::recolour(p, q);
  if (!q.blur) return;
  for (uint8_t* plane : {p.r, p.g, p.b}) pillow::gaussian_blur(plane, side, side, q.blur_radius);
}

// One value of the view from a plane of the coloured picture.
float value_of(const uint8_t* plane, int64_t side, const CropWindow& w, int64_t out_side, int64_t y, int64_t x, int c) {
  const auto normal = [&](uint8_t v) { return normal_value(v, kImageMean[c], kImageStd[c]); };
  const auto place = [&](int64_t i, int32_t size, bool flip) {
    const float scale = static_cast<float>(size) / static_cast<float>(out_side);
    return source_place(static_cast<int32_t>(flip ? out_side - 1 - i : i), scale, size);
  };
  const SourcePlace row = place(y, w.height, w.flip_vertical), col = place(x, w.width, w.flip_horizontal);
  const uint8_t *top = plane + (w.row + row.low) * side + w.col, *bottom = plane + (w.row + row.high) * side + w.col;
  return interpolate(row, col, normal(top[col.low]), normal(top[col.high]), normal(bottom[col.low]),
                     normal(bottom[col.high]));
}

std::vector<bfloat16> expect(const Inputs& in, int64_t view) {
  const AugmentParams& p = in.params[static_cast<size_t>(view)];
  const SourceImage& source = in.sources[static_cast<size_t>(view % in.count)];
  const auto bytes = static_cast<size_t>(3 * in.side * in.side);
  std::vector<uint8_t> square(bytes), picture(bytes), resized(static_cast<size_t>(3 * in.out_side * in.out_side));
  const pillow::Planes planes = planes_of(picture), small = planes_of(resized);
  pillow::resize_bilinear(in.images.data() + source.offset, source.height, source.width, 3, source.out_height,
                          source.out_width, {.col = source.col, .height = in.side, .width = in.side}, square.data());
  pillow::split_rgb(square.data(), planes);
  colour(planes, p, in.side);
  const bool window = p.shape == AugmentParams::Shape::window;
  const uint8_t* from[3] = {planes.r, planes.g, planes.b};
  uint8_t* const to[3] = {small.r, small.g, small.b};
  const auto out = static_cast<int32_t>(in.out_side);
  CropWindow place = p.window;
  if (!window) {
    const pillow::ResizeWindow whole{.height = in.out_side, .width = in.out_side};
    for (int c = 0; c < 3; ++c) {
      pillow::resize_bilinear(from[c], in.side, in.side, 1, in.out_side, in.out_side, whole, to[c]);
      from[c] = to[c];
    }
    place = {.height = out, .width = out, .flip_horizontal = place.flip_horizontal};  // of the same size: no neighbours
  }
  std::vector<bfloat16> y;
  for (int64_t i = 0; i < in.out_side * in.out_side * 3; ++i) {
    const int64_t pixel = i / 3;
    const auto c = static_cast<int>(i % 3);
    y.push_back(bfloat16(value_of(from[c], window ? in.side : in.out_side, place, in.out_side, pixel / in.out_side,
                                  pixel % in.out_side, c)));
  }
  return y;
}

}  // namespace

const ViewsCase& make_case(int64_t count, int64_t side, int64_t out_side) {
  static std::unique_ptr<Arrays> arrays;
  arrays = std::make_unique<Arrays>(Inputs(count, side, out_side));
  return arrays->given;
}

std::string check(Rung rung, int64_t count, int64_t side, int64_t out_side) {
  const Inputs inputs(count, side, out_side);
  const Arrays arrays(inputs);
  rung(nullptr, arrays.given);
  const std::vector<bfloat16> actual = arrays.y.to_host();
  for (int64_t view = 0; view < kViews * count; ++view) {
    const std::vector<bfloat16> expected = expect(inputs, view);
    int64_t wrong = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      wrong += expected[i].bits != actual[static_cast<size_t>(view) * expected.size() + i].bits;
    }
    if (wrong == 0) continue;
    return concat("side ", side, " to ", out_side, ", image ", view % count, " of ", count, ", view ", 1 + view / count,
                  ": ", wrong, " of ", expected.size(), " values differ from the CPU's");
  }
  return "";
}

}  // namespace bareseg::augment_ladder
