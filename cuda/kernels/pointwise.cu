// Element-wise kernels and whole-tensor sums.
//
// Maps: y[i] = f(i). One thread per pack of 16 bytes of the narrowest tensor, then one per element of the tail. Memory
// bound: each input is read and the output written once.
//
// Sums: s = sum f(i). A fixed number of blocks strides over the packs; a pack is added up in float, packs, threads and
// blocks in double, always in the same order. A second kernel of one block adds up the blocks. Reads each input once.
//
// Column sums of x [R, C]: a thread keeps a pack of columns and strides down a part of the rows (cuda/kernels/
// row_split.h); 32 rows are added up in float, the rest in double. A second kernel adds up the parts. Reads x once.
#include "cuda/kernels/pointwise.h"

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"
#include "cuda/kernels/row_split.h"
#include "engine/philox.h"

namespace bareseg {
namespace {

constexpr int kThreads = RowSplit::kThreads;
constexpr int64_t kMaxSumBlocks = 1024;  // about 8 per multiprocessor of the largest GPU
constexpr int kFloatRows = 32;           // rows added up before their sum moves to double
constexpr int kSumResident = 4;          // blocks of sum_rows that a multiprocessor holds: 64 registers per thread
constexpr int kFinishCols = 8;           // of a block that adds up its parts

__device__ __forceinline__ float load_scalar(DeviceScalar scalar) {
  return scalar.dtype == kBFloat16 ? load(static_cast<const bfloat16*>(scalar.at))
                                   : load(static_cast<const float*>(scalar.at));
}

__device__ __forceinline__ int64_t thread_in_grid() { return int64_t{blockIdx.x} * kThreads + threadIdx.x; }

// ---- what is computed: get(i, v) gives the values of elements i .. i + N - 1 ----

template <typename T>
struct Read {
  const T* x;
  template <int N>
  __device__ __forceinline__ void get(int64_t i, float (&v)[N]) const {
    load_floats(x + i, v);
  }
};

// f(a, b) of two tensors.
template <typename T, typename F>
struct Zip {
  const T *a, *b;
  F f;
  template <int N>
  __device__ __forceinline__ void get(int64_t i, float (&v)[N]) const {
    float w[N];
    load_floats(a + i, v);
    load_floats(b + i, w);
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] = f(v[j], w[j]);
  }
};

struct Add {
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct Mask {
  __device__ __forceinline__ float operator()(float gradient, float y) const { return y > 0.0f ? gradient : 0.0f; }
};
struct SquaredDifference {
  __device__ __forceinline__ float operator()(float a, float b) const { return (a - b) * (a - b); }
};
struct ScaledDifference {
  DeviceScalar by;
  float scale;
  __device__ __forceinline__ float operator()(float a, float b) const { return load_scalar(by) * scale * (a - b); }
};

template <typename T>
struct Relu {
  const T* x;
  template <int N>
  __device__ __forceinline__ void get(int64_t i, float (&v)[N]) const {
    load_floats(x + i, v);
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] = v[j] < 0.0f ? 0.0f : v[j];
  }
};

template <typename T>
struct Multiply {
  const T* x;
  DeviceScalar factor;
  float scale;
  template <int N>
  __device__ __forceinline__ void get(int64_t i, float (&v)[N]) const {
    const float by = load_scalar(factor) * scale;
    load_floats(x + i, v);
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] *= by;
  }
};

struct Spread {
  DeviceScalar value;
  float scale;
  template <int N>
  __device__ __forceinline__ void get(int64_t, float (&v)[N]) const {
    const float by = load_scalar(value) * scale;
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] = by;
  }
};

// Packs begin at multiples of 4 elements, of which one block of philox makes the words.
template <typename T>
struct Dropout {
  const T* x;
  float p, scale;
  const int64_t* draw;
  template <int N>
  __device__ __forceinline__ void get(int64_t i, float (&v)[N]) const {
    static_assert(N == 1 || N % 4 == 0);
    load_floats(x + i, v);
    const auto seed = static_cast<uint64_t>(draw[0]), subsequence = static_cast<uint64_t>(draw[1]);
#pragma unroll
    for (int j = 0; j < N; j += 4) {
      const Philox4 words = philox(seed, subsequence, static_cast<uint64_t>((i + j) / 4));
      const uint32_t word[4] = {words.x, words.y, words.z, words.w};
      if constexpr (N == 1) {
        v[0] = unit_float(word[i % 4]) >= p ? scale * v[0] : 0.0f;
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k) v[j + k] = unit_float(word[k]) >= p ? scale * v[j + k] : 0.0f;
      }
    }
  }
};

// ---- maps ----

template <int N, typename F, typename T>
__global__ void __launch_bounds__(kThreads) map_kernel(F f, T* y, int64_t n) {
  const int64_t thread = thread_in_grid(), packs = n / N;
  if (thread < packs) {
    float v[N];
    f.get(thread * N, v);
    store_floats(y + thread * N, v);
  } else if (const int64_t i = packs * N + (thread - packs); i < n) {
    float v[1];
    f.get(i, v);
    store_floats(y + i, v);
  }
}

template <int N, typename F, typename T>
void launch_map(Stream stream, const F& f, T* y, int64_t n) {
  launch(map_kernel<N, F, T>, {ceil_div(n / N + n % N, kThreads), kThreads}, stream, f, y, n);
}

// aligned: all that f reads may be read in packs.
template <int kWide, typename F, typename T>
void map(Stream stream, const F& f, bool aligned, T* y, int64_t n) {
  if (aligned && aligned_for_packs(y))
    launch_map<kWide>(stream, f, y, n);
  else
    launch_map<1>(stream, f, y, n);
}

template <int N, typename T>
__global__ void __launch_bounds__(kThreads) fill_kernel(T* y, int64_t n, T value) {
  const int64_t thread = thread_in_grid(), packs = n / N;
  if (thread < packs) {
    Pack<T, N> pack;
#pragma unroll
    for (int j = 0; j < N; ++j) pack[j] = value;
    store_pack(y + thread * N, pack);
  } else if (const int64_t i = packs * N + (thread - packs); i < n) {
    y[i] = value;
  }
}

template <int N, typename T>
void launch_fill(Stream stream, T* y, int64_t n, T value) {
  launch(fill_kernel<N, T>, {ceil_div(n / N + n % N, kThreads), kThreads}, stream, y, n, value);
}

// ---- sums ----

template <int N, typename F>
__global__ void __launch_bounds__(kThreads) sum_kernel(F f, int64_t n, double* partials) {
  BS_SHARED(double, scratch, kWarp);
  const int64_t packs = n / N;
  double total = 0.0;
  for (int64_t p = thread_in_grid(); p < packs; p += int64_t{gridDim.x} * kThreads) {
    float v[N];
    f.get(p * N, v);
    float part = v[0];
#pragma unroll
    for (int j = 1; j < N; ++j) part += v[j];
    total += static_cast<double>(part);
  }
  if (const int64_t i = packs * N + thread_in_grid(); i < n) {
    float v[1];
    f.get(i, v);
    total += static_cast<double>(v[0]);
  }
  total = block_sum(total, scratch);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) finish_sum_kernel(const double* partials, int64_t n, double scale, T* y) {
  BS_SHARED(double, scratch, kWarp);
  double total = 0.0;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) total += partials[i];
  total = block_sum(total, scratch);
  if (threadIdx.x == 0) store(y, static_cast<float>(total * scale));
}

template <int kWide, typename F, typename T>
void sum_of(Stream stream, const F& f, bool aligned, int64_t n, double scale, double* partials, T* y) {
  const int64_t blocks = sum_partials(n);
  if (aligned)
    launch(sum_kernel<kWide, F>, {blocks, kThreads}, stream, f, n, partials);
  else
    launch(sum_kernel<1, F>, {blocks, kThreads}, stream, f, n, partials);
  launch(finish_sum_kernel<T>, {1, kThreads}, stream, partials, blocks, scale, y);
}

// ---- column sums ----

template <int N, typename T>
__global__ void __launch_bounds__(kThreads, kSumResident)
    sum_rows_kernel(const T* x, int64_t rows, int64_t cols, int64_t step, double* partials) {
  BS_SHARED(double, sums, kThreads* N);
  const int lanes = static_cast<int>(blockDim.x), lines = static_cast<int>(blockDim.y), thread = thread_in_block();
  const int64_t col = (int64_t{blockIdx.x} * lanes + threadIdx.x) * N;
  const int64_t begin = blockIdx.y * step, end = min(begin + step, rows);
  double total[N] = {};
  if (col < cols) {
    for (int64_t block = begin + threadIdx.y; block < end; block += int64_t{kFloatRows} * lines) {
      float part[N] = {};
      const int64_t block_end = min(block + int64_t{kFloatRows} * lines, end);
#pragma unroll 4
      for (int64_t r = block; r < block_end; r += lines) {
        float v[N];
        load_floats(x + r * cols + col, v);
#pragma unroll
        for (int j = 0; j < N; ++j) part[j] += v[j];
      }
#pragma unroll
      for (int j = 0; j < N; ++j) total[j] += static_cast<double>(part[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < N; ++j) sums[j * kThreads + thread] = total[j];
  __syncthreads();
  for (int item = thread; item < N * lanes; item += kThreads) {
    const int j = item / lanes, lane = item % lanes;
    double sum = 0.0;
    for (int other = lane; other < kThreads; other += lanes) sum += sums[j * kThreads + other];
    const int64_t to = (int64_t{blockIdx.x} * lanes + lane) * N + j;
    if (to < cols) partials[blockIdx.y * cols + to] = sum;
  }
}

__global__ void __launch_bounds__(kThreads)
    finish_sum_rows_kernel(const double* partials, int64_t parts, int64_t cols, float* y) {
  BS_SHARED(double, sums, kThreads);
  const int64_t col = int64_t{blockIdx.x} * kFinishCols + threadIdx.x;
  double total = 0.0;
  if (col < cols) {
#pragma unroll 4
    for (int64_t p = threadIdx.y; p < parts; p += kThreads / kFinishCols) total += partials[p * cols + col];
  }
  sums[thread_in_block()] = total;
  __syncthreads();
  if (col >= cols || threadIdx.y > 0) return;
  for (int other = kFinishCols; other < kThreads; other += kFinishCols) total += sums[other + threadIdx.x];
  y[col] = static_cast<float>(total);
}

// ---- finite? ----

template <int N, typename T>
__global__ void __launch_bounds__(kThreads) find_not_finite_kernel(const T* x, int64_t n, int32_t* found) {
  const int64_t packs = n / N;
  bool bad = false;
  for (int64_t p = thread_in_grid(); p < packs; p += int64_t{gridDim.x} * kThreads) {
    float v[N];
    load_floats(x + p * N, v);
#pragma unroll
    for (int j = 0; j < N; ++j) bad |= !(fabsf(v[j]) <= 3.4028235e38f);
  }
  if (const int64_t i = packs * N + thread_in_grid(); i < n) bad |= !(fabsf(load(x + i)) <= 3.4028235e38f);
  if (bad) atomicOr(found, 1);
}

// Calls start(columns per thread as a constant, split).
template <typename T, typename Start>
void with_sum_split(int64_t rows, int64_t cols, bool aligned, const Start& start) {
  constexpr int64_t kBlocks = kSumResident * 132;  // as many as an H200 holds at once
  if (aligned && cols % kPack<T> == 0)
    start(std::integral_constant<int, kPack<T>>(), RowSplit(rows, cols, kPack<T>, kFloatRows, kBlocks));
  else
    start(std::integral_constant<int, 1>(), RowSplit(rows, cols, 1, kFloatRows, kBlocks));
}

}  // namespace

template <typename T>
void fill(Stream stream, T* y, int64_t n, T value) {
  if (aligned_for_packs(y))
    launch_fill<kPack<T>>(stream, y, n, value);
  else
    launch_fill<1>(stream, y, n, value);
}

template <typename From, typename To>
void cast(Stream stream, const From* x, To* y, int64_t n) {
  map<std::max(kPack<From>, kPack<To>)>(stream, Read<From>{x}, aligned_for_packs(x), y, n);
}

template <typename T>
void add(Stream stream, const T* a, const T* b, T* y, int64_t n) {
  map<kPack<T>>(stream, Zip<T, Add>{a, b, {}}, aligned_for_packs(a, b), y, n);
}

template <typename T>
void relu(Stream stream, const T* x, T* y, int64_t n) {
  map<kPack<T>>(stream, Relu<T>{x}, aligned_for_packs(x), y, n);
}

template <typename T>
void relu_backward(Stream stream, const T* dy, const T* y, T* dx, int64_t n) {
  map<kPack<T>>(stream, Zip<T, Mask>{dy, y, {}}, aligned_for_packs(dy, y), dx, n);
}

template <typename T>
void multiply(Stream stream, const T* x, DeviceScalar factor, float scale, T* y, int64_t n) {
  map<kPack<T>>(stream, Multiply<T>{x, factor, scale}, aligned_for_packs(x), y, n);
}

template <typename T>
void spread(Stream stream, DeviceScalar value, float scale, T* y, int64_t n) {
  map<kPack<T>>(stream, Spread{value, scale}, true, y, n);
}

template <typename T>
void mse_backward(Stream stream, DeviceScalar dy, float scale, const T* x, const T* target, T* dx, int64_t n) {
  map<kPack<T>>(stream, Zip<T, ScaledDifference>{x, target, {dy, scale}}, aligned_for_packs(x, target), dx, n);
}

template <typename T>
void dropout(Stream stream, const T* x, float p, const int64_t* draw, T* y, int64_t n) {
  map<kPack<T>>(stream, Dropout<T>{x, p, 1.0f / (1.0f - p), draw}, aligned_for_packs(x), y, n);
}

int64_t sum_partials(int64_t n) { return std::clamp(n / (kThreads * 32), int64_t{1}, kMaxSumBlocks); }

template <typename T>
void sum(Stream stream, const T* x, int64_t n, double scale, double* partials, T* y) {
  sum_of<kPack<T>>(stream, Read<T>{x}, aligned_for_packs(x), n, scale, partials, y);
}

template <typename T>
void sum_squared_difference(Stream stream, const T* x, const T* target, int64_t n, double scale, double* partials,
                            T* y) {
  sum_of<kPack<T>>(stream, Zip<T, SquaredDifference>{x, target, {}}, aligned_for_packs(x, target), n, scale, partials,
                   y);
}

template <typename T>
int64_t sum_rows_scratch(int64_t rows, int64_t cols) {
  int64_t parts = 0;
  for (const bool aligned : {false, true}) {
    with_sum_split<T>(rows, cols, aligned, [&](auto, const RowSplit& s) { parts = std::max(parts, s.parts); });
  }
  return parts * cols;
}

template <typename T>
void sum_rows(Stream stream, const T* x, int64_t rows, int64_t cols, double* partials, float* y) {
  with_sum_split<T>(rows, cols, aligned_for_packs(x), [&](auto pack, const RowSplit& s) {
    if (s.parts > 0) launch(sum_rows_kernel<pack(), T>, s.grid(), stream, x, rows, cols, s.step, partials);
    launch(finish_sum_rows_kernel, {ceil_div(cols, kFinishCols), dim3(kFinishCols, kThreads / kFinishCols)}, stream,
           partials, s.parts, cols, y);
  });
}

template <typename T>
void find_not_finite(Stream stream, const T* x, int64_t n, int32_t* found) {
  const int64_t blocks = n > 0 ? sum_partials(n) : 0;
  if (aligned_for_packs(x))
    launch(find_not_finite_kernel<kPack<T>, T>, {blocks, kThreads}, stream, x, n, found);
  else
    launch(find_not_finite_kernel<1, T>, {blocks, kThreads}, stream, x, n, found);
}

template void fill(Stream, float*, int64_t, float);
template void fill(Stream, bfloat16*, int64_t, bfloat16);
template void fill(Stream, int32_t*, int64_t, int32_t);
template void fill(Stream, int64_t*, int64_t, int64_t);
template void fill(Stream, uint8_t*, int64_t, uint8_t);

template void cast(Stream, const float*, float*, int64_t);
template void cast(Stream, const float*, bfloat16*, int64_t);
template void cast(Stream, const bfloat16*, float*, int64_t);
template void cast(Stream, const bfloat16*, bfloat16*, int64_t);

template void add(Stream, const float*, const float*, float*, int64_t);
template void add(Stream, const bfloat16*, const bfloat16*, bfloat16*, int64_t);
template void relu(Stream, const float*, float*, int64_t);
template void relu(Stream, const bfloat16*, bfloat16*, int64_t);
template void relu_backward(Stream, const float*, const float*, float*, int64_t);
template void relu_backward(Stream, const bfloat16*, const bfloat16*, bfloat16*, int64_t);
template void multiply(Stream, const float*, DeviceScalar, float, float*, int64_t);
template void multiply(Stream, const bfloat16*, DeviceScalar, float, bfloat16*, int64_t);
template void spread(Stream, DeviceScalar, float, float*, int64_t);
template void spread(Stream, DeviceScalar, float, bfloat16*, int64_t);
template void mse_backward(Stream, DeviceScalar, float, const float*, const float*, float*, int64_t);
template void mse_backward(Stream, DeviceScalar, float, const bfloat16*, const bfloat16*, bfloat16*, int64_t);

template void dropout(Stream, const float*, float, const int64_t*, float*, int64_t);
template void dropout(Stream, const bfloat16*, float, const int64_t*, bfloat16*, int64_t);

template void sum(Stream, const float*, int64_t, double, double*, float*);
template void sum(Stream, const bfloat16*, int64_t, double, double*, bfloat16*);
template void sum_squared_difference(Stream, const float*, const float*, int64_t, double, double*, float*);
template void sum_squared_difference(Stream, const bfloat16*, const bfloat16*, int64_t, double, double*, bfloat16*);

template int64_t sum_rows_scratch<float>(int64_t, int64_t);
template int64_t sum_rows_scratch<bfloat16>(int64_t, int64_t);
template void sum_rows(Stream, const float*, int64_t, int64_t, double*, float*);
template void sum_rows(Stream, const bfloat16*, int64_t, int64_t, double*, float*);

template void find_not_finite(Stream, const float*, int64_t, int32_t*);
template void find_not_finite(Stream, const bfloat16*, int64_t, int32_t*);

}  // namespace bareseg
