// The thread map of kernels over maps [N, H, W, C]: a thread per pixel and pack of N channels, blocks by rows of the
// map, so that one 32-bit division finds the pixel and neighbouring threads read neighbouring bytes.
#pragma once

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {

inline constexpr int kMapThreads = 256;  // per block, at most
inline constexpr int kMapResident = 4;   // such blocks on a multiprocessor: 64 registers per thread

/// A size as kernels over maps hold it. Throws Error past int32.
inline int map_size(int64_t size) {
  BS_CHECK(size >= 0 && size <= INT32_MAX, "a kernel over maps takes sizes below 2^31, got ", size);
  return static_cast<int>(size);
}

/// blockIdx.x: one of `rows` = N H rows; blockIdx.y: a piece of its `packs` = W C / (elements per pack) packs.
inline Grid map_grid(int64_t rows, int64_t packs, const char* from = __builtin_FILE(), int line = __builtin_LINE()) {
  const int64_t pieces = ceil_div(packs, kMapThreads);
  const int64_t threads = ceil_div(ceil_div(std::max<int64_t>(packs, 1), std::max<int64_t>(pieces, 1)), kWarp) * kWarp;
  return {dim3(static_cast<unsigned>(map_size(rows)), static_cast<unsigned>(map_size(pieces))),
          dim3(static_cast<unsigned>(threads)), 0, from, line};
}

/// The thread's pack: channels [channel, ...) of pixel (row, col) of a sample.
struct MapPlace {
  int sample, row, col, channel;
};
/// False for threads past the end of the row.
template <int N>
__device__ __forceinline__ bool find_place(int height, int width, int channels, MapPlace& place) {
  const unsigned item = blockIdx.y * blockDim.x + threadIdx.x, packs = static_cast<unsigned>(channels / N);
  if (item >= packs * static_cast<unsigned>(width)) return false;
  const unsigned rows = static_cast<unsigned>(height);
  place = {static_cast<int>(blockIdx.x / rows), static_cast<int>(blockIdx.x % rows), static_cast<int>(item / packs),
           static_cast<int>(item % packs) * N};
  return true;
}

/// Calls start(elements per access as a constant): packs of 16 bytes of T where `channels` and alignment allow, else 1.
template <typename T, typename Start>
void with_pack(int64_t channels, bool aligned, const Start& start) {
  if (aligned && channels % kPack<T> == 0)
    start(std::integral_constant<int, kPack<T>>());
  else
    start(std::integral_constant<int, 1>());
}

}  // namespace bareseg
