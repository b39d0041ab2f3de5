// Bilinear resampling in NHWC, forward of whole maps (+ an addend: the top-down step of a feature pyramid) or of one
// window per sample with flips, and backward of both:
//   source = max(0, size / out (o + 1/2) - 1/2), y[o] = (1 - w) x[floor source] + w x[next], w = the fraction
// along both axes. Sources are rational with denominator 2 out, so integers give floor and fraction exactly.
//
// Thread map: cuda/device/map.cuh, over the output forward and over the input backward: there each pixel gathers from
// the outputs that read it, whose range divisions give, so nothing is cleared and nothing added atomically.
// Memory bound for scales near 2: forward reads x and the addend once and writes y; backward reads dy once and writes
// dx. Of x each pack is needed 4 scale^2 times, of dy 4 times; all but the first come from L1 and L2.
#include "cuda/kernels/resample.h"

#include "cuda/device/map.cuh"

namespace bareseg {
namespace {

constexpr int kAbreast = 4;  // gradients loaded together: as many as an enlargement by 2 reads from one row

struct ResampleSizes {
  int height, width, channels, out_height, out_width;
  float row_unit, col_unit;  // 1 / (2 out)

  explicit ResampleSizes(const ResampleShape& s)
      : height(map_size(s.height)),
        width(map_size(s.width)),
        channels(map_size(s.channels)),
        out_height(map_size(s.out_height)),
        out_width(map_size(s.out_width)),
        row_unit(0.5f / static_cast<float>(s.out_height)),
        col_unit(0.5f / static_cast<float>(s.out_width)) {
    constexpr int64_t kMost = 1 << 29;  // 3 size out fits int32
    BS_CHECK(s.height * s.out_height <= kMost && s.width * s.out_width <= kMost, "resample: ", s.height, "x", s.width,
             " to ", s.out_height, "x", s.out_width, " is more than the kernel's 32-bit positions hold");
  }
};

// One axis of one sample: [begin, begin + size) of the input becomes `out` positions, in reverse order where `flip`.
// Sources are counted in units of 1 / (2 out).
struct Axis {
  int begin, size, out;
  float unit;
  bool flip;

  // Position of output o before the flip, and back.
  __device__ int flipped(int o) const { return flip ? out - 1 - o : o; }
  __device__ int source(int o) const { return max(size * (2 * o + 1) - out, 0); }
};

__device__ __forceinline__ Axis vertical(const ResampleSizes& s, const int32_t* windows, int sample) {
  if (windows == nullptr) return {0, s.height, s.out_height, s.row_unit, false};
  windows += int64_t{sample} * 6;
  return {windows[0], windows[2], s.out_height, s.row_unit, windows[5] != 0};
}
__device__ __forceinline__ Axis horizontal(const ResampleSizes& s, const int32_t* windows, int sample) {
  if (windows == nullptr) return {0, s.width, s.out_width, s.col_unit, false};
  windows += int64_t{sample} * 6;
  return {windows[1], windows[3], s.out_width, s.col_unit, windows[4] != 0};
}

// Where output position o reads: (1 - weight) x[low] + weight x[high].
struct Tap {
  int low, high;
  float weight;
};
__device__ __forceinline__ Tap tap_of(const Axis& axis, int o) {
  const unsigned units = 2u * static_cast<unsigned>(axis.out);
  const unsigned source = static_cast<unsigned>(axis.source(axis.flipped(o)));
  const int low = static_cast<int>(source / units);
  return {axis.begin + low, axis.begin + min(low + 1, axis.size - 1), static_cast<float>(source % units) * axis.unit};
}

template <typename T, int N>
__global__ void __launch_bounds__(kMapThreads, kMapResident)
    resample_kernel(const T* __restrict__ x, ResampleSizes s, const int32_t* __restrict__ windows,
                    const T* __restrict__ addend, T* __restrict__ y) {
  MapPlace p;
  if (!find_place<N>(s.out_height, s.out_width, s.channels, p)) return;
  const Tap row = tap_of(vertical(s, windows, p.sample), p.row), col = tap_of(horizontal(s, windows, p.sample), p.col);
  const int64_t line = int64_t{s.width} * s.channels,
                at = int64_t{blockIdx.x} * s.out_width * s.channels + int64_t{p.col} * s.channels + p.channel;
  x += int64_t{p.sample} * s.height * line + p.channel;
  const int64_t low = int64_t{col.low} * s.channels, high = int64_t{col.high} * s.channels;
  const T *top = x + row.low * line, *bottom = x + row.high * line;
  float top_left[N], top_right[N], bottom_left[N], bottom_right[N], value[N] = {};
  load_floats<N>(top + low, top_left);
  load_floats<N>(top + high, top_right);
  load_floats<N>(bottom + low, bottom_left);
  load_floats<N>(bottom + high, bottom_right);
  if (addend != nullptr) load_floats<N>(addend + at, value);
  const float up = 1.0f - row.weight, left = 1.0f - col.weight;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    value[k] += up * (left * top_left[k] + col.weight * top_right[k]) +
                row.weight * (left * bottom_left[k] + col.weight * bottom_right[k]);
  }
  store_floats<N>(y + at, value);
}

// The outputs [begin, end), counted before the flip, that read input position i of the axis, and how much of it.
struct Readers {
  int begin, end;

  // Those with i - 1 < source < i + 1; the first and last position also serve sources past them.
  __device__ Readers(const Axis& axis, int i) {
    const int twice = 2 * axis.size;
    const int before = axis.out * (2 * i - 1) - axis.size, after = axis.out * (2 * i + 3) - axis.size;
    begin = before < 0 ? 0 : before / twice + 1;
    end = i == axis.size - 1 ? axis.out : after <= 0 ? 0 : (after - 1) / twice + 1;
  }
};
__device__ __forceinline__ float weight_of(const Axis& axis, int i, int o) {
  const int units = 2 * axis.out, source = min(axis.source(o), units * (axis.size - 1));
  return 1.0f - static_cast<float>(abs(source - units * i)) * axis.unit;
}

template <typename T, int N>
__global__ void __launch_bounds__(kMapThreads, kMapResident)
    resample_backward_kernel(const T* __restrict__ dy, ResampleSizes s, const int32_t* __restrict__ windows,
                             T* __restrict__ dx) {
  MapPlace p;
  if (!find_place<N>(s.height, s.width, s.channels, p)) return;
  const Axis down = vertical(s, windows, p.sample), across = horizontal(s, windows, p.sample);
  const int row = p.row - down.begin, col = p.col - across.begin;
  float sum[N] = {};
  if (row >= 0 && row < down.size && col >= 0 && col < across.size) {
    const Readers rows(down, row), cols(across, col);
    dy += int64_t{p.sample} * s.out_height * s.out_width * s.channels + p.channel;
    for (int i = rows.begin; i < rows.end; ++i) {
      const float row_weight = weight_of(down, row, i);
      const T* line = dy + int64_t{down.flipped(i)} * s.out_width * s.channels;
      for (int j = cols.begin; j < cols.end; j += kAbreast) {
        Pack<T, N> gradient[kAbreast];
#pragma unroll
        for (int b = 0; b < kAbreast; ++b) {
          gradient[b] = load_pack<N>(line + int64_t{across.flipped(min(j + b, cols.end - 1))} * s.channels);
        }
#pragma unroll
        for (int b = 0; b < kAbreast; ++b) {
          const float weight = j + b < cols.end ? row_weight * weight_of(across, col, j + b) : 0.0f;
#pragma unroll
          for (int k = 0; k < N; ++k) sum[k] += weight * to_float(gradient[b][k]);
        }
      }
    }
  }
  store_floats<N>(dx + (int64_t{blockIdx.x} * s.width + p.col) * s.channels + p.channel, sum);
}

}  // namespace

template <typename T>
void resample_maps(Stream stream, const T* x, const ResampleShape& shape, const int32_t* windows, const T* addend,
                   T* y) {
  with_pack<T>(shape.channels, aligned_for_packs(x, addend, y), [&](auto pack) {
    launch(resample_kernel<T, pack()>,
           map_grid(shape.samples * shape.out_height, shape.out_width * shape.channels / pack()), stream, x,
           ResampleSizes(shape), windows, addend, y);
  });
}

template <typename T>
void resample_maps_backward(Stream stream, const T* dy, const ResampleShape& shape, const int32_t* windows, T* dx) {
  with_pack<T>(shape.channels, aligned_for_packs(dy, dx), [&](auto pack) {
    launch(resample_backward_kernel<T, pack()>,
           map_grid(shape.samples * shape.height, shape.width * shape.channels / pack()), stream, dy,
           ResampleSizes(shape), windows, dx);
  });
}

template void resample_maps(Stream, const float*, const ResampleShape&, const int32_t*, const float*, float*);
template void resample_maps(Stream, const bfloat16*, const ResampleShape&, const int32_t*, const bfloat16*, bfloat16*);
template void resample_maps_backward(Stream, const float*, const ResampleShape&, const int32_t*, float*);
template void resample_maps_backward(Stream, const bfloat16*, const ResampleShape&, const int32_t*, bfloat16*);

}  // namespace bareseg
