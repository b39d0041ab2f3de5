// Bilinear resampling of maps, align_corners = false: source = max(0, in / out (i + 1/2) - 1/2), between its floor and
// the next position, which stays inside. Windows and flips only change the tables of source positions.
//
// Both directions read: forward each output pixel its four sources, backward each input pixel the outputs that used it,
// so nothing is cleared and no thread writes what another writes. Memory bound in both for scales near 2.
#include <utility>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kTile = 256;  // channels summed at a time, so that the sums stay in the L1 cache

// Along one axis: where an output position reads, value = (1 - weight) x[low] + weight x[high].
struct Tap {
  int32_t low, high;
  float weight;
};

// One axis of one sample: window [begin, begin + size) of the input to `out` positions, reversed where asked.
struct Axis {
  int64_t begin, size, out;
  bool flip;
};

void make_taps(const Axis& axis, Tap* taps) {
  const double scale = static_cast<double>(axis.size) / static_cast<double>(axis.out);
  for (int64_t i = 0; i < axis.out; ++i) {
    // In double, so that the weight has float's precision however far from the origin.
    const double source = std::max(0.0, scale * (static_cast<double>(i) + 0.5) - 0.5);
    const int64_t low = std::min(static_cast<int64_t>(source), axis.size - 1);
    const int64_t high = std::min(low + 1, axis.size - 1);
    taps[axis.flip ? axis.out - 1 - i : i] = {static_cast<int32_t>(axis.begin + low),
                                              static_cast<int32_t>(axis.begin + high),
                                              static_cast<float>(source - static_cast<double>(low))};
  }
}

// The same table read from the input's side: input position i went into uses[first[i] .. first[i + 1]).
struct Use {
  int32_t out;
  float weight;
};

// first has in + 1 places, uses 2 out.
void make_uses(const Tap* taps, int64_t out, int64_t in, int32_t* first, Use* uses) {
  std::fill(first, first + in + 1, 0);
  for (int64_t o = 0; o < out; ++o) {
    ++first[taps[o].low];
    ++first[taps[o].high];
  }
  int32_t total = 0;
  for (int64_t i = 0; i <= in; ++i) total += std::exchange(first[i], total);
  for (int64_t o = 0; o < out; ++o) {
    uses[first[taps[o].low]++] = {static_cast<int32_t>(o), 1.0f - taps[o].weight};
    uses[first[taps[o].high]++] = {static_cast<int32_t>(o), taps[o].weight};
  }
  for (int64_t i = in; i > 0; --i) first[i] = first[i - 1];
  first[0] = 0;
}

// Tables of every sample, or of one where all are alike (stride 0).
struct Tables {
  std::vector<Tap> rows, cols;
  int64_t rows_stride = 0, cols_stride = 0;
};

Tables whole_map(const Shape& in, const Shape& out) {
  Tables t;
  t.rows.resize(static_cast<size_t>(out.dim(1)));
  t.cols.resize(static_cast<size_t>(out.dim(2)));
  make_taps({0, in.dim(1), out.dim(1), false}, t.rows.data());
  make_taps({0, in.dim(2), out.dim(2), false}, t.cols.data());
  return t;
}

Tables of_windows(const Tensor& windows, const Shape& out) {
  Tables t;
  t.rows_stride = out.dim(1);
  t.cols_stride = out.dim(2);
  t.rows.resize(static_cast<size_t>(out.dim(0) * t.rows_stride));
  t.cols.resize(static_cast<size_t>(out.dim(0) * t.cols_stride));
  for (int64_t n = 0; n < out.dim(0); ++n) {
    const int32_t* w = windows.data<int32_t>() + n * 6;  // row, col, height, width, flip horizontal, flip vertical
    make_taps({w[0], w[2], out.dim(1), w[5] != 0}, t.rows.data() + n * t.rows_stride);
    make_taps({w[1], w[3], out.dim(2), w[4] != 0}, t.cols.data() + n * t.cols_stride);
  }
  return t;
}

// One output row between the input rows `top` and `bottom`.
template <bool kAddend, typename T>
BS_CLONES void resample_row(const T* __restrict top, const T* __restrict bottom, float down, const Tap* __restrict taps,
                            int64_t width, int64_t channels, const T* __restrict addend, T* __restrict y) {
  const float up = 1.0f - down;
  for (int64_t i = 0; i < width; ++i, y += channels) {
    const float right = taps[i].weight, left = 1.0f - right;
    const T *top_left = top + taps[i].low * channels, *top_right = top + taps[i].high * channels;
    const T *bottom_left = bottom + taps[i].low * channels, *bottom_right = bottom + taps[i].high * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      float value = up * (left * load(top_left + c) + right * load(top_right + c)) +
                    down * (left * load(bottom_left + c) + right * load(bottom_right + c));
      if constexpr (kAddend) value += load(addend + i * channels + c);
      store(y + c, value);
    }
  }
}

// sum += row_weight * sum over uses of weight dy[out].
template <typename T>
inline void gather(const T* __restrict dy, const Use* __restrict uses, int64_t count, float row_weight,
                   int64_t channels, int64_t tile, float* __restrict sum) {
  int64_t u = 0;
  for (; u + 2 <= count; u += 2) {
    const float a = row_weight * uses[u].weight, b = row_weight * uses[u + 1].weight;
    const T *from_a = dy + uses[u].out * channels, *from_b = dy + uses[u + 1].out * channels;
#pragma omp simd
    for (int64_t c = 0; c < tile; ++c) sum[c] += a * load(from_a + c) + b * load(from_b + c);
  }
  for (; u < count; ++u) {
    const float a = row_weight * uses[u].weight;
    const T* from = dy + uses[u].out * channels;
#pragma omp simd
    for (int64_t c = 0; c < tile; ++c) sum[c] += a * load(from + c);
  }
}

// One input row of dx; dy is the sample.
template <typename T>
BS_CLONES void gather_row(const T* __restrict dy, const Use* __restrict rows, int64_t row_count,
                          const int32_t* __restrict first, const Use* __restrict cols, int64_t out_width, int64_t width,
                          int64_t channels, T* __restrict dx) {
  float sum[kTile];
  for (int64_t i = 0; i < width; ++i, dx += channels) {
    for (int64_t c = 0; c < channels; c += kTile) {
      const int64_t tile = std::min(kTile, channels - c);
      std::fill(sum, sum + tile, 0.0f);
      for (int64_t r = 0; r < row_count; ++r) {
        gather(dy + rows[r].out * out_width * channels + c, cols + first[i], first[i + 1] - first[i], rows[r].weight,
               channels, tile, sum);
      }
#pragma omp simd
      for (int64_t k = 0; k < tile; ++k) store(dx + c + k, sum[k]);
    }
  }
}

template <typename T>
void resample(const Tensor& x, const Tables& t, const T* addend, Tensor& y) {
  const int64_t in_width = x.dim(2), channels = x.dim(3), height = y.dim(1), width = y.dim(2);
  const int64_t sample = x.dim(1) * in_width * channels, rows = y.dim(0) * height;
  const T* in = x.data<T>();
  T* out = y.data<T>();
  const auto leaf = addend != nullptr ? resample_row<true, T> : resample_row<false, T>;
#pragma omp parallel for
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t n = r / height, at = r * width * channels;
    const Tap tap = t.rows[n * t.rows_stride + r % height];
    const T* from = in + n * sample;
    leaf(from + tap.low * in_width * channels, from + tap.high * in_width * channels, tap.weight,
         t.cols.data() + n * t.cols_stride, width, channels, addend != nullptr ? addend + at : nullptr, out + at);
  }
}

// Uses of one axis for every table in `taps`.
struct UseTables {
  std::vector<int32_t> first;
  std::vector<Use> uses;
  int64_t first_stride, uses_stride;  // 0: one table for all samples

  UseTables(const std::vector<Tap>& taps, int64_t stride, int64_t out, int64_t in)
      : first_stride(stride > 0 ? in + 1 : 0), uses_stride(2 * stride) {
    const int64_t tables = static_cast<int64_t>(taps.size()) / out;
    first.resize(static_cast<size_t>(tables * (in + 1)));
    uses.resize(static_cast<size_t>(tables * 2 * out));
    for (int64_t n = 0; n < tables; ++n) {
      make_uses(taps.data() + n * out, out, in, first.data() + n * (in + 1), uses.data() + n * 2 * out);
    }
  }
};

void resample_backward(const Tensor& dy, const Tables& t, Tensor& dx) {
  const int64_t height = dx.dim(1), width = dx.dim(2), channels = dx.dim(3), out_width = dy.dim(2);
  const int64_t sample = dy.dim(1) * out_width * channels, rows = dx.dim(0) * height;
  const UseTables down(t.rows, t.rows_stride, dy.dim(1), height), across(t.cols, t.cols_stride, out_width, width);
  dispatch_float(dy.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* grad = dy.data<T>();
    T* out = dx.data<T>();
#pragma omp parallel for
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t n = r / height;
      const int32_t* first = down.first.data() + n * down.first_stride + r % height;
      gather_row(grad + n * sample, down.uses.data() + n * down.uses_stride + first[0], first[1] - first[0],
                 across.first.data() + n * across.first_stride, across.uses.data() + n * across.uses_stride, out_width,
                 width, channels, out + r * width * channels);
    }
  });
}

}  // namespace

void CpuBackend::resize_bilinear(const Tensor& x, const Tensor& addend, Tensor& y) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    resample<T>(x, whole_map(x.shape(), y.shape()), addend.defined() ? addend.data<T>() : nullptr, y);
  });
}

void CpuBackend::resize_bilinear_backward(const Tensor& dy, Tensor& dx) {
  resample_backward(dy, whole_map(dx.shape(), dy.shape()), dx);
}

void CpuBackend::crop_resize_flip(const Tensor& x, const Tensor& windows, Tensor& y) {
  dispatch_float(x.dtype(),
                 [&](auto type) { resample<decltype(type)>(x, of_windows(windows, y.shape()), nullptr, y); });
}

void CpuBackend::crop_resize_flip_backward(const Tensor& dy, const Tensor& windows, Tensor& dx) {
  resample_backward(dy, of_windows(windows, dy.shape()), dx);
}

}  // namespace bareseg
