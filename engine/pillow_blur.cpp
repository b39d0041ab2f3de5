#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "engine/pillow.h"
#include "engine/pillow_avx2.h"

namespace bareseg::pillow {

// All intermediate values are float32.
Box blur_box(float sigma) {
  const float variance = sigma * sigma / 3.0f;
  const auto length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const auto whole = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  float part = (2.0f * whole + 1.0f) * (whole * (whole + 1.0f) - 3.0f * variance);
  part /= 6.0f * (variance - (whole + 1.0f) * (whole + 1.0f));
  const float radius = whole + part;
  Box box{.radius = static_cast<int32_t>(radius)};
  const auto inner_taps = static_cast<uint32_t>(2 * box.radius + 1);
  box.inner = static_cast<uint32_t>(16777216.0f / (radius * 2.0f + 1.0f));
  box.outer = (16777216u - inner_taps * box.inner) / 2;
  return box;
}

namespace {

// out[x] = the box over taps[0][x] ... taps[2 * radius + 2][x]: neighbours along a row or a column alike.
void box_pass(const Box& box, const uint8_t* const* taps, int64_t n, uint8_t* out) {
  constexpr int64_t kStrip = 512;
  const int64_t last = 2 * int64_t{box.radius} + 2;
  uint32_t sum[kStrip];
  for (int64_t begin = avx2::box_pass(box, taps, n, out); begin < n; begin += kStrip) {
    const int64_t length = std::min(kStrip, n - begin);
    std::fill_n(sum, length, 0u);
    for (int64_t t = 1; t < last; ++t) {
      for (int64_t x = 0; x < length; ++x) sum[x] += taps[t][begin + x];
    }
    for (int64_t x = begin; x < begin + length; ++x) {
      out[x] = box_value(box, sum[x - begin], uint32_t{taps[0][x]} + taps[last][x]);
    }
  }
}

void blur_rows(const Box& box, const uint8_t* in, int64_t height, int64_t width, uint8_t* out) {
  const int64_t reach = int64_t{box.radius} + 1;
  std::vector<uint8_t> padded(static_cast<size_t>(width + 2 * reach));
  uint8_t* line = padded.data() + reach;
  std::vector<const uint8_t*> taps;
  for (int64_t t = -reach; t <= reach; ++t) taps.push_back(line + t);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* source = in + y * width;
    for (int pass = 0; pass < kBoxPasses; ++pass) {
      std::memcpy(line, source, static_cast<size_t>(width));
      std::fill_n(padded.data(), reach, line[0]);
      std::fill_n(line + width, reach, line[width - 1]);
      box_pass(box, taps.data(), width, out + y * width);
      source = out + y * width;
    }
  }
}

void blur_columns(const Box& box, const uint8_t* in, int64_t height, int64_t width, uint8_t* out) {
  const int64_t reach = int64_t{box.radius} + 1;
  std::vector<const uint8_t*> taps(static_cast<size_t>(2 * reach + 1));
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t t = -reach; t <= reach; ++t) {
      taps[static_cast<size_t>(t + reach)] = in + std::clamp<int64_t>(y + t, 0, height - 1) * width;
    }
    box_pass(box, taps.data(), width, out + y * width);
  }
}

}  // namespace

void gaussian_blur(uint8_t* plane, int64_t height, int64_t width, float radius) {
  if (height == 0 || width == 0) return;
  const Box box = blur_box(radius);
  thread_local std::vector<uint8_t> buffer;  // for the thread's life: fresh memory would cost page faults
  if (std::ssize(buffer) < height * width) buffer.resize(static_cast<size_t>(height * width));
  uint8_t* other = buffer.data();
  blur_rows(box, plane, height, width, other);
  blur_columns(box, other, height, width, plane);
  blur_columns(box, plane, height, width, other);
  blur_columns(box, other, height, width, plane);
}

}  // namespace bareseg::pillow
