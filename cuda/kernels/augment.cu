// The second of the augmentation's two passes: the chain of every view (engine/augment_params.h), from its square:
// colours, blur, then Pillow's resize or a bilinear window, normalised, in 3 channels or 4 of which the last is 0.
//
//   tiles   a block makes 32 x 64 outputs. It reads the pixels under them, with the reach of blur and resize (at half
//           size 66 x 130, blurred up to 78 x 142), once from device memory, four per thread and turn, and keeps them
//           as planes of bytes in shared memory between the steps. Blur's three passes of one direction happen in
//           registers. The views of an image follow each other, so that its square is read while the L2 cache has it,
//           and the last images come first: their squares are in the cache still.
//           Bound by arithmetic: about 110 instructions per pixel for all colours, 110 for the blur, 30 for the rest,
//           while memory moves 3 S^2 bytes in and C T^2 sizeof(T) out.
//   steps   the same with device memory between the steps, for radii and scales whose reach no tile holds.
//
// Ladder: bench/ladder/augment.
#include "cuda/kernels/augment.h"

#include <algorithm>

#include "cuda/kernels/augment_stages.cuh"

namespace bareseg {
namespace {

using namespace augmentation;

[[maybe_unused]] constexpr int kTileBlocks = 3;  // on a multiprocessor: 80 registers per thread

template <typename Picture>
__device__ __forceinline__ void blur_picture(const pillow::Box& box, const Picture& picture, const Picture& other,
                                             int32_t height, int32_t width, Range rows, Range cols, int32_t side) {
  __syncthreads();
  if (box.radius == 0)
    blur_rows<0>(picture, height, width, cols, side, box, other);
  else
    blur_rows<1>(picture, height, width, cols, side, box, other);
  __syncthreads();
  if (box.radius == 0)
    blur_columns<0>(other, height, rows, cols, side, box, picture);
  else
    blur_columns<1>(other, height, rows, cols, side, box, picture);
}

template <int N, int kChannels, typename T>
__global__ void __launch_bounds__(kThreads, kTileBlocks)
    tiles_kernel(AugmentBatch b, AugmentTile tile, bool packed, T* __restrict__ y) {
  BS_SHARED(uint8_t, tone, 256);
  BS_SHARED(int32_t, hue, pillow::kHueEntries);
  BS_SHARED(float, normal, 3 * 256);
  BS_SHARED(SourcePlace, columns, kTileCols);
  Outputs o = outputs_of_block(b.out_side, b.out_side, tile.out_rows);
  const int64_t views = b.count / b.images;
  o.picture = o.picture % views * b.images + b.images - 1 - o.picture / views;
  const AugmentView view = b.views[o.picture];
  const AugmentParams& p = view.params;
  const bool window = p.shape == AugmentParams::Shape::window;
  const CropWindow& w = p.window;
  const Range rows = source_range(b, p.shape, w.row, w.height, w.flip_vertical, o.row, o.rows);
  const Range cols = source_range(b, p.shape, w.col, w.width, w.flip_horizontal, o.col, o.cols);
  const int32_t halo = p.blur ? pillow::kBoxPasses * (view.box.radius + 1) : 0;
  const Range all_rows = {max(rows.begin - halo, 0), min(rows.end + halo, b.side)};
  const Range all_cols = {max(cols.begin - halo, 0) / 4 * 4, min(cols.end + halo, b.side)};
  const Planes<SharedArray<uint8_t>, int32_t> picture = {dynamic_shared<uint8_t>(0, 3 * tile.plane), tile.plane,
                                                         tile.pitch, all_rows.begin, all_cols.begin};
  Planes<SharedArray<uint8_t>, int32_t> other = picture;
  other.data = dynamic_shared<uint8_t>(3 * tile.plane);

  fill_tables(b, view, {tone, hue});
  fill_normal(b, normal);
  if (window) fill_columns(b, w, o, picture.col, columns);
  __syncthreads();
  colour_picture(square_of(b, o.picture), b.side, packed, p, {tone, hue}, all_rows, all_cols, picture);
  if (p.blur) {
    blur_picture(view.box, picture, other, all_rows.end - all_rows.begin, all_cols.end - all_cols.begin, rows, cols,
                 b.side);
  }
  __syncthreads();
  if (window) {
    store_window<N, kChannels>(picture, b, w, o, columns, normal, y);
    return;
  }
  other = {other.data, 0, kChannels * kTileCols, rows.begin, kChannels * o.col};
  resize_rows<kChannels>(picture, b.resize, rows, o, w.flip_horizontal, other);
  __syncthreads();
  store_resized<N, kChannels>(other, b, o, w.flip_vertical, normal, y);
}

// The steps through device memory. Pictures are planes of rows of whole words, or interleaved after resize_rows().

constexpr int32_t kStepRows = 32;  // of the kTileCols columns that a block makes

__device__ __forceinline__ Planes<uint8_t*, int64_t> planes_of(uint8_t* scratch, int64_t view, int32_t side) {
  const int64_t pitch = (side + 3) / 4 * 4;
  return {scratch + 3 * view * side * pitch, side * pitch, pitch, 0, 0};
}

__device__ __forceinline__ Planes<uint8_t*, int64_t> interleaved_of(uint8_t* scratch, const AugmentBatch& b,
                                                                    int64_t view) {
  const int64_t pitch = int64_t{b.channels} * b.out_side;
  return {scratch + view * b.side * pitch, 0, pitch, 0, 0};
}

__global__ void __launch_bounds__(kThreads) colour_kernel(AugmentBatch b, bool packed, uint8_t* __restrict__ out) {
  BS_SHARED(uint8_t, tone, 256);
  BS_SHARED(int32_t, hue, pillow::kHueEntries);
  const Outputs o = outputs_of_block(b.side, b.side, kStepRows);
  const AugmentView view = b.views[o.picture];
  fill_tables(b, view, {tone, hue});
  __syncthreads();
  colour_picture(square_of(b, o.picture), b.side, packed, view.params, {tone, hue}, {o.row, o.row + o.rows},
                 {o.col, o.col + o.cols}, planes_of(out, o.picture, b.side));
}

// One of the box passes, along columns or rows.
template <bool kColumns>
__global__ void __launch_bounds__(kThreads)
    box_kernel(AugmentBatch b, uint8_t* __restrict__ scratch, uint8_t* __restrict__ result) {
  const Outputs o = outputs_of_block(b.side, b.side, kStepRows);
  const AugmentView& view = b.views[o.picture];
  if (!view.params.blur) return;
  const pillow::Box box = view.box;
  const auto in = planes_of(scratch, o.picture, b.side), out = planes_of(result, o.picture, b.side);
  for_each_cell(3 * o.rows, o.cols, [&](int32_t item, int32_t col) {
    const int32_t y = o.row + item / 3, x = o.col + col, c = item % 3, place = kColumns ? y : x;
    const auto tap = [&](int32_t t) -> uint32_t {
      const int32_t at = min(max(place + t, 0), b.side - 1);
      return in.data[kColumns ? in.at(c, at, x) : in.at(c, y, at)];
    };
    uint32_t inner = 0;
    for (int32_t t = -box.radius; t <= box.radius; ++t) inner += tap(t);
    out.data[out.at(c, y, x)] = pillow::box_value(box, inner, tap(-box.radius - 1) + tap(box.radius + 1));
  });
}

template <int kChannels>
__global__ void __launch_bounds__(kThreads)
    resize_kernel(AugmentBatch b, uint8_t* __restrict__ scratch, uint8_t* __restrict__ result) {
  const Outputs o = outputs_of_block(b.side, b.out_side, kStepRows);
  const AugmentParams& p = b.views[o.picture].params;
  if (p.shape != AugmentParams::Shape::pillow) return;
  resize_rows<kChannels>(planes_of(scratch, o.picture, b.side), b.resize, {o.row, o.row + o.rows}, o,
                         p.window.flip_horizontal, interleaved_of(result, b, o.picture));
}

// The last step, from the blurred planes or resize_kernel()'s result.
template <int N, int kChannels, typename T>
__global__ void __launch_bounds__(kThreads)
    store_kernel(AugmentBatch b, uint8_t* __restrict__ scratch, uint8_t* __restrict__ resized, T* __restrict__ y) {
  BS_SHARED(float, normal, 3 * 256);
  BS_SHARED(SourcePlace, columns, kTileCols);
  const Outputs o = outputs_of_block(b.out_side, b.out_side, kStepRows);
  const AugmentParams& p = b.views[o.picture].params;
  const CropWindow w = p.window;
  const bool window = p.shape == AugmentParams::Shape::window;
  fill_normal(b, normal);
  if (window) fill_columns(b, w, o, 0, columns);
  __syncthreads();
  if (window)
    store_window<N, kChannels>(planes_of(scratch, o.picture, b.side), b, w, o, columns, normal, y);
  else
    store_resized<N, kChannels>(interleaved_of(resized, b, o.picture), b, o, w.flip_vertical, normal, y);
}

// Network inputs of interleaved pixels, N neighbouring outputs of n per thread.
struct ColourStatistics {
  float mean[3], deviation[3];
};
template <int N, int kChannels, typename T>
__global__ void __launch_bounds__(kThreads)
    normalize_kernel(const uint8_t* __restrict__ values, ColourStatistics colours, int64_t n, T* __restrict__ y) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * N;
  if (i >= n) return;
  Pack<uint8_t, N> pack;
  if constexpr (kChannels == 3) pack = load_pack<N>(values + i);
  float v[N] = {};
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const auto c = static_cast<int>((i + k) % kChannels);
    if (c == 3) continue;
    if constexpr (kChannels == 4) pack[k] = values[(i + k) / 4 * 3 + c];
    v[k] = normal_value(pack[k], colours.mean[c], colours.deviation[c]);
  }
  store_floats<N>(y + i, v);
}

}  // namespace

template <typename T>
void augment_tiles(Stream stream, const AugmentBatch& b, const AugmentTile& tile, T* y) {
  with_pack(b, y, [&](auto pack, auto channels) {
    const size_t shared = static_cast<size_t>(3 * tile.plane + tile.second);
    launch(tiles_kernel<pack(), channels(), T>, grid_of_outputs(b.count, b.out_side, b.out_side, tile.out_rows, shared),
           stream, b, tile, packed_squares(b), y);
  });
}

template <typename T>
void augment_steps(Stream stream, const AugmentBatch& b, bool blur, bool resizes, uint8_t* scratch, uint8_t* other,
                   T* y) {
  const Grid whole = grid_of_outputs(b.count, b.side, b.side, kStepRows);
  launch(colour_kernel, whole, stream, b, packed_squares(b), scratch);
  for (int pass = 0; blur && pass < 2 * pillow::kBoxPasses; ++pass) {
    launch(pass < pillow::kBoxPasses ? box_kernel<false> : box_kernel<true>, whole, stream, b, scratch, other);
    std::swap(scratch, other);  // an even number of times: views without blur stay where they are
  }
  if (resizes) {
    launch(b.channels == 4 ? resize_kernel<4> : resize_kernel<3>,
           grid_of_outputs(b.count, b.side, b.out_side, kStepRows), stream, b, scratch, other);
  }
  with_pack(b, y, [&](auto pack, auto channels) {
    launch(store_kernel<pack(), channels(), T>, grid_of_outputs(b.count, b.out_side, b.out_side, kStepRows), stream, b,
           scratch, other, y);
  });
}

template <typename T>
void normalize_images(Stream stream, const uint8_t* values, int64_t pixels, int64_t channels, T* y) {
  ColourStatistics colours;
  std::copy_n(kImageMean, 3, colours.mean);
  std::copy_n(kImageStd, 3, colours.deviation);
  constexpr int kWide = kPack<T>;
  const int64_t n = pixels * channels;
  const bool packs = n % kWide == 0 && aligned_for_packs(y) && (channels == 4 || aligned_for_packs(values));
  const auto run = [&](auto kernel, int64_t threads) {
    launch(kernel, {ceil_div(threads, kThreads), kThreads}, stream, values, colours, n, y);
  };
  if (channels == 4)
    packs ? run(normalize_kernel<kWide, 4, T>, n / kWide) : run(normalize_kernel<1, 4, T>, n);
  else
    packs ? run(normalize_kernel<kWide, 3, T>, n / kWide) : run(normalize_kernel<1, 3, T>, n);
}

template void normalize_images(Stream, const uint8_t*, int64_t, int64_t, float*);
template void normalize_images(Stream, const uint8_t*, int64_t, int64_t, bfloat16*);
template void augment_tiles(Stream, const AugmentBatch&, const AugmentTile&, float*);
template void augment_tiles(Stream, const AugmentBatch&, const AugmentTile&, bfloat16*);
template void augment_steps(Stream, const AugmentBatch&, bool, bool, uint8_t*, uint8_t*, float*);
template void augment_steps(Stream, const AugmentBatch&, bool, bool, uint8_t*, uint8_t*, bfloat16*);

}  // namespace bareseg
