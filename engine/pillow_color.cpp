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

void hue(const Planes& p, int32_t shift) {
  std::array<int32_t, kHueEntries> table;
  for (int32_t i = 0; i < kHueEntries; ++i) table[static_cast<size_t>(i)] = hue_entry(i, shift);
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
