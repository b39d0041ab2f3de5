#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/pillow.h"

// Loops work on blocks of widened pixels: mixing 8-bit loads with float arithmetic in one loop would make the compiler
// unroll it by 32 and spill.
namespace bareseg::pillow {
namespace {

constexpr int64_t kBlock = 256;

int32_t luma(int32_t r, int32_t g, int32_t b) { return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16; }

// The float sum is truncated before it is clipped, which gives the same integer.
int32_t blend(int32_t a, int32_t v, float factor) {
  const float sum = static_cast<float>(a) + factor * static_cast<float>(v - a);
  return std::min(std::max(static_cast<int32_t>(sum), 0), 255);
}

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
  const double mean = static_cast<double>(sum) / static_cast<double>(p.count);
  blend_constant(p, static_cast<int32_t>(mean + 0.5), factor);
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
int32_t pillow_hue(int32_t sector_base, int32_t x, int32_t y, int32_t chroma) {
  const float c = static_cast<float>(chroma);
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
std::array<uint8_t, 256> make_exact_hues() {
  std::array<uint8_t, 256> hues{};
  for (int32_t h = 0; h < 255; ++h) {
    constexpr int32_t kChroma = 255;
    const int32_t n = 6 * h;
    // Red sector: n / c in [0, 1] or [5, 6); green: [1, 3]; blue: [3, 5].
    if (n <= kChroma) {
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(pillow_hue(0, kChroma, kChroma - n, kChroma));
    } else if (n > 5 * kChroma) {
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(pillow_hue(0, n - 5 * kChroma, kChroma, kChroma));
    } else {
      const int32_t base = n <= 3 * kChroma ? 2 : 4, offset = n - base * kChroma;  // in [-c, c]
      const int32_t x = offset > 0 ? kChroma : kChroma + offset, y = offset > 0 ? kChroma - offset : kChroma;
      hues[static_cast<size_t>(h)] = static_cast<uint8_t>(pillow_hue(base, x, y, kChroma));
    }
  }
  return hues;
}

// How far red, green and blue of a shifted hue lie below V, of 255 at full saturation: one byte each, red lowest.
// Pillow's (V, u, p), (q, V, p), ... of section 5.3 are V - V * S / 255 * distance / 255 with these distances, rounded.
using HueTable = std::array<int32_t, 512>;

// Index 2 * floor(255 n / 6c) + (1 where the division leaves no rest).
HueTable make_hue_table(int32_t shift) {
  static const std::array<uint8_t, 256> exact_hues = make_exact_hues();
  HueTable table;
  for (int32_t i = 0; i < 512; ++i) {
    const int32_t h = i % 2 ? exact_hues[static_cast<size_t>(i / 2)] : i / 2;
    const int32_t six = ((h + shift) & 255) * 6;
    const int32_t rising = 255 - six % 255, falling = six % 255;
    const int32_t distances[6][3] = {{0, rising, 255},  {falling, 0, 255}, {255, 0, rising},
                                     {255, falling, 0}, {rising, 255, 0},  {0, 255, falling}};
    const auto& d = distances[six / 255 % 6];
    table[static_cast<size_t>(i)] = d[0] | d[1] << 8 | d[2] << 16;
  }
  return table;
}

struct HueBlock {
  alignas(64) int32_t r[kBlock], g[kBlock], b[kBlock];
};

// All divisions are by float reciprocals or quotients that stay further from an integer than float32 errs: checked over
// every colour by the tests.
void shift_hue(HueBlock& block, const int32_t* table) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const int32_t r = block.r[i], g = block.g[i], b = block.b[i];
    const int32_t v = std::max(r, std::max(g, b)), c = v - std::min(r, std::min(g, b));
    const int32_t n_blue = 4 * c + r - g, n_green = 2 * c + b - r, n_red = g - b + (g < b ? 6 * c : 0);
    const int32_t n = r == v ? n_red : g == v ? n_green : n_blue;
    const int32_t divisor = 6 * std::max(c, 1);
    const int32_t h = static_cast<int32_t>((static_cast<float>(255 * n) + 0.5f) / static_cast<float>(divisor));
    const int32_t s = static_cast<int32_t>((static_cast<float>(255 * c) + 0.5f) / static_cast<float>(std::max(v, 1)));
    const int32_t entry = table[2 * h + (h * divisor == 255 * n ? 1 : 0)];
    const int32_t top = v * 65025, slope = v * s;
    const auto channel = [&](int32_t distance) {
      return static_cast<int32_t>(static_cast<float>(top - slope * distance) * (1.0f / 65025.0f) + 0.5f);
    };
    block.r[i] = channel(entry & 255);
    block.g[i] = channel(entry >> 8 & 255);
    block.b[i] = channel(entry >> 16);
  }
}

}  // namespace

void hue(const Planes& p, int32_t shift) {
  const HueTable table = make_hue_table(shift);
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
    shift_hue(block, table.data());
    narrow(block.r, p.r);
    narrow(block.g, p.g);
    narrow(block.b, p.b);
  }
}

}  // namespace bareseg::pillow
