#include <algorithm>
#include <array>
#include <vector>

#include "cpu/cpu_backend.h"
#include "engine/augment_math.h"
#include "engine/pillow.h"

namespace bareseg {
namespace {

constexpr int64_t kChannels = 3;  // of images; outputs may have a fourth, which is 0

using NormalTable = std::array<std::array<float, 256>, kChannels>;

NormalTable make_normal_table() {
  NormalTable table;
  for (size_t c = 0; c < kChannels; ++c) {
    for (int32_t v = 0; v < 256; ++v) table[c][static_cast<size_t>(v)] = normal_value(v, kImageMean[c], kImageStd[c]);
  }
  return table;
}

const NormalTable& normal_table() {
  static const NormalTable table = make_normal_table();
  return table;
}

// Buffers of one thread, reused from image to image: fresh ones would cost page faults.
struct Scratch {
  std::vector<uint8_t> square, coloured, resized;
};

pillow::Planes planes_in(std::vector<uint8_t>& buffer, int64_t count) {
  if (static_cast<int64_t>(buffer.size()) < kChannels * count) buffer.resize(static_cast<size_t>(kChannels * count));
  return {.r = buffer.data(), .g = buffer.data() + count, .b = buffer.data() + 2 * count, .count = count};
}

// Rows and columns of a square image.
struct Region {
  int64_t row = 0, col = 0, height = 0, width = 0;
};

// What the pixels of the window depend on: as far around it as the blur reaches.
Region region_of(const CropWindow& window, const AugmentParams& p, int64_t side) {
  const int64_t reach = p.blur ? pillow::kBoxPasses * (int64_t{pillow::blur_box(p.blur_radius).radius} + 1) : 0;
  const int64_t row = std::max<int64_t>(window.row - reach, 0), col = std::max<int64_t>(window.col - reach, 0);
  return {.row = row,
          .col = col,
          .height = std::min<int64_t>(window.row + window.height + reach, side) - row,
          .width = std::min<int64_t>(window.col + window.width + reach, side) - col};
}

// Pixels that pass through the whole chain of colours while they are in the first cache.
constexpr int64_t kChunk = 2048;

// What contrast blends with, of the whole image.
int32_t mean_luma_of(const uint8_t* image, int64_t side, const AugmentParams& p) {
  uint8_t buffer[kChannels * kChunk];
  const int64_t pixels = side * side;
  int64_t sum = 0;
  for (int64_t begin = 0; begin < pixels; begin += kChunk) {
    const int64_t count = std::min(kChunk, pixels - begin);
    const pillow::Planes chunk{.r = buffer, .g = buffer + kChunk, .b = buffer + 2 * kChunk, .count = count};
    pillow::split_rgb(image + kChannels * begin, chunk);
    sum += pillow::luma_sum(chunk, p.brightness ? p.brightness_factor : 1.0f);
  }
  return pillow::mean_luma(sum, pixels);
}

// The region's colours before the blur, in `planes` [region.height, region.width].
void apply_colour(const uint8_t* image, int64_t side, const Region& region, const AugmentParams& p,
                  const pillow::Planes& planes) {
  const pillow::Colours colours = pillow::colours_of(p, p.contrast ? mean_luma_of(image, side, p) : 0);
  const int64_t chunk_rows = std::max<int64_t>(kChunk / region.width, 1);
  for (int64_t begin = 0; begin < region.height; begin += chunk_rows) {
    const int64_t end = std::min(begin + chunk_rows, region.height);
    for (int64_t y = begin; y < end; ++y) {
      pillow::split_rgb(image + kChannels * ((region.row + y) * side + region.col),
                        planes.part(y * region.width, region.width));
    }
    pillow::recolour(planes.part(begin * region.width, (end - begin) * region.width), colours);
  }
}

// Normalised pixels of a [side, side] picture, with the window's flips.
template <typename T>
void write_whole(const pillow::Planes& planes, int64_t side, const CropWindow& window, const NormalTable& normal,
                 int64_t channels, T* out) {
  const uint8_t* const channel[kChannels] = {planes.r, planes.g, planes.b};
  for (int64_t y = 0; y < side; ++y) {
    const int64_t row = (window.flip_vertical ? side - 1 - y : y) * side;
    for (int64_t x = 0; x < side; ++x, out += channels) {
      const int64_t i = row + (window.flip_horizontal ? side - 1 - x : x);
      for (size_t c = 0; c < kChannels; ++c) out[c] = T(normal[c][channel[c][i]]);
    }
  }
}

// The input places of each output place along one axis of a window, counted from `begin` before it.
std::vector<SourcePlace> source_places(int64_t begin, int32_t size, int64_t out, bool flip) {
  const float scale = static_cast<float>(size) / static_cast<float>(out);
  std::vector<SourcePlace> places(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    SourcePlace& place = places[static_cast<size_t>(flip ? out - 1 - i : i)];
    place = source_place(static_cast<int32_t>(i), scale, size);
    place.low += static_cast<int32_t>(begin);
    place.high += static_cast<int32_t>(begin);
  }
  return places;
}

// Of the window of an image of which `planes` hold `region`.
template <typename T>
void write_window(const pillow::Planes& planes, const Region& region, const CropWindow& window, int64_t out_side,
                  const NormalTable& normal, int64_t channels, T* out) {
  const auto rows = source_places(window.row - region.row, window.height, out_side, window.flip_vertical);
  const auto cols = source_places(window.col - region.col, window.width, out_side, window.flip_horizontal);
  const uint8_t* const channel[kChannels] = {planes.r, planes.g, planes.b};
  for (const SourcePlace& row : rows) {
    for (size_t c = 0; c < kChannels; ++c) {
      const uint8_t* top = channel[c] + row.low * region.width;
      const uint8_t* bottom = channel[c] + row.high * region.width;
      const float* table = normal[c].data();
      T* y = out + c;
      for (const SourcePlace& col : cols) {
        *y = T(interpolate(row, col, table[top[col.low]], table[top[col.high]], table[bottom[col.low]],
                           table[bottom[col.high]]));
        y += channels;
      }
    }
    out += out_side * channels;
  }
}

template <typename T>
void augment_image(const uint8_t* image, int64_t side, const AugmentParams& p, Scratch& scratch, int64_t out_side,
                   const NormalTable& normal, int64_t channels, T* out) {
  const bool windowed = p.shape == AugmentParams::Shape::window;
  const Region region = windowed ? region_of(p.window, p, side) : Region{.height = side, .width = side};
  const pillow::Planes coloured = planes_in(scratch.coloured, region.height * region.width);
  apply_colour(image, side, region, p, coloured);
  if (p.blur) {
    for (uint8_t* plane : {coloured.r, coloured.g, coloured.b}) {
      pillow::gaussian_blur(plane, region.height, region.width, p.blur_radius);
    }
  }
  if (windowed) {
    write_window(coloured, region, p.window, out_side, normal, channels, out);
    return;
  }
  if (side == out_side) {
    write_whole(coloured, side, p.window, normal, channels, out);
    return;
  }
  const pillow::Planes resized = planes_in(scratch.resized, out_side * out_side);
  const pillow::ResizeWindow whole{.height = out_side, .width = out_side};
  pillow::resize_bilinear(coloured.r, side, side, 1, out_side, out_side, whole, resized.r);
  pillow::resize_bilinear(coloured.g, side, side, 1, out_side, out_side, whole, resized.g);
  pillow::resize_bilinear(coloured.b, side, side, 1, out_side, out_side, whole, resized.b);
  write_whole(resized, out_side, p.window, normal, channels, out);
}

// The image itself where it is its square.
const uint8_t* square_of(const uint8_t* pixels, const SourceImage& s, int64_t side, Scratch& scratch) {
  if (s.height == side && s.width == side && s.out_height == side && s.out_width == side) return pixels + s.offset;
  scratch.square.resize(static_cast<size_t>(kChannels * side * side));
  pillow::resize_bilinear(pixels + s.offset, s.height, s.width, kChannels, s.out_height, s.out_width,
                          {.row = s.row, .col = s.col, .height = side, .width = side}, scratch.square.data());
  return scratch.square.data();
}

}  // namespace

void CpuBackend::augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
                         std::span<const AugmentParams> params, Tensor& y) {
  const NormalTable& normal = normal_table();
  const int64_t count = std::ssize(sources), views = y.dim(0), out_side = y.dim(1), channels = y.dim(3);
  if (channels > kChannels) fill(y, 0.0);
  const uint8_t* in = pixels.data<uint8_t>();
  dispatch_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
#pragma omp parallel for schedule(dynamic)
    for (int64_t n = 0; n < count; ++n) {
      thread_local Scratch scratch;
      const uint8_t* image = square_of(in, sources[static_cast<size_t>(n)], square, scratch);
      for (int64_t m = n; m < views; m += count) {
        augment_image(image, square, params[static_cast<size_t>(m)], scratch, out_side, normal, channels,
                      out + m * out_side * out_side * channels);
      }
    }
  });
}

void CpuBackend::normalize_images(const Tensor& images, Tensor& y) {
  const NormalTable& normal = normal_table();
  const int64_t pixels = images.count() / kChannels, channels = y.dim(3);
  if (channels > kChannels) fill(y, 0.0);
  const uint8_t* in = images.data<uint8_t>();
  dispatch_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
#pragma omp parallel for
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t c = 0; c < kChannels; ++c) {
        out[channels * i + c] = T(normal[static_cast<size_t>(c)][in[kChannels * i + c]]);
      }
    }
  });
}

}  // namespace bareseg
