#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/pillow.h"
#include "engine/pillow_math.h"

namespace bareseg::pillow {

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

}  // namespace

const std::array<uint8_t, kHues>& exact_hues() {
  static const std::array<uint8_t, kHues> hues = make_exact_hues();
  return hues;
}

HueTable hue_table(int32_t shift) {
  HueTable table;
  for (int32_t i = 0; i < kHueEntries; ++i) table[static_cast<size_t>(i)] = hue_entry(i, shift, exact_hues().data());
  return table;
}

Colours colours_of(const AugmentParams& p, int32_t mean_luma) {
  Colours colours;
  colours.mean_luma = mean_luma;
  colours.grey = p.grey;
  if (p.brightness) colours.brightness = p.brightness_factor;
  if (p.contrast) colours.contrast = p.contrast_factor;
  if (p.saturation) colours.saturation = p.saturation_factor;
  if (p.hue) colours.hue = hue_table(p.hue_shift);
  return colours;
}

namespace {

// Loops work on blocks of widened pixels: mixing 8-bit loads with float arithmetic in one loop would make the compiler
// unroll it by 32 and spill.
constexpr int64_t kBlock = 256;

struct Block {
  alignas(64) int32_t r[kBlock], g[kBlock], b[kBlock];
};

void widen(const uint8_t* in, int64_t count, int32_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = in[i];
}

void narrow(const int32_t* in, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(in[i]);
}

void widen(const Planes& p, int64_t begin, int64_t count, Block& block) {
  widen(p.r + begin, count, block.r);
  widen(p.g + begin, count, block.g);
  widen(p.b + begin, count, block.b);
}

void narrow(const Block& block, const Planes& p, int64_t begin, int64_t count) {
  narrow(block.r, count, p.r + begin);
  narrow(block.g, count, p.g + begin);
  narrow(block.b, count, p.b + begin);
}

void change_tone(Block& block, const Colours& colours) {
  const float brightness = colours.brightness, contrast = colours.contrast, saturation = colours.saturation;
  const int32_t mean = colours.mean_luma;
  const auto toned = [=](int32_t v) { return blend(mean, blend(0, v, brightness), contrast); };
  for (int64_t i = 0; i < kBlock; ++i) {
    const int32_t r = toned(block.r[i]), g = toned(block.g[i]), b = toned(block.b[i]), grey = luma(r, g, b);
    block.r[i] = blend(grey, r, saturation);
    block.g[i] = blend(grey, g, saturation);
    block.b[i] = blend(grey, b, saturation);
  }
}

void shift_hues(Block& block, const int32_t* table) {
  for (int64_t i = 0; i < kBlock; ++i) {
    int32_t r = block.r[i], g = block.g[i], b = block.b[i];
    shift_hue(r, g, b, table);
    block.r[i] = r;
    block.g[i] = g;
    block.b[i] = b;
  }
}

void make_grey(Block& block) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const int32_t value = luma(block.r[i], block.g[i], block.b[i]);
    block.r[i] = value;
    block.g[i] = value;
    block.b[i] = value;
  }
}

}  // namespace

void recolour(const Planes& p, const Colours& colours) {
  Block block{};
  for (int64_t begin = 0; begin < p.count; begin += kBlock) {
    const int64_t count = std::min(kBlock, p.count - begin);
    widen(p, begin, count, block);
    change_tone(block, colours);
    if (colours.hue) shift_hues(block, colours.hue->data());
    if (colours.grey) make_grey(block);
    narrow(block, p, begin, count);
  }
}

int64_t luma_sum(const Planes& p, float brightness) {
  Block block{};
  int64_t sum = 0;
  for (int64_t begin = 0; begin < p.count; begin += kBlock) {
    const int64_t count = std::min(kBlock, p.count - begin);
    widen(p, begin, count, block);
    int32_t part = 0;
    for (int64_t i = 0; i < count; ++i) {
      part +=
          luma(blend(0, block.r[i], brightness), blend(0, block.g[i], brightness), blend(0, block.b[i], brightness));
    }
    sum += part;
  }
  return sum;
}

void recolour(const Planes& image, const AugmentParams& p) {
  const int64_t sum = p.contrast ? luma_sum(image, p.brightness ? p.brightness_factor : 1.0f) : 0;
  recolour(image, colours_of(p, mean_luma(sum, image.count)));
}

}  // namespace bareseg::pillow
