// Pillow's 8-bit arithmetic of single pixels (PiCIE sections 5.3 and 5.4), the one copy of its formulas: host loops
// (engine/pillow.h) and kernels call them. Values are 8-bit numbers in wider variables; nothing here may be contracted
// to fused multiply-adds.
#pragma once

#include <cstdint>

#include "engine/host_device.h"

namespace bareseg::pillow {
namespace detail {

// A GPU converts from float to integer at an eighth of the rate at which it adds: adding 2^23, rounded towards zero,
// leaves the integer in the low bits.
#if defined(__CUDA_ARCH__)
// Of 0 <= x < 2^23.
__device__ inline int32_t truncated(float x) { return __float_as_int(__fadd_rz(x, 0x1p23f)) - 0x4B000000; }
// Clipped to [0, 255] and truncated.
__device__ inline int32_t clipped(float x) { return truncated(fminf(fmaxf(x, 0.0f), 255.0f)); }
// Within two units of the last place.
struct Quotient {
  __device__ float operator()(float a, float b) const { return __fdividef(a, b); }
};
#else
inline int32_t truncated(float x) { return static_cast<int32_t>(x); }
inline int32_t clipped(float x) {
  const int32_t whole = truncated(x), positive = whole > 0 ? whole : 0;
  return positive < 255 ? positive : 255;
}
struct Quotient {
  float operator()(float a, float b) const { return a / b; }
};
#endif

}  // namespace detail

BS_HOST_DEVICE inline int32_t luma(int32_t r, int32_t g, int32_t b) {
  return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
}

/// a + factor (v - a), clipped to [0, 255] and truncated.
BS_HOST_DEVICE inline int32_t blend(int32_t a, int32_t v, float factor) {
  return detail::clipped(static_cast<float>(a) + factor * static_cast<float>(v - a));
}

/// What contrast blends with: the rounded mean of `luma_sum` over `pixels` > 0.
BS_HOST_DEVICE inline int32_t mean_luma(int64_t luma_sum, int64_t pixels) {
  return static_cast<int32_t>(static_cast<double>(luma_sum) / static_cast<double>(pixels) + 0.5);
}

/// Weights of a resize are of 2^22; sums of their products with pixels start at half of that. They need no clipping:
/// weights are not negative and add up to 2^22 within one per tap.
inline constexpr int32_t kWeightBits = 22, kHalfWeight = 1 << (kWeightBits - 1);
BS_HOST_DEVICE inline uint8_t resized_value(int32_t sum) { return static_cast<uint8_t>(sum >> kWeightBits); }

/// A box of fractional radius: 2 radius + 1 inner taps and one outer tap at either end, weights of 2^24.
struct Box {
  int32_t radius = 0;
  uint32_t inner = 0, outer = 0;
};
inline constexpr int kBoxPasses = 3;
/// From the sums over the inner and over the two outer taps.
BS_HOST_DEVICE inline uint8_t box_value(const Box& box, uint32_t inner, uint32_t outer) {
  return static_cast<uint8_t>((inner * box.inner + outer * box.outer + (1u << 23)) >> 24);
}

/// A table of what a shift does to each hue: entry i = 2 floor(255 n / 6c) + (1 where that division leaves no rest), n
/// and c as below; `exact_hues` is that of engine/pillow.h. Each entry says how far red, green and blue of the shifted
/// hue lie below V, of 255 at full saturation: one byte each, red lowest. Pillow's (V, u, p), (q, V, p), ... of section
/// 5.3 are V - V * S / 255 * distance / 255 with these distances, rounded.
inline constexpr int32_t kHues = 255, kHueEntries = 2 * kHues;
BS_HOST_DEVICE inline int32_t hue_entry(int32_t i, int32_t shift, const uint8_t* exact_hues) {
  const int32_t h = i % 2 ? exact_hues[i / 2] : i / 2;
  const int32_t six = ((h + shift) & 255) * 6, sector = six / 255 % 6;
  const int32_t falling = six % 255, rising = 255 - falling;
  // The distance of each colour over the six sectors: 0, falling, 255, 255, rising, 0 for red, turned for the others.
  const auto distance = [&](int32_t place) {
    return place == 1 ? falling : place == 2 || place == 3 ? 255 : place == 4 ? rising : 0;
  };
  return distance(sector) | distance((sector + 4) % 6) << 8 | distance((sector + 2) % 6) << 16;
}

/// a / b, rounded down, of 0 <= a < 2^19, 0 < b: a + 1/2 keeps the quotient half of 1 / b from any integer.
template <typename Quotient = detail::Quotient>
BS_HOST_DEVICE inline int32_t whole_quotient(int32_t a, int32_t b, const Quotient& quotient = {}) {
  return detail::truncated(quotient(static_cast<float>(a) + 0.5f, static_cast<float>(b)));
}

/// convert("HSV"), H + shift, convert("RGB") with the table of that shift. All divisions are by float reciprocals or
/// quotients that stay further from an integer than float32 and detail::Quotient err: at least 1 / 3060, where 256 has
/// steps of 1 / 32768. Checked over every colour by the tests.
template <typename Table>
BS_HOST_DEVICE inline void shift_hue(int32_t& r, int32_t& g, int32_t& b, const Table& table) {
  const int32_t high = r > g ? r : g, low = r < g ? r : g;
  const int32_t v = high > b ? high : b, c = v - (low < b ? low : b);
  const int32_t n_blue = 4 * c + r - g, n_green = 2 * c + b - r, n_red = g - b + (g < b ? 6 * c : 0);
  const int32_t n = r == v ? n_red : g == v ? n_green : n_blue;
  const int32_t divisor = 6 * (c > 1 ? c : 1);
  const int32_t h = whole_quotient(255 * n, divisor);
  const int32_t s = whole_quotient(255 * c, v > 1 ? v : 1);
  const int32_t entry = table[2 * h + (h * divisor == 255 * n ? 1 : 0)];
  const int32_t top = v * 65025, slope = v * s;
  const auto channel = [&](int32_t distance) {
    return detail::truncated(static_cast<float>(top - slope * distance) * (1.0f / 65025.0f) + 0.5f);
  };
  r = channel(entry & 255);
  g = channel(entry >> 8 & 255);
  b = channel(entry >> 16);
}

}  // namespace bareseg::pillow
