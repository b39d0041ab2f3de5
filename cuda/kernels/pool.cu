// Max pooling in NHWC:
//   forward   y = max of the window, place = index of its first maximum
//   backward  dx = sum of dy over the windows that cover this pixel and have their maximum here
//
// Thread map: cuda/device/map.cuh, over the output forward and over the input backward, so that backward gathers:
// nothing is cleared first and no two threads add to one place.
// Memory bound, windows overlap in L1 and L2: x is read once, y and a byte per element written; backward reads those
// and writes dx.
#include "cuda/kernels/pool.h"

#include "cuda/device/map.cuh"

namespace bareseg {
namespace {

constexpr int kAbreast = 3;  // columns of a window loaded together

struct PoolSizes {
  int height, width, channels, out_height, out_width, kernel, stride, padding;

  explicit PoolSizes(const PoolShape& s)
      : height(map_size(s.height)),
        width(map_size(s.width)),
        channels(map_size(s.channels)),
        out_height(map_size(s.out_height)),
        out_width(map_size(s.out_width)),
        kernel(map_size(s.kernel)),
        stride(map_size(s.stride)),
        padding(map_size(s.padding)) {}
};

// Takes over values greater than the best so far, or NaN, as torch does.
template <int N, typename T>
__device__ __forceinline__ void take_maximum(const Pack<T, N>& in, int place, float (&best)[N], int (&best_place)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const float value = to_float(in[k]);
    const bool wins = !(value <= best[k]) && best[k] == best[k];
    best[k] = wins ? value : best[k];
    best_place[k] = wins ? place : best_place[k];
  }
}

template <typename T, int N>
__global__ void __launch_bounds__(kMapThreads, kMapResident)
    max_pool_kernel(const T* __restrict__ x, PoolSizes s, T* __restrict__ y, uint8_t* __restrict__ place) {
  MapPlace p;
  if (!find_place<N>(s.out_height, s.out_width, s.channels, p)) return;
  const int top = p.row * s.stride - s.padding, left = p.col * s.stride - s.padding;
  const int i_begin = max(0, -top), i_end = min(s.kernel, s.height - top);
  const int j_begin = max(0, -left), j_end = min(s.kernel, s.width - left);
  float best[N];
  int best_place[N];
#pragma unroll
  for (int k = 0; k < N; ++k) {
    best[k] = -INFINITY;
    best_place[k] = i_begin * s.kernel + j_begin;
  }
  for (int i = i_begin; i < i_end; ++i) {
    const T* row = x + (int64_t{p.sample} * s.height + top + i) * s.width * s.channels + p.channel;
    for (int j = j_begin; j < j_end; j += kAbreast) {
      Pack<T, N> in[kAbreast];
#pragma unroll
      for (int b = 0; b < kAbreast; ++b) {
        // Past the end the last column again, which wins over nothing: all loads are under way at once.
        in[b] = load_pack<N>(row + int64_t{left + min(j + b, j_end - 1)} * s.channels);
      }
#pragma unroll
      for (int b = 0; b < kAbreast; ++b) take_maximum<N>(in[b], i * s.kernel + j + b, best, best_place);
    }
  }
  const int64_t at = (int64_t{blockIdx.x} * s.out_width + p.col) * s.channels + p.channel;
  store_floats<N>(y + at, best);
  Pack<uint8_t, N> places;
#pragma unroll
  for (int k = 0; k < N; ++k) places[k] = static_cast<uint8_t>(best_place[k]);
  store_pack<N>(place + at, places);
}

template <typename T, int N>
__global__ void __launch_bounds__(kMapThreads, kMapResident)
    max_pool_backward_kernel(const T* __restrict__ dy, const uint8_t* __restrict__ place, PoolSizes s,
                             T* __restrict__ dx) {
  MapPlace p;
  if (!find_place<N>(s.height, s.width, s.channels, p)) return;
  // The last window that starts at or before this pixel, and the pixel's place in it; windows before it lie a stride
  // further up, where the place is a stride further down.
  const int last_i = (p.row + s.padding) / s.stride, last_j = (p.col + s.padding) / s.stride;
  const int first_row = p.row + s.padding - last_i * s.stride, first_col = p.col + s.padding - last_j * s.stride;
  float sum[N] = {};
  for (int i = last_i, row = first_row; i >= 0 && row < s.kernel; --i, row += s.stride) {
    if (i >= s.out_height) continue;
    const int64_t from = (int64_t{p.sample} * s.out_height + i) * s.out_width * s.channels + p.channel;
    for (int j = last_j, col = first_col; j >= 0 && col < s.kernel; --j, col += s.stride) {
      if (j >= s.out_width) continue;
      const int64_t at = from + int64_t{j} * s.channels;
      float gradient[N];
      load_floats<N>(dy + at, gradient);
      const Pack<uint8_t, N> places = load_pack<N>(place + at);
#pragma unroll
      for (int k = 0; k < N; ++k) sum[k] += places[k] == row * s.kernel + col ? gradient[k] : 0.0f;
    }
  }
  store_floats<N>(dx + (int64_t{blockIdx.x} * s.width + p.col) * s.channels + p.channel, sum);
}

}  // namespace

template <typename T>
void max_pool_maps(Stream stream, const T* x, const PoolShape& shape, T* y, uint8_t* place) {
  with_pack<T>(shape.channels, aligned_for_packs(x, y) && aligned_for_packs(place), [&](auto pack) {
    launch(max_pool_kernel<T, pack()>,
           map_grid(shape.samples * shape.out_height, shape.out_width * shape.channels / pack()), stream, x,
           PoolSizes(shape), y, place);
  });
}

template <typename T>
void max_pool_maps_backward(Stream stream, const T* dy, const uint8_t* place, const PoolShape& shape, T* dx) {
  with_pack<T>(shape.channels, aligned_for_packs(dy, dx) && aligned_for_packs(place), [&](auto pack) {
    launch(max_pool_backward_kernel<T, pack()>,
           map_grid(shape.samples * shape.height, shape.width * shape.channels / pack()), stream, dy, place,
           PoolSizes(shape), dx);
  });
}

template void max_pool_maps(Stream, const float*, const PoolShape&, float*, uint8_t*);
template void max_pool_maps(Stream, const bfloat16*, const PoolShape&, bfloat16*, uint8_t*);
template void max_pool_maps_backward(Stream, const float*, const uint8_t*, const PoolShape&, float*);
template void max_pool_maps_backward(Stream, const bfloat16*, const uint8_t*, const PoolShape&, bfloat16*);

}  // namespace bareseg
