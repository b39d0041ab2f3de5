#include "engine/pillow.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/pillow_avx2.h"

namespace bareseg::pillow {

Taps resize_taps(int64_t in, int64_t out, int64_t begin, int64_t length) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double support = std::max(scale, 1.0), inverse = 1.0 / support;
  Taps taps;
  taps.count = std::min<int64_t>(in, static_cast<int64_t>(std::ceil(support)) * 2 + 1);
  taps.first.resize(static_cast<size_t>(length));
  taps.weights.assign(static_cast<size_t>(length * taps.count), 0);
  std::vector<double> w(static_cast<size_t>(taps.count));
  int64_t used = 1;
  for (int64_t i = 0; i < length; ++i) {
    const double centre = (static_cast<double>(begin + i) + 0.5) * scale;
    const int64_t low = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const int64_t high = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), in);
    double sum = 0.0;
    for (int64_t t = low; t < high; ++t) {
      const double distance = std::abs((static_cast<double>(t) - centre + 0.5) * inverse);
      w[static_cast<size_t>(t - low)] = distance < 1.0 ? 1.0 - distance : 0.0;
      sum += w[static_cast<size_t>(t - low)];
    }
    taps.first[static_cast<size_t>(i)] = low;
    for (int64_t t = 0; t < high - low; ++t) {
      const double share = sum != 0.0 ? w[static_cast<size_t>(t)] / sum : w[static_cast<size_t>(t)];
      taps.weights[static_cast<size_t>(i * taps.count + t)] = static_cast<int32_t>(0.5 + share * (1 << kWeightBits));
    }
    used = std::max(used, high - low);
  }
  // Closes the gap to the widest output's taps and moves those that would leave the input back into it.
  std::vector<int32_t> packed(static_cast<size_t>(length * used), 0);
  for (int64_t i = 0; i < length; ++i) {
    int64_t& first = taps.first[static_cast<size_t>(i)];
    const int64_t back = std::max<int64_t>(first + used - in, 0);
    first -= back;
    for (int64_t t = 0; t + back < used; ++t) {
      packed[static_cast<size_t>(i * used + t + back)] = taps.weights[static_cast<size_t>(i * taps.count + t)];
    }
  }
  taps.count = used;
  taps.weights = std::move(packed);
  return taps;
}

namespace {

// Outputs [begin, end) of a row.
template <int kChannels>
void resize_row(const uint8_t* in, const Taps& taps, int64_t begin, int64_t end, uint8_t* out) {
  const int64_t count = taps.count;
  const int32_t* w = taps.weights.data() + begin * count;
  for (int64_t i = begin; i < end; ++i, w += count) {
    const uint8_t* pixel = in + taps.first[static_cast<size_t>(i)] * kChannels;
    int32_t sum[kChannels];
    for (int c = 0; c < kChannels; ++c) sum[c] = kHalfWeight;
    for (int64_t t = 0; t < count; ++t) {
      for (int c = 0; c < kChannels; ++c) sum[c] += w[t] * pixel[t * kChannels + c];
    }
    for (int c = 0; c < kChannels; ++c) out[i * kChannels + c] = resized_value(sum[c]);
  }
}

// Outputs [begin, end) of a row that is halved: the same four weights, two input pixels further each time.
struct HalvedRun {
  int64_t begin = 0, end = 0;
};

HalvedRun halved_run(const Taps& taps, int64_t length) {
  HalvedRun run;
  if (taps.count != 4 || length < 3) return run;
  const auto same = [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    return taps.first[at] == taps.first[1] + 2 * (i - 1) &&
           std::equal(taps.weights.begin() + 4, taps.weights.begin() + 8, taps.weights.begin() + 4 * i);
  };
  for (run = {.begin = 1, .end = 2}; run.end < length && same(run.end);) ++run.end;
  return run;
}

void resize_grey_row(const uint8_t* in, const Taps& taps, const HalvedRun& run, int64_t length, uint8_t* out) {
  int64_t done = run.begin;
  resize_row<1>(in, taps, 0, done, out);
  if (run.begin < run.end) {
    const uint8_t* pixel = in + taps.first[static_cast<size_t>(run.begin)];
    done += avx2::halve_row(pixel, taps.weights.data() + 4 * run.begin, run.end - run.begin, out + run.begin);
  }
  resize_row<1>(in, taps, done, length, out);
}

void resize_rgb_row(const uint8_t* in, int64_t width, const Taps& taps, int64_t length, uint8_t* out) {
  resize_row<3>(in, taps, avx2::resize_rgb_row(in, width, taps, length, out), length, out);
}

// out[x] = weighted sum of `count` rows `stride` bytes apart.
void resize_column(const uint8_t* in, int64_t stride, const int32_t* w, int64_t count, int64_t width, uint8_t* out) {
  constexpr int64_t kStrip = 512;
  int32_t sum[kStrip];
  for (int64_t begin = avx2::resize_column(in, stride, w, count, width, out); begin < width; begin += kStrip) {
    const int64_t n = std::min(kStrip, width - begin);
    std::fill_n(sum, n, kHalfWeight);
    for (int64_t t = 0; t < count; ++t) {
      const uint8_t* row = in + t * stride + begin;
      for (int64_t x = 0; x < n; ++x) sum[x] += w[t] * row[x];
    }
    for (int64_t x = 0; x < n; ++x) out[begin + x] = resized_value(sum[x]);
  }
}

// Buffers live as long as the thread: an image's planes are large enough that fresh memory would cost page faults.
uint8_t* scratch(size_t bytes) {
  thread_local std::vector<uint8_t> buffer;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return buffer.data();
}

}  // namespace

void resize_bilinear(const uint8_t* in, int64_t height, int64_t width, int64_t channels, int64_t out_height,
                     int64_t out_width, const ResizeWindow& window, uint8_t* out) {
  const Taps vertical = resize_taps(height, out_height, window.row, window.height);
  const int64_t first_row = *std::min_element(vertical.first.begin(), vertical.first.end());
  const int64_t last_row = *std::max_element(vertical.first.begin(), vertical.first.end()) + vertical.count;
  const int64_t pitch = window.width * channels;
  // What the vertical pass reads: rows from row `origin` on, `stride` apart.
  const uint8_t* rows = in + window.col * channels;
  int64_t stride = width * channels, origin = 0;
  if (width != out_width) {
    const Taps horizontal = resize_taps(width, out_width, window.col, window.width);
    const HalvedRun halved = halved_run(horizontal, window.width);
    uint8_t* middle = scratch(static_cast<size_t>((last_row - first_row) * pitch));
    for (int64_t y = first_row; y < last_row; ++y) {
      const uint8_t* source = in + y * width * channels;
      uint8_t* target = middle + (y - first_row) * pitch;
      if (channels == 3) {
        resize_rgb_row(source, width, horizontal, window.width, target);
      } else {
        resize_grey_row(source, horizontal, halved, window.width, target);
      }
    }
    rows = middle;
    stride = pitch;
    origin = first_row;
  }
  for (int64_t y = 0; y < window.height; ++y) {
    const auto i = static_cast<size_t>(y);
    resize_column(rows + (vertical.first[i] - origin) * stride, stride, vertical.weights.data() + y * vertical.count,
                  vertical.count, pitch, out + y * pitch);
  }
}

namespace {

// Pillow adds the step up rather than multiplying, from the first pixel on.
std::vector<int64_t> nearest_places(int64_t in, int64_t out, int64_t begin, int64_t length) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<int64_t> places(static_cast<size_t>(length));
  double place = step * 0.5;
  for (int64_t i = 0; i < begin + length; ++i, place += step) {
    if (i >= begin) places[static_cast<size_t>(i - begin)] = std::min(static_cast<int64_t>(place), in - 1);
  }
  return places;
}

}  // namespace

void resize_nearest(const uint8_t* in, int64_t height, int64_t width, int64_t out_height, int64_t out_width,
                    const ResizeWindow& window, uint8_t* out) {
  const std::vector<int64_t> rows = nearest_places(height, out_height, window.row, window.height);
  const std::vector<int64_t> cols = nearest_places(width, out_width, window.col, window.width);
  for (const int64_t row : rows) {
    for (const int64_t col : cols) *out++ = in[row * width + col];
  }
}

}  // namespace bareseg::pillow
