// Max pooling. The backward pass gathers: each input pixel looks at the windows that cover it, so no two threads write
// the same place and nothing is cleared first.
#include <limits>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kTile = 256;  // channels handled at a time, so that their running values stay in the L1 cache

struct Sizes {
  int64_t height, width, channels, out_height, out_width;
};

Sizes sizes_of(const Tensor& in, const Tensor& out) {
  return {in.dim(1), in.dim(2), in.dim(3), out.dim(1), out.dim(2)};
}

// Takes over values greater than the best so far, or NaN, as torch does.
template <typename T>
inline void take_maximum(const T* __restrict x, int32_t place, int64_t channels, float* __restrict best,
                         int32_t* __restrict best_place) {
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    const float value = load(x + c);
    const bool wins = !(value <= best[c]) && best[c] == best[c];
    best[c] = wins ? value : best[c];
    best_place[c] = wins ? place : best_place[c];
  }
}

// One output row. x is the sample, y and place the row.
template <typename T>
BS_CLONES void pool_row(const T* __restrict x, const Sizes& s, const PoolOptions& o, int64_t row, T* __restrict y,
                        uint8_t* __restrict place) {
  float best[kTile];
  int32_t best_place[kTile];
  const int64_t top = row * o.stride - o.padding;
  const int64_t i_begin = std::max<int64_t>(0, -top), i_end = std::min(o.kernel, s.height - top);
  for (int64_t col = 0; col < s.out_width; ++col) {
    const int64_t left = col * o.stride - o.padding;
    const int64_t j_begin = std::max<int64_t>(0, -left), j_end = std::min(o.kernel, s.width - left);
    for (int64_t c = 0; c < s.channels; c += kTile) {
      const int64_t count = std::min(kTile, s.channels - c);
      std::fill(best, best + count, -std::numeric_limits<float>::infinity());
      std::fill(best_place, best_place + count, static_cast<int32_t>(i_begin * o.kernel + j_begin));
      for (int64_t i = i_begin; i < i_end; ++i) {
        for (int64_t j = j_begin; j < j_end; ++j) {
          const T* in = x + ((top + i) * s.width + left + j) * s.channels + c;
          take_maximum(in, static_cast<int32_t>(i * o.kernel + j), count, best, best_place);
        }
      }
      const int64_t at = col * s.channels + c;
#pragma omp simd
      for (int64_t k = 0; k < count; ++k) store(y + at + k, best[k]);
#pragma omp simd
      for (int64_t k = 0; k < count; ++k) place[at + k] = static_cast<uint8_t>(best_place[k]);
    }
  }
}

// Windows [begin, end) of `windows` that cover position i.
Range covering(int64_t i, int64_t windows, const PoolOptions& o) {
  const int64_t reach = i + o.padding - o.kernel;
  return {reach < 0 ? 0 : reach / o.stride + 1, std::min(windows, (i + o.padding) / o.stride + 1)};
}

// One row of dx. dy and place are the sample, dx the row.
template <typename T>
BS_CLONES void unpool_row(const T* __restrict dy, const uint8_t* __restrict place, const Sizes& s, const PoolOptions& o,
                          int64_t row, T* __restrict dx) {
  float sum[kTile];
  const Range rows = covering(row, s.out_height, o);
  for (int64_t col = 0; col < s.width; ++col) {
    const Range cols = covering(col, s.out_width, o);
    for (int64_t c = 0; c < s.channels; c += kTile) {
      const int64_t count = std::min(kTile, s.channels - c);
      std::fill(sum, sum + count, 0.0f);
      for (int64_t i = rows.begin; i < rows.end; ++i) {
        for (int64_t j = cols.begin; j < cols.end; ++j) {
          const int64_t at = (i * s.out_width + j) * s.channels + c;
          const int32_t here =
              static_cast<int32_t>((row + o.padding - i * o.stride) * o.kernel + (col + o.padding - j * o.stride));
#pragma omp simd
          for (int64_t k = 0; k < count; ++k) {
            const float gradient = load(dy + at + k);  // read in any case: no branch
            sum[k] += place[at + k] == here ? gradient : 0.0f;
          }
        }
      }
#pragma omp simd
      for (int64_t k = 0; k < count; ++k) store(dx + col * s.channels + c + k, sum[k]);
    }
  }
}

}  // namespace

void CpuBackend::max_pool(const Tensor& x, const PoolOptions& o, Tensor& y, Tensor& place) {
  const Sizes s = sizes_of(x, y);
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    uint8_t* places = place.data<uint8_t>();
    const int64_t rows = x.dim(0) * s.out_height;
#pragma omp parallel for
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = r * s.out_width * s.channels;
      pool_row(in + r / s.out_height * s.height * s.width * s.channels, s, o, r % s.out_height, out + at, places + at);
    }
  });
}

void CpuBackend::max_pool_backward(const Tensor& dy, const Tensor& place, const PoolOptions& o, Tensor& dx) {
  const Sizes s = sizes_of(dx, dy);
  dispatch_float(dy.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* grad = dy.data<T>();
    T* out = dx.data<T>();
    const uint8_t* places = place.data<uint8_t>();
    const int64_t rows = dx.dim(0) * s.height;
#pragma omp parallel for
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t sample = r / s.height * s.out_height * s.out_width * s.channels;
      unpool_row(grad + sample, places + sample, s, o, r % s.height, out + r * s.width * s.channels);
    }
  });
}

}  // namespace bareseg
