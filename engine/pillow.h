// Pillow's 8-bit image arithmetic (PiCIE sections 5.3 and 5.4), bit for bit. Host code shared by the CPU backend and
// the data readers. Rows run top to bottom; input and output do not overlap unless said so. Arguments are the caller's
// duty.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/augment_params.h"
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

  /// `length` pixels from `begin` on.
  Planes part(int64_t begin, int64_t length) const { return {r + begin, g + begin, b + begin, length}; }
};

/// Interleaved RGB of planes.count pixels into planes, and back.
void split_rgb(const uint8_t* rgb, const Planes& planes);
void join_rgb(const Planes& planes, uint8_t* rgb);

/// What a hue shift does to each hue.
using HueTable = std::array<int32_t, kHueEntries>;
HueTable hue_table(int32_t shift);
/// The hue that Pillow gives where 255 n / 6c is the whole number h: h, or one less by its rounding.
const std::array<uint8_t, kHues>& exact_hues();

/// A chain of colour changes; those of the defaults change nothing. L and blend() are those of engine/pillow_math.h.
struct Colours {
  float brightness = 1.0f;      // ImageEnhance.Brightness: v <- blend(0, v, factor)
  float contrast = 1.0f;        // ImageEnhance.Contrast: v <- blend(mean_luma, v, factor)
  int32_t mean_luma = 0;        // of the whole image after brightness
  float saturation = 1.0f;      // ImageEnhance.Color: v <- blend(L, v, factor) per pixel
  std::optional<HueTable> hue;  // convert("HSV"), H <- (H + shift) mod 256, convert("RGB"); torchvision's adjust_hue
                                // with shift = trunc(255 * hue)
  bool grey = false;            // convert("L"), replicated
};
/// Of the params, their blur excepted.
Colours colours_of(const AugmentParams& params, int32_t mean_luma);
/// In place, in the order of the members.
void recolour(const Planes& planes, const Colours& colours);
/// A whole image, by the params but for their blur.
void recolour(const Planes& image, const AugmentParams& params);
/// The sum of L after brightness.
int64_t luma_sum(const Planes& planes, float brightness);

/// The box of which kBoxPasses passes have the variance of a Gaussian of deviation `sigma`.
Box blur_box(float sigma);
/// ImageFilter.GaussianBlur(radius) of one plane, in place: three box passes along rows, then three along columns.
/// The sign of the radius does not matter.
void gaussian_blur(uint8_t* plane, int64_t height, int64_t width, float radius);

}  // namespace bareseg::pillow
