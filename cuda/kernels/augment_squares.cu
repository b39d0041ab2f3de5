// The first of the augmentation's two passes: images of any sizes to squares of one, by Pillow's antialiased bilinear
// resize, rows first, with 8 bits between its passes; and for every view with contrast the sum of its square's luma.
//
//   y[r, c] = round(sum_t w[t, c] x[r, first[c] + t] / 2^22), then the same along columns
//
// Map: a block makes 32 x 64 pixels. The rows under them are resized into shared memory, 80 at a time (at COCO's sizes
// they are 27), a column of four rows per thread: neighbouring threads read neighbouring bytes, and a weight serves
// four rows. Then a thread makes four neighbours of two rows of the square, words of 4 bytes, and has all their colours
// at hand for the luma. They leave by way of shared memory, so that a warp writes whole rows. Bound by instructions by
// count, about 80 per pixel at COCO's sizes; memory moves the images (the last rows of a block's and the first of the
// next twice) and 3 S^2 bytes for each square.
#include "cuda/kernels/augment_stages.cuh"

namespace bareseg {
namespace {

using namespace augmentation;

constexpr int32_t kRows = 32;                           // of the kTileCols columns that a block makes
constexpr int32_t kMiddleRows = 80;                     // in shared memory
constexpr int32_t kPitch = 3 * kTileCols + 4;           // of these, an odd number of words
constexpr int32_t kRuns = kTileCols / 4;                // of four pixels, in a row of the block
constexpr int32_t kRunRows = kRows * kRuns / kThreads;  // of a thread, kThreads / kRuns apart

/// An image as decoded: [rows, width, 3].
struct ImageBytes {
  const uint8_t* data;
  int64_t pitch;

  __device__ __forceinline__ int64_t at(int colour, int64_t y, int64_t x) const { return y * pitch + 3 * x + colour; }
};

__device__ __forceinline__ DeviceTaps taps_of(const AugmentBatch& b, const CropAxis& axis) {
  const int32_t* const first = b.crop_tables + axis.at;
  return {axis.taps, b.side, first, first + b.side};
}

__global__ void __launch_bounds__(kThreads, 3) squares_kernel(AugmentBatch b, bool packed) {
  BS_SHARED(uint8_t, middle, kMiddleRows * kPitch);
  BS_SHARED(uint8_t, tone, 256);
  BS_SHARED(int32_t, scratch, kWarp);
  const Outputs o = outputs_of_block(b.side, b.side, kRows);
  const AugmentSource source = b.sources[o.picture];
  const DeviceTaps across = taps_of(b, source.across), down = taps_of(b, source.down);
  const auto thread = static_cast<int32_t>(threadIdx.x), run = thread % kRuns, first_row = thread / kRuns;

  int32_t sum[kRunRows][12];
#pragma unroll
  for (int i = 0; i < 12 * kRunRows; ++i) sum[i / 12][i % 12] = pillow::kHalfWeight;
  const int32_t end = down.first[o.row + o.rows - 1] + down.count;
  for (Range rows = {down.first[o.row], 0}; rows.begin < end; rows.begin = rows.end) {
    rows.end = min(rows.begin + kMiddleRows, end);
    __syncthreads();
    resize_rows<3>(ImageBytes{b.pixels + source.pixels, 3 * source.width}, across, rows, o, false,
                   Planes<SharedArray<uint8_t>, int32_t>{middle, 0, kPitch, rows.begin, 3 * o.col});
    __syncthreads();
    if (4 * run >= o.cols) continue;
#pragma unroll
    for (int i = 0; i < kRunRows; ++i) {
      const int32_t row = first_row + i * (kThreads / kRuns);
      if (row >= o.rows) continue;
      const int32_t first = down.first[o.row + row];
      const int32_t last = min(rows.end - first, down.count);
      for (int32_t t = max(rows.begin - first, 0); t < last; ++t) {
        const int32_t weight = down.weights[int64_t{t} * b.side + o.row + row];
        const SharedArray<uint8_t> at = middle + ((first + t - rows.begin) * kPitch + 12 * run);
#pragma unroll
        for (int k = 0; k < 12; k += 4) {
          const Pack<uint8_t, 4> word = load_pack<4>(at + k);
#pragma unroll
          for (int j = 0; j < 4; ++j) sum[i][k + j] += weight * word[j];
        }
      }
    }
  }

  __syncthreads();
#pragma unroll
  for (int i = 0; i < kRunRows; ++i) {
    const int32_t row = first_row + i * (kThreads / kRuns);
#pragma unroll
    for (int k = 0; k < 12; k += 4) {
      Pack<uint8_t, 4> word;
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[i][k + j] = word[j] = pillow::resized_value(sum[i][k + j]);
      store_pack(middle + (row * kPitch + 12 * run + k), word);
    }
  }
  __syncthreads();
  uint8_t* const square = b.squares + 3 * ((o.picture * b.side + o.row) * b.side + o.col);
  const int64_t pitch = 3 * int64_t{b.side};
  if (packed) {
    for_each_cell(o.rows, 3 * o.cols / 4, [&](int32_t row, int32_t word) {
      store_pack(square + (row * pitch + 4 * word), load_pack<4>(middle + (row * kPitch + 4 * word)));
    });
  } else {
    for_each_cell(o.rows, 3 * o.cols,
                  [&](int32_t row, int32_t i) { square[row * pitch + i] = middle[row * kPitch + i]; });
  }

  for (int64_t view = o.picture; view < b.count; view += b.images) {
    const AugmentParams& p = b.views[view].params;
    if (!p.contrast) continue;
    __syncthreads();
    tone[thread] = static_cast<uint8_t>(p.brightness ? pillow::blend(0, thread, p.brightness_factor) : thread);
    __syncthreads();
    int32_t luma = 0;
#pragma unroll
    for (int i = 0; i < 4 * kRunRows; ++i) {
      const bool inside = first_row + i / 4 * (kThreads / kRuns) < o.rows && 4 * run + i % 4 < o.cols;
      const auto value = [&](int c) { return int32_t{tone[sum[i / 4][3 * (i % 4) + c]]}; };
      if (inside) luma += pillow::luma(value(0), value(1), value(2));
    }
    luma = block_sum(luma, scratch);
    if (thread == 0) atomicAdd(&b.views[view].luma, static_cast<unsigned long long>(luma));
  }
}

}  // namespace

void augment_squares(Stream stream, const AugmentBatch& b) {
  launch(squares_kernel, grid_of_outputs(b.images, b.side, b.side, kRows), stream, b, packed_squares(b));
}

}  // namespace bareseg
