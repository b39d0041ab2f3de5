// Batch norm of [R, C] with its ReLU and residual, in two kernels and a small one between them, both ways:
//   forward   origin, sum (x - origin) and sum (x - origin)^2 of each part of the rows
//             -> mean, variance, scale = weight / sqrt(variance + eps)
//             -> y = max(0, (x - mean) scale + shift + residual)
//   backward  with g = dy where y > 0: sum g and sum g (x - mean) of each part, g kept where the residual wants it
//             -> dweight, dbias, a, b, c
//             -> dx = a g + b (x - mean) + c
//
// Thread map: a thread keeps one pack of channels (16 bytes; single elements where C is no whole number of packs) with
// their parameters in registers and strides down the rows; up to 32 such threads stand side by side, the rest of the
// 256 below each other, so a warp reads whole rows. Blocks = tiles of channels x parts of the rows, four blocks for
// each of an H200's 132 multiprocessors and no more: one wave, and little to add up afterwards.
// Sums: deviations from the first row of the part, in float, by thread, then over the block's threads in order; parts
// are put together in double by the kernel between, in a fixed tree. The deviations keep the variance exact for any
// mean, and an outlier in a first row touches its part alone.
// Memory bound. Elements moved per element of x: forward 2 reads, 1 write, 1 read of the residual; backward 4 reads,
// 1 write, and for the ReLU 2 reads of y, or 1 and the write of g where g is kept.
#include "cuda/kernels/batch_norm.h"

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"
#include "cuda/kernels/row_split.h"

namespace bareseg {
namespace {

constexpr int kThreads = RowSplit::kThreads;
constexpr int kResident = 4;  // blocks that a multiprocessor holds at once: 64 registers per thread
constexpr int64_t kBlocks = kResident * 132;
constexpr int kSumRows = 8, kApplyRows = 4;  // least rows worth a thread's start: of its sums, of its parameters

// What a thread works on: channels [channel, channel + N), none past cols, of rows stride / cols apart; `begin` is the
// part's first row.
struct Place {
  int64_t channel, begin, at, end;  // the thread's elements: at, at + stride, ... below end
  int stride;
};
template <int N>
__device__ __forceinline__ Place place_of(int64_t rows, int64_t cols, int64_t step) {
  const int64_t channel = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * N, begin = int64_t{blockIdx.y} * step;
  return {channel, begin, (begin + threadIdx.y) * cols + channel, min(begin + step, rows) * cols,
          static_cast<int>(blockDim.y * cols)};
}

// Calls body(rows as a constant, offset of the first) for the thread's rows, kBatch at a time, so that their loads are
// under way together, and then one by one.
template <int kBatch, typename Body>
__device__ __forceinline__ void for_row_batches(const Place& p, const Body& body) {
  int64_t at = p.at;
  for (; at + int64_t{kBatch - 1} * p.stride < p.end; at += int64_t{kBatch} * p.stride) {
    body(std::integral_constant<int, kBatch>(), at);
  }
  for (; at < p.end; at += p.stride) body(std::integral_constant<int, 1>(), at);
}

template <int N, int kBatch, typename T>
__device__ __forceinline__ void load_rows(const T* from, int stride, Pack<T, N> (&rows)[kBatch]) {
#pragma unroll
  for (int b = 0; b < kBatch; ++b) rows[b] = load_pack<N>(from + int64_t{b} * stride);
}

template <int N>
__device__ __forceinline__ void load_channels(const float* from, float (&to)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) to[k] = from[k];
}

// Adds up the block's threads that share channels, in order: the sums of channel c go to first_out[c], second_out[c].
// scratch: 2 N kThreads.
template <int N>
__device__ __forceinline__ void sum_columns(const float (&first)[N], const float (&second)[N],
                                            SharedArray<float> scratch, int64_t cols, float* first_out,
                                            float* second_out) {
  constexpr int kAbreast = kThreads / kWarp;
  const int lanes = static_cast<int>(blockDim.x), thread = thread_in_block();
#pragma unroll
  for (int k = 0; k < N; ++k) {
    scratch[k * kThreads + thread] = first[k];
    scratch[(N + k) * kThreads + thread] = second[k];
  }
  __syncthreads();
  for (int item = thread; item < 2 * N * lanes; item += kThreads) {
    const int k = item / lanes, lane = item % lanes;
    float sum = 0.0f;
    for (int other = lane; other < kThreads; other += kAbreast * lanes) {  // at most 32 lanes: no remainder
#pragma unroll
      for (int i = 0; i < kAbreast; ++i) sum += scratch[k * kThreads + other + i * lanes];
    }
    const int64_t channel = (int64_t{blockIdx.x} * lanes + lane) * N + k % N;
    if (channel < cols) (k < N ? first_out : second_out)[channel] = sum;
  }
}

// scratch: float [3][parts][cols], the part's first row, then sum and sum of squares of the deviations from it.
template <typename T, int N>
__global__ void __launch_bounds__(kThreads, kResident)
    moments_kernel(const T* __restrict__ x, int64_t rows, int64_t cols, int64_t step, float* __restrict__ partial) {
  constexpr int kSums = 2 * N * kThreads;
  BS_SHARED(float, scratch, kSums);
  const Place p = place_of<N>(rows, cols, step);
  float origin[N], sum[N] = {}, square[N] = {};
  if (p.channel < cols) {
    load_floats<N>(x + p.begin * cols + p.channel, origin);
    for_row_batches<4>(p, [&](auto batch, int64_t at) {
      Pack<T, N> rows_in[batch()];
      load_rows<N>(x + at, p.stride, rows_in);
#pragma unroll
      for (int b = 0; b < batch(); ++b) {
#pragma unroll
        for (int k = 0; k < N; ++k) {
          const float deviation = to_float(rows_in[b][k]) - origin[k];
          sum[k] += deviation;
          square[k] += deviation * deviation;
        }
      }
    });
    if (threadIdx.y == 0) {
#pragma unroll
      for (int k = 0; k < N; ++k) partial[blockIdx.y * cols + p.channel + k] = origin[k];
    }
  }
  partial += (gridDim.y + blockIdx.y) * cols;
  sum_columns<N>(sum, square, scratch, cols, partial, partial + gridDim.y * cols);
}

// The kernels between: kMergeChannels channels per block, blockDim.y threads, a power of two, for the parts of each.
constexpr int kMergeChannels = 8, kMergeThreads = 1024;

Grid merge_grid(int64_t cols, int64_t parts) {
  unsigned lanes = kWarp / kMergeChannels;
  while (lanes < kMergeThreads / kMergeChannels && lanes < parts) lanes *= 2;
  return {ceil_div(cols, kMergeChannels), dim3(kMergeChannels, lanes)};
}

// Sum over the threads that share threadIdx.x, for each of them.
__device__ __forceinline__ double sum_lanes(double value, SharedArray<double> scratch) {
  const int thread = thread_in_block();
  scratch[thread] = value;
  __syncthreads();
  for (int half = threads_in_block() / 2; half >= kMergeChannels; half /= 2) {
    if (thread < half) scratch[thread] += scratch[thread + half];
    __syncthreads();
  }
  const double total = scratch[static_cast<int>(threadIdx.x)];
  __syncthreads();
  return total;
}

__global__ void __launch_bounds__(kMergeThreads)
    merge_moments_kernel(const float* __restrict__ partial, int64_t rows, int64_t cols, int64_t step, int64_t parts,
                         BatchNormForward channels) {
  BS_SHARED(double, scratch, kMergeThreads);
  const int64_t c = int64_t{blockIdx.x} * kMergeChannels + threadIdx.x, plane = parts * cols;
  const int64_t mine = c < cols ? parts : 0;
  double total = 0.0, square = 0.0;
  for (int64_t p = threadIdx.y; p < mine; p += blockDim.y) {
    const double n = static_cast<double>(min(step, rows - p * step));
    total += n * partial[p * cols + c] + partial[plane + p * cols + c];
  }
  const double count = static_cast<double>(rows), mean = sum_lanes(total, scratch) / count;
  for (int64_t p = threadIdx.y; p < mine; p += blockDim.y) {
    // sum (d + offset)^2 = sum d^2 + 2 offset sum d + n offset^2
    const double n = static_cast<double>(min(step, rows - p * step)), offset = partial[p * cols + c] - mean;
    square += partial[2 * plane + p * cols + c] + offset * (2.0 * partial[plane + p * cols + c] + n * offset);
  }
  square = sum_lanes(square, scratch);
  square = square < 0.0 ? 0.0 : square;
  if (threadIdx.y != 0 || c >= cols) return;
  const double inverse = 1.0 / sqrt(square / count + channels.eps), scale = inverse * channels.weight[c];
  const double momentum = channels.momentum, rest = 1.0 - momentum;
  const float rounded = static_cast<float>(mean);
  channels.mean[c] = rounded;
  channels.inv_std[c] = static_cast<float>(inverse);
  channels.scale[c] = static_cast<float>(scale);
  channels.shift[c] = static_cast<float>(channels.bias[c] - (mean - rounded) * scale);
  channels.running_mean[c] = static_cast<float>(rest * channels.running_mean[c] + momentum * mean);
  channels.running_var[c] = static_cast<float>(rest * channels.running_var[c] + momentum * square / (count - 1.0));
}

template <typename T, int N, bool kResidual>
__global__ void __launch_bounds__(kThreads, kResident)
    apply_kernel(const T* __restrict__ x, const T* __restrict__ residual, int64_t rows, int64_t cols, int64_t step,
                 BatchNormApply channels, T* __restrict__ y) {
  const Place p = place_of<N>(rows, cols, step);
  if (p.channel >= cols) return;
  float mean[N], scale[N], shift[N];
  load_channels<N>(channels.mean + p.channel, mean);
  load_channels<N>(channels.scale + p.channel, scale);
  load_channels<N>(channels.shift + p.channel, shift);
  if (channels.variance != nullptr) {
#pragma unroll
    for (int k = 0; k < N; ++k) scale[k] *= rsqrtf(channels.variance[p.channel + k] + channels.eps);
  }
  const float least = channels.relu ? 0.0f : -INFINITY;
  for_row_batches<kResidual ? 2 : 4>(p, [&](auto batch, int64_t at) {
    Pack<T, N> value[batch()];
    [[maybe_unused]] Pack<T, N> added[batch()];
    load_rows<N>(x + at, p.stride, value);
    if constexpr (kResidual) load_rows<N>(residual + at, p.stride, added);
#pragma unroll
    for (int b = 0; b < batch(); ++b) {
#pragma unroll
      for (int k = 0; k < N; ++k) {
        float result = (to_float(value[b][k]) - mean[k]) * scale[k] + shift[k];
        if constexpr (kResidual) result += to_float(added[b][k]);
        value[b][k] = from_float<T>(result < least ? least : result);  // NaN passes, as torch lets it
      }
      store_pack<N>(y + at + int64_t{b} * p.stride, value[b]);
    }
  });
}

// Gradients before the ReLU, of rows at `at`: kMask cuts dy where y is not positive.
template <int N, bool kMask, int kBatch, typename T>
__device__ __forceinline__ void load_gradients(const T* dy, const T* y, int64_t at, int stride,
                                               Pack<T, N> (&gradient)[kBatch]) {
  load_rows<N>(dy + at, stride, gradient);
  if constexpr (kMask) {
    Pack<T, N> result[kBatch];
    load_rows<N>(y + at, stride, result);
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
#pragma unroll
      for (int k = 0; k < N; ++k) gradient[b][k] = to_float(result[b][k]) > 0.0f ? gradient[b][k] : T{};
    }
  }
}

// partial: float [2][parts][cols], sums of g and of g (x - mean).
template <typename T, int N, bool kMask>
__global__ void __launch_bounds__(kThreads, kResident)
    gradient_sums_kernel(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y,
                         T* __restrict__ dresidual, int64_t rows, int64_t cols, int64_t step,
                         const float* __restrict__ means, float* __restrict__ partial) {
  constexpr int kSums = 2 * N * kThreads;
  BS_SHARED(float, scratch, kSums);
  const Place p = place_of<N>(rows, cols, step);
  float sum[N] = {}, dot[N] = {};
  if (p.channel < cols) {
    float mean[N];
    load_channels<N>(means + p.channel, mean);
    for_row_batches<2>(p, [&](auto batch, int64_t at) {
      Pack<T, N> value[batch()], gradient[batch()];
      load_rows<N>(x + at, p.stride, value);
      load_gradients<N, kMask>(dy, y, at, p.stride, gradient);
#pragma unroll
      for (int b = 0; b < batch(); ++b) {
#pragma unroll
        for (int k = 0; k < N; ++k) {
          sum[k] += to_float(gradient[b][k]);
          dot[k] += to_float(gradient[b][k]) * (to_float(value[b][k]) - mean[k]);
        }
      }
      if (dresidual == nullptr) return;
#pragma unroll
      for (int b = 0; b < batch(); ++b) store_pack<N>(dresidual + at + int64_t{b} * p.stride, gradient[b]);
    });
  }
  partial += blockIdx.y * cols;
  sum_columns<N>(sum, dot, scratch, cols, partial, partial + gridDim.y * cols);
}

__global__ void __launch_bounds__(kMergeThreads)
    merge_gradients_kernel(const float* __restrict__ partial, int64_t rows, int64_t cols, int64_t parts,
                           BatchNormBackward channels) {
  BS_SHARED(double, scratch, kMergeThreads);
  const int64_t c = int64_t{blockIdx.x} * kMergeChannels + threadIdx.x;
  const int64_t mine = c < cols ? parts : 0;
  double sum = 0.0, dot = 0.0;
  for (int64_t p = threadIdx.y; p < mine; p += blockDim.y) {
    sum += partial[p * cols + c];
    dot += partial[(parts + p) * cols + c];
  }
  sum = sum_lanes(sum, scratch);
  dot = sum_lanes(dot, scratch);
  if (threadIdx.y != 0 || c >= cols) return;
  const double inverse = channels.inv_std[c], scale = inverse * channels.weight[c];
  const double share = channels.training ? -scale / static_cast<double>(rows) : 0.0;
  channels.dbias[c] = static_cast<float>(sum);
  channels.dweight[c] = static_cast<float>(dot * inverse);
  channels.coefficients[c] = static_cast<float>(scale);
  channels.coefficients[cols + c] = static_cast<float>(share * dot * inverse * inverse);
  channels.coefficients[2 * cols + c] = static_cast<float>(share * sum);
}

template <typename T, int N, bool kMask>
__global__ void __launch_bounds__(kThreads, kResident)
    input_gradient_kernel(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, int64_t rows,
                          int64_t cols, int64_t step, const float* __restrict__ means,
                          const float* __restrict__ coefficients, T* __restrict__ dx) {
  const Place p = place_of<N>(rows, cols, step);
  if (p.channel >= cols) return;
  float mean[N], from_g[N], from_x[N], constant[N];
  load_channels<N>(means + p.channel, mean);
  load_channels<N>(coefficients + p.channel, from_g);
  load_channels<N>(coefficients + cols + p.channel, from_x);
  load_channels<N>(coefficients + 2 * cols + p.channel, constant);
  for_row_batches<2>(p, [&](auto batch, int64_t at) {
    Pack<T, N> value[batch()], gradient[batch()];
    load_rows<N>(x + at, p.stride, value);
    load_gradients<N, kMask>(dy, y, at, p.stride, gradient);
#pragma unroll
    for (int b = 0; b < batch(); ++b) {
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const float rest = from_x[k] * (to_float(value[b][k]) - mean[k]) + constant[k];
        value[b][k] = from_float<T>(from_g[k] * to_float(gradient[b][k]) + rest);
      }
      store_pack<N>(dx + at + int64_t{b} * p.stride, value[b]);
    }
  });
}

// A block per output. Weights are few: bound by the launch.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    fold_kernel(const float* w, int64_t inner, const BatchNormFold channels, T* folded, float* offset) {
  const int64_t o = blockIdx.x;
  const float scale = channels.weight[o] / sqrtf(channels.variance[o] + channels.eps);
  for (int64_t i = threadIdx.x; i < inner; i += kThreads) store(folded + o * inner + i, w[o * inner + i] * scale);
  if (threadIdx.x == 0) offset[o] = channels.bias[o] - channels.mean[o] * scale;
}

// Calls start(elements per access as a constant, split) for T in rows of `cols`.
template <typename T, typename Start>
void with_split(int64_t rows, int64_t cols, int64_t rows_per_thread, bool aligned, const Start& start) {
  BS_CHECK(cols <= INT32_MAX / kThreads, "batch_norm: ", cols, " channels are more than the kernel's stride holds");
  if (aligned && cols % kPack<T> == 0)
    start(std::integral_constant<int, kPack<T>>(), RowSplit(rows, cols, kPack<T>, rows_per_thread, kBlocks));
  else
    start(std::integral_constant<int, 1>(), RowSplit(rows, cols, 1, rows_per_thread, kBlocks));
}

}  // namespace

template <typename T>
int64_t batch_norm_scratch(int64_t rows, int64_t cols) {
  int64_t parts = 0;
  for (const bool aligned : {false, true}) {
    with_split<T>(rows, cols, kSumRows, aligned, [&](auto, const RowSplit& s) { parts = std::max(parts, s.parts); });
  }
  return 3 * parts * cols;
}

template <typename T>
void batch_norm_statistics(Stream stream, const T* x, int64_t rows, int64_t cols, float* scratch,
                           const BatchNormForward& channels) {
  with_split<T>(rows, cols, kSumRows, aligned_for_packs(x), [&](auto pack, const RowSplit& s) {
    launch(moments_kernel<T, pack()>, s.grid(), stream, x, rows, cols, s.step, scratch);
    launch(merge_moments_kernel, merge_grid(cols, s.parts), stream, scratch, rows, cols, s.step, s.parts, channels);
  });
}

template <typename T>
void batch_norm_apply(Stream stream, const T* x, const T* residual, int64_t rows, int64_t cols,
                      const BatchNormApply& channels, T* y) {
  with_split<T>(rows, cols, kApplyRows, aligned_for_packs(x, residual, y), [&](auto pack, const RowSplit& s) {
    const auto kernel = residual != nullptr ? apply_kernel<T, pack(), true> : apply_kernel<T, pack(), false>;
    launch(kernel, s.grid(), stream, x, residual, rows, cols, s.step, channels, y);
  });
}

template <typename T>
void fold_batch_norm(Stream stream, const float* w, int64_t outputs, int64_t inner, const BatchNormFold& channels,
                     T* folded, float* offset) {
  launch(fold_kernel<T>, {outputs, kThreads}, stream, w, inner, channels, folded, offset);
}

template <typename T>
void batch_norm_gradient_sums(Stream stream, const T* dy, const T* x, const T* y, T* dresidual, int64_t rows,
                              int64_t cols, float* scratch, const BatchNormBackward& channels) {
  with_split<T>(rows, cols, kSumRows, aligned_for_packs(dy, x, y, dresidual), [&](auto pack, const RowSplit& s) {
    const auto kernel = y != nullptr ? gradient_sums_kernel<T, pack(), true> : gradient_sums_kernel<T, pack(), false>;
    launch(kernel, s.grid(), stream, dy, x, y, dresidual, rows, cols, s.step, channels.mean, scratch);
    launch(merge_gradients_kernel, merge_grid(cols, s.parts), stream, scratch, rows, cols, s.parts, channels);
  });
}

template <typename T>
void batch_norm_input_gradient(Stream stream, const T* dy, const T* x, const T* y, int64_t rows, int64_t cols,
                               const float* mean, const float* coefficients, T* dx) {
  with_split<T>(rows, cols, kApplyRows, aligned_for_packs(dy, x, y, dx), [&](auto pack, const RowSplit& s) {
    const auto kernel = y != nullptr ? input_gradient_kernel<T, pack(), true> : input_gradient_kernel<T, pack(), false>;
    launch(kernel, s.grid(), stream, dy, x, y, rows, cols, s.step, mean, coefficients, dx);
  });
}

template int64_t batch_norm_scratch<float>(int64_t, int64_t);
template void batch_norm_statistics(Stream, const float*, int64_t, int64_t, float*, const BatchNormForward&);
template void batch_norm_apply(Stream, const float*, const float*, int64_t, int64_t, const BatchNormApply&, float*);
template void fold_batch_norm(Stream, const float*, int64_t, int64_t, const BatchNormFold&, float*, float*);
template void batch_norm_gradient_sums(Stream, const float*, const float*, const float*, float*, int64_t, int64_t,
                                       float*, const BatchNormBackward&);
template void batch_norm_input_gradient(Stream, const float*, const float*, const float*, int64_t, int64_t,
                                        const float*, const float*, float*);

template int64_t batch_norm_scratch<bfloat16>(int64_t, int64_t);
template void batch_norm_statistics(Stream, const bfloat16*, int64_t, int64_t, float*, const BatchNormForward&);
template void batch_norm_apply(Stream, const bfloat16*, const bfloat16*, int64_t, int64_t, const BatchNormApply&,
                               bfloat16*);
template void fold_batch_norm(Stream, const float*, int64_t, int64_t, const BatchNormFold&, bfloat16*, float*);
template void batch_norm_gradient_sums(Stream, const bfloat16*, const bfloat16*, const bfloat16*, bfloat16*, int64_t,
                                       int64_t, float*, const BatchNormBackward&);
template void batch_norm_input_gradient(Stream, const bfloat16*, const bfloat16*, const bfloat16*, int64_t, int64_t,
                                        const float*, const float*, bfloat16*);

}  // namespace bareseg
