// Kernels that normalise rows of [rows, cols] on their own:
//   l2_normalize           y = x / max(|x|, eps)
//   l2_normalize_backward  dx = (dy - <dy, y> y) / max(|x|, eps), without the product where eps was the divisor
//   log_softmax            y = (x - max x) - log sum e^(x - max x)
//   log_softmax_backward   dx = dy - e^y sum dy
//
// A warp per row, or half a warp where 16 lanes reach across it: 128 channels of bfloat16 are 16 packs of 16 bytes, and
// idle lanes would halve the bytes in flight. Lanes stride over the row, in packs or, where rows are no whole number of
// packs, element by element. Sums go over the lanes in a fixed order.
// Memory bound: each tensor named above moves once; the second look at a row, which the sums force, finds it in L1.
#include "cuda/kernels/row_norm.h"

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;

// One thread's share of a row: packs of N at begin, begin + step, ... below end. The lanes of a row past the last have
// none, but stay for the sums.
struct Lane {
  int64_t row, begin, end, step;
};

template <int N, int kLanes>
__device__ __forceinline__ Lane lane_of(int64_t rows, int64_t cols) {
  const int64_t row = int64_t{blockIdx.x} * (kThreads / kLanes) + threadIdx.y;
  return {row, row * cols + threadIdx.x * N, row < rows ? (row + 1) * cols : 0, kLanes * N};
}

template <typename T, int N, int kLanes>
__global__ void __launch_bounds__(kThreads)
    l2_normalize_kernel(const T* __restrict__ x, T* __restrict__ y, float* __restrict__ inv_norm, int64_t rows,
                        int64_t cols, float eps) {
  const Lane lane = lane_of<N, kLanes>(rows, cols);
  float value[N], square = 0.0f;
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(x + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) square += value[k] * value[k];
  }
  const float inverse = 1.0f / fmaxf(sqrtf(warp_sum<kLanes>(square)), eps);
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(x + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) value[k] *= inverse;
    store_floats<N>(y + i, value);
  }
  if (threadIdx.x == 0 && lane.row < rows) inv_norm[lane.row] = inverse;
}

template <typename T, int N, int kLanes>
__global__ void __launch_bounds__(kThreads)
    l2_normalize_backward_kernel(const T* __restrict__ dy, const T* __restrict__ y, const float* __restrict__ inv_norm,
                                 T* __restrict__ dx, int64_t rows, int64_t cols, float inv_eps) {
  const Lane lane = lane_of<N, kLanes>(rows, cols);
  const float inverse = lane.row < rows ? inv_norm[lane.row] : 0.0f;
  float gradient[N], unit[N], dot = 0.0f;
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(dy + i, gradient);
    load_floats<N>(y + i, unit);
#pragma unroll
    for (int k = 0; k < N; ++k) dot += gradient[k] * unit[k];
  }
  dot = warp_sum<kLanes>(dot);
  if (inverse >= inv_eps) dot = 0.0f;
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(dy + i, gradient);
    load_floats<N>(y + i, unit);
#pragma unroll
    for (int k = 0; k < N; ++k) gradient[k] = (gradient[k] - dot * unit[k]) * inverse;
    store_floats<N>(dx + i, gradient);
  }
}

template <typename T, int N, int kLanes>
__global__ void __launch_bounds__(kThreads)
    log_softmax_kernel(const T* __restrict__ x, T* __restrict__ y, int64_t rows, int64_t cols) {
  const Lane lane = lane_of<N, kLanes>(rows, cols);
  float value[N], highest = -INFINITY, sum = 0.0f;
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(x + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) highest = fmaxf(highest, value[k]);
  }
  highest = warp_max<kLanes>(highest);
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(x + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) sum += expf(value[k] - highest);
  }
  const float log_sum = logf(warp_sum<kLanes>(sum));
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(x + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) value[k] = (value[k] - highest) - log_sum;
    store_floats<N>(y + i, value);
  }
}

template <typename T, int N, int kLanes>
__global__ void __launch_bounds__(kThreads)
    log_softmax_backward_kernel(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, int64_t rows,
                                int64_t cols) {
  const Lane lane = lane_of<N, kLanes>(rows, cols);
  float gradient[N], value[N], sum = 0.0f;
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(dy + i, gradient);
#pragma unroll
    for (int k = 0; k < N; ++k) sum += gradient[k];
  }
  sum = warp_sum<kLanes>(sum);
  for (int64_t i = lane.begin; i < lane.end; i += lane.step) {
    load_floats<N>(dy + i, gradient);
    load_floats<N>(y + i, value);
#pragma unroll
    for (int k = 0; k < N; ++k) gradient[k] -= expf(value[k]) * sum;
    store_floats<N>(dx + i, gradient);
  }
}

template <int kValue>
using Constant = std::integral_constant<int, kValue>;

// Calls start(elements per access, lanes per row, grid), the first two as Constant, for rows of T.
template <typename T, typename Start>
void for_rows(int64_t rows, int64_t cols, bool aligned, const Start& start) {
  const auto with = [&](auto pack, auto lanes) {
    start(pack, lanes, Grid(ceil_div(rows, kThreads / lanes()), dim3(lanes(), kThreads / lanes())));
  };
  constexpr int kHalf = kWarp / 2;
  const bool packed = aligned && cols % kPack<T> == 0;
  const bool half = cols <= kHalf * (packed ? kPack<T> : 1);
  if (packed)
    half ? with(Constant<kPack<T>>(), Constant<kHalf>()) : with(Constant<kPack<T>>(), Constant<kWarp>());
  else
    half ? with(Constant<1>(), Constant<kHalf>()) : with(Constant<1>(), Constant<kWarp>());
}

}  // namespace

template <typename T>
void l2_normalize_rows(Stream stream, const T* x, T* y, float* inv_norm, int64_t rows, int64_t cols, float eps) {
  for_rows<T>(rows, cols, aligned_for_packs(x, y), [&](auto pack, auto lanes, const Grid& grid) {
    launch(l2_normalize_kernel<T, pack(), lanes()>, grid, stream, x, y, inv_norm, rows, cols, eps);
  });
}

template <typename T>
void l2_normalize_rows_backward(Stream stream, const T* dy, const T* y, const float* inv_norm, T* dx, int64_t rows,
                                int64_t cols, float eps) {
  for_rows<T>(rows, cols, aligned_for_packs(dy, y, dx), [&](auto pack, auto lanes, const Grid& grid) {
    launch(l2_normalize_backward_kernel<T, pack(), lanes()>, grid, stream, dy, y, inv_norm, dx, rows, cols, 1.0f / eps);
  });
}

template <typename T>
void log_softmax_rows(Stream stream, const T* x, T* y, int64_t rows, int64_t cols) {
  for_rows<T>(rows, cols, aligned_for_packs(x, y), [&](auto pack, auto lanes, const Grid& grid) {
    launch(log_softmax_kernel<T, pack(), lanes()>, grid, stream, x, y, rows, cols);
  });
}

template <typename T>
void log_softmax_rows_backward(Stream stream, const T* dy, const T* y, T* dx, int64_t rows, int64_t cols) {
  for_rows<T>(rows, cols, aligned_for_packs(dy, y, dx), [&](auto pack, auto lanes, const Grid& grid) {
    launch(log_softmax_backward_kernel<T, pack(), lanes()>, grid, stream, dy, y, dx, rows, cols);
  });
}

template void l2_normalize_rows(Stream, const float*, float*, float*, int64_t, int64_t, float);
template void l2_normalize_rows(Stream, const bfloat16*, bfloat16*, float*, int64_t, int64_t, float);
template void l2_normalize_rows_backward(Stream, const float*, const float*, const float*, float*, int64_t, int64_t,
                                         float);
template void l2_normalize_rows_backward(Stream, const bfloat16*, const bfloat16*, const float*, bfloat16*, int64_t,
                                         int64_t, float);
template void log_softmax_rows(Stream, const float*, float*, int64_t, int64_t);
template void log_softmax_rows(Stream, const bfloat16*, bfloat16*, int64_t, int64_t);
template void log_softmax_rows_backward(Stream, const float*, const float*, float*, int64_t, int64_t);
template void log_softmax_rows_backward(Stream, const bfloat16*, const bfloat16*, bfloat16*, int64_t, int64_t);

}  // namespace bareseg
