// Pillow's 8-bit image arithmetic (PiCIE sections 5.3 and 5.4), bit for bit. Host code shared by the CPU backend and
// the data readers. Rows run top to bottom; input and output do not overlap unless said so. Arguments are the caller's
// duty.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/pillow_math.h"

namespace bareseg::pillow {

/// Weights of the input pixels that make each output pixel of Image.resize(BILINEAR) along one axis. Every output has
/// the same number of taps, the missing ones weigh 0, and all taps lie inside the input.
struct Taps {
  int64_t count = 0;
  std::vector<int64_t> first;    // [outputs], never falling
  std::vector<int32_t> weights;  // [outputs, count], of 2^kWeightBits
};
/// For outputs [begin, begin + length) of `out`, from `in` pixels.
Taps resize_taps(int64_t in, int64_t out, int64_t begin, int64_t length);

/// A part of a resized image.
struct ResizeWindow {
  int64_t row = 0, col = 0, height = 0, width = 0;
};

/// Image.resize(BILINEAR) of interleaved 8-bit data with 1 or 3 channels: antialiased triangle filter, horizontal pass
/// first, 8-bit intermediate. Only the window of the [out_height, out_width] result is computed; out is
/// [window.height, window.width, channels].
void resize_bilinear(const uint8_t* in, int64_t height, int64_t width, int64_t channels, int64_t out_height,
                     int64_t out_width, const ResizeWindow& window, uint8_t* out);

/// Image.resize(NEAREST) of one-channel 8-bit data, the same window.
void resize_nearest(const uint8_t* in, int64_t height, int64_t width, int64_t out_height, int64_t out_width,
                    const ResizeWindow& window, uint8_t* out);

/// Red, green and blue of `count` pixels, each of its own: colour loops over planes fill vector registers.
struct Planes {
  uint8_t* r = nullptr;
  uint8_t* g = nullptr;
  uint8_t* b = nullptr;
  int64_t count = 0;
};

/// Interleaved RGB of planes.count pixels into planes, and back.
void split_rgb(const uint8_t* rgb, const Planes& planes);
void join_rgb(const Planes& planes, uint8_t* rgb);

// Colour, in place: luma L and blend() are those of engine/pillow_math.h.

/// ImageEnhance.Brightness: v <- blend(0, v, factor).
void brightness(const Planes& planes, float factor);
/// ImageEnhance.Contrast: v <- blend(m, v, factor), m the rounded mean of L.
void contrast(const Planes& planes, float factor);
/// ImageEnhance.Color: v <- blend(L, v, factor) per pixel.
void saturation(const Planes& planes, float factor);
/// convert("HSV"), H <- (H + shift) mod 256, convert("RGB"); torchvision's adjust_hue with shift = trunc(255 * hue).
void hue(const Planes& planes, int32_t shift);
/// The hue that Pillow gives where 255 n / 6c is the whole number h: h, or one less by its rounding.
const std::array<uint8_t, kHues>& exact_hues();
/// convert("L"), replicated.
void grey(const Planes& planes);

/// The box of which kBoxPasses passes have the variance of a Gaussian of deviation `sigma`.
Box blur_box(float sigma);
/// ImageFilter.GaussianBlur(radius) of one plane, in place: three box passes along rows, then three along columns.
/// The sign of the radius does not matter.
void gaussian_blur(uint8_t* plane, int64_t height, int64_t width, float radius);

}  // namespace bareseg::pillow
