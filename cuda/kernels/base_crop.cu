// Images of any sizes to squares of one: Pillow's antialiased bilinear resize, rows first, with 8 bits between the
// passes.
//
//   y[r, c] = round(sum_t w[t, c] x[r, first[c] + t] / 2^22), then the same along columns
//
// Map: 32 blocks per image deal its rows out among them. In the first pass four rows share a block, and a thread makes
// four pixels, three words; in the second threads run over packs of 16 bytes, for which all colours are alike. Weights
// lie tap by tap, so that a thread reads those of its pixels at once and neighbouring threads read neighbours. Memory
// bound: the needed pixels are read once, the rows between are written and read (2 side bytes per row and colour, each
// read by two or three rows from the cache), the squares are written.
#include "cuda/kernels/base_crop.h"

#include "cuda/device/pack.cuh"
#include "engine/pillow_math.h"

namespace bareseg {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;        // of the first pass in a block
constexpr int64_t kParts = 32;  // blocks per image

template <int N>
__global__ void __launch_bounds__(kThreads)
    base_crop_rows_kernel(const uint8_t* __restrict__ pixels, const CropImage* __restrict__ images,
                          const int32_t* __restrict__ tables, int64_t side, uint8_t* __restrict__ middle) {
  const CropImage image = images[blockIdx.x / kParts];
  const int32_t* const first = tables + image.across.at;
  const int32_t* const weights = first + side;
  for (int64_t row = blockIdx.x % kParts * kRows + threadIdx.y; row < image.rows; row += kParts * kRows) {
    const uint8_t* const in = pixels + image.pixels + 3 * (image.first_row + row) * image.width;
    uint8_t* const out = middle + image.middle + 3 * row * side;
    for (int64_t col = int64_t{threadIdx.x} * N; col < side; col += kThreads / kRows * N) {
      const Pack<int32_t, N> from = load_pack<N>(first + col);
      int32_t sum[3 * N];
#pragma unroll
      for (int k = 0; k < 3 * N; ++k) sum[k] = pillow::kHalfWeight;
      for (int32_t t = 0; t < image.across.taps; ++t) {
        const Pack<int32_t, N> weight = load_pack<N>(weights + t * side + col);
#pragma unroll
        for (int k = 0; k < 3 * N; ++k) sum[k] += weight[k / 3] * in[3 * (int64_t{from[k / 3]} + t) + k % 3];
      }
#pragma unroll
      for (int word = 0; word < 3; ++word) {
        Pack<uint8_t, N> result;
#pragma unroll
        for (int k = 0; k < N; ++k) result[k] = pillow::resized_value(sum[word * N + k]);
        store_pack<N>(out + 3 * col + word * N, result);
      }
    }
  }
}

template <int N>
__global__ void __launch_bounds__(kThreads)
    base_crop_columns_kernel(const uint8_t* __restrict__ middle, const CropImage* __restrict__ images,
                             const int32_t* __restrict__ tables, int64_t side, uint8_t* __restrict__ y) {
  const int64_t number = blockIdx.x / kParts, pitch = 3 * side;
  const CropImage image = images[number];
  const int32_t* const first = tables + image.down.at;
  const int32_t* const weights = first + side;
  for (int64_t row = blockIdx.x % kParts; row < side; row += kParts) {
    const uint8_t* const in = middle + image.middle + (first[row] - image.first_row) * pitch;
    uint8_t* const out = y + (number * side + row) * pitch;
    for (int64_t i = int64_t{threadIdx.x} * N; i < pitch; i += kThreads * N) {
      int32_t sum[N];
#pragma unroll
      for (int k = 0; k < N; ++k) sum[k] = pillow::kHalfWeight;
      for (int32_t t = 0; t < image.down.taps; ++t) {
        const int32_t weight = weights[t * side + row];
        const Pack<uint8_t, N> pack = load_pack<N>(in + t * pitch + i);
#pragma unroll
        for (int k = 0; k < N; ++k) sum[k] += weight * pack[k];
      }
      Pack<uint8_t, N> result;
#pragma unroll
      for (int k = 0; k < N; ++k) result[k] = pillow::resized_value(sum[k]);
      store_pack<N>(out + i, result);
    }
  }
}

}  // namespace

void base_crop_rows(Stream stream, const uint8_t* pixels, const CropImage* images, const int32_t* tables, int64_t count,
                    int64_t side, uint8_t* middle) {
  const bool packs = side % 4 == 0 && aligned_for_packs(tables, middle);
  launch(packs ? base_crop_rows_kernel<4> : base_crop_rows_kernel<1>, {count * kParts, dim3(kThreads / kRows, kRows)},
         stream, pixels, images, tables, side, middle);
}

void base_crop_columns(Stream stream, const uint8_t* middle, const CropImage* images, const int32_t* tables,
                       int64_t count, int64_t side, uint8_t* y) {
  const bool packs = side % 16 == 0 && aligned_for_packs(middle, y);
  launch(packs ? base_crop_columns_kernel<16> : base_crop_columns_kernel<1>, {count * kParts, kThreads}, stream, middle,
         images, tables, side, y);
}

}  // namespace bareseg
