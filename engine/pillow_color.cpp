#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/pillow.h"
#include "engine/pillow_math.h"

// Loops work on blocks of widened pixels: mixing 8-bit loads with float arithmetic in one loop would make the compiler
// unroll it by 32 and spill.
namespace bareseg::pillow {
namespace {

constexpr int64_t kBlock = 256;

void blend_constant(uint8_t* plane, int64_t count, int32_t a, float factor) {
  for (int64_t i = 0; i < count; ++i) plane[i] = static_cast<uint8_t>(blend(a, plane[i], factor));
}

void blend_constant(const Planes& p, int32_t a, float factor) {
  for (uint8_t* plane : {p.r, p.g, p.b}) blend_constant(plane, p.count, a, factor);
}

}  // namespace

void split_rgb(const uint8_t* rgb, const Planes& p) {
  uint8_t* const __restrict r = p.r, * const __restrict g = p.g, * const __restrict b = p.b;
  const int64_t count = p.count;
  for (int64_t i = 0; i < count; ++i) {
    r[i] = rgb[3 * i];
    g[i] = rgb[3 * i + 1];
    b[i] = rgb[3 * i + 2];
  }
}

void join_rgb(const Planes& p, uint8_t* rgb) {
  for (int64_t i = 0; i < p.count; ++i) {
    rgb[3 * i] = p.r[i];
    rgb[3 * i + 1] = p.g[i];
    rgb[3 * i + 2] = p.b[i];
  }
}

void brightness(const Planes& p, float factor) { blend_constant(p, 0, factor); }

void contrast(const Planes& p, float factor) {
  int64_t sum = 0;
  for (int64_t begin = 0; begin < p.count; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, p.count);
    int32_t part = 0;
    for (int64_t i = begin; i < end; ++i) part += luma(p.r[i], p.g[i], p.b[i]);
    sum += part;
  }
  if (p.count == 0) return;
  blend_constant(p, mean_luma(sum, p.count), factor);
}

void saturation(const Planes& p, float factor) {
  uint8_t *const r = p.r, *const g = p.g, *const b = p.b;
  alignas(64) int32_t grey_of[kBlock];
  for (int64_t begin = 0; begin < p.count; begin += kBlock) {
    const int64_t n = std::min(kBlock, p.count - begin);
    for (int64_t i = 0; i < n; ++i) grey_of[i] = luma(r[begin + i], g[begin + i], b[begin + i]);
    for (uint8_t* plane : {r + begin, g + begin, b + begin}) {
      for (int64_t i = 0; i < n; ++i) plane[i] = static_cast<uint8_t>(blend(grey_of[i], plane[i], factor));
    }
  }
}

void grey(const Planes& p) {
  uint8_t* const __restrict r = p.r, * const __restrict g = p.g, * const __restrict b = p.b;
  const int64_t count = p.count;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<uint8_t>(luma(r[i], g[i], b[i]));
    r[i] = value;
    g[i] = value;
    b[i] = value;
  }
}

namespace {

// Pillow's HSV conversion of one colour (section 5.3), in its own precision; hue only.
int32_t rounded_hue(int32_t sector_base, int32_t x, int32_t y, int32_t chroma) {
  const auto c = static_cast<float>(chroma);
  const float first = static_cast<float>(x) / c, second = static_cast<float>(y) / c;
  const auto h = static_cast<float>(sector_base + static_cast<double>(first) - static_cast<double>(second));
  const double turn = h / 6.0 + 1.0;
  const auto fraction = static_cast<float>(turn - static_cast<int32_t>(turn));
  return static_cast<int32_t>(fraction * 255.0);
}

// In exact arithmetic the hue is floor(255 n / 6c) with n / c in [0, 6) the place on the colour circle. Pillow's
// rounded arithmetic gives the same but for some places where that division leaves no rest: there it gives one less.
// Such a place is n / c = 6 hue / 255, whatever the chroma c, and Pillow sees c only through quotients; so chroma 255
// tells.
std::array<uint8_t, kHues> make_exact_hues() {
  std::array<uint8_t, kHues> hues{};
  for (int32_t h = 0; h < kHues; ++h) {
    constexpr int32_t kChroma = 255;
    const int32_t n = 6 * h;
    // Red sector: n / c in [0, 1] or [5, 6); green: [1, 3]; blue: [3, 5].
    if (n <= kChroma) {
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(rounded_hue(0, kChroma, kChroma - n, kChroma));
    } else if (n > 5 * kChroma) {
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(rounded_hue(0, n - 5 * kChroma, kChroma, kChroma));
    } else {
      const int32_t base = n <= 3 * kChroma ? 2 : 4, offset = n - base * kChroma;  // in [-c, c]
      const int32_t x = offset > 0 ? kChroma : kChroma + offset, y = offset > 0 ? kChroma - offset : kChroma;
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(rounded_hue(base, x, y, kChroma));
    }
  }
  return hues;
}

struct HueBlock {
  alignas(64) int32_t r[kBlock], g[kBlock], b[kBlock];
};

void shift_hues(HueBlock& block, const int32_t* table) {
  for (int64_t i = 0; i < kBlock; ++i) {
    int32_t r = block.r[i], g = block.g[i], b = block.b[i];
    shift_hue(r, g, b, table);
    block.r[i] = r;
    block.g[i] = g;
    block.b[i] = b;
  }
}

}  // namespace

const std::array<uint8_t, kHues>& exact_hues() {
  static const std::array<uint8_t, kHues> hues = make_exact_hues();
  return hues;
}

void hue(const Planes& p, int32_t shift) {
  std::array<int32_t, kHueEntries> table;
  for (int32_t i = 0; i < kHueEntries; ++i) table[static_cast<size_t>(i)] = hue_entry(i, shift, exact_hues().data());
  HueBlock block{};
  for (int64_t begin = 0; begin < p.count; begin += kBlock) {
    const int64_t n = std::min(kBlock, p.count - begin);
    const auto widen = [&](const uint8_t* plane, int32_t* out) {
      for (int64_t i = 0; i < n; ++i) out[i] = plane[begin + i];
    };
    const auto narrow = [&](const int32_t* in, uint8_t* plane) {
      for (int64_t i = 0; i < n; ++i) plane[begin + i] = static_cast<uint8_t>(in[i]);
    };
    widen(p.r, block.r);
    widen(p.g, block.g);
    widen(p.b, block.b);
    shift_hues(block, table.data());
    narrow(block.r, p.r);
    narrow(block.g, p.g);
    narrow(block.b, p.b);
  }
}

}  // namespace bareseg::pillow
