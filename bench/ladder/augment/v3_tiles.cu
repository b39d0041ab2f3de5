// Rung 3: one kernel from the square's bytes to the network's input. A block keeps the pixels under its 32 x 64
// outputs, with the reach of blur and resize, in shared memory between the steps, so device memory sees the squares
// once per view (twice with contrast) and the outputs once. The blur is the plain one: pass after pass over the tile, a
// thread per value, a barrier after each.
#include "bench/ladder/augment/augment_ladder.h"
#include "cuda/kernels/augment_stages.cuh"

namespace bareseg::augment_ladder {
namespace {

using namespace augmentation;
using Picture = Planes<SharedArray<uint8_t>, int32_t>;

// One pass from `in` to `out`, both a tile of height x width pixels. Past the tile is past the image's edge, or makes
// only pixels that nobody reads.
template <bool kColumns>
__device__ void box_pass(const pillow::Box& box, const Picture& in, const Picture& out, int32_t height, int32_t width) {
  for_each_cell(3 * height, width, [&](int32_t item, int32_t x) {
    const int32_t y = item / 3, c = item % 3;
    const auto tap = [&](int32_t t) -> uint32_t {
      const int32_t row = kColumns ? min(max(y + t, 0), height - 1) : y,
                    col = kColumns ? x : min(max(x + t, 0), width - 1);
      return in.data[in.at(c, in.row + row, in.col + col)];
    };
    uint32_t inner = 0;
    for (int32_t t = -box.radius; t <= box.radius; ++t) inner += tap(t);
    out.data[out.at(c, out.row + y, out.col + x)] =
        pillow::box_value(box, inner, tap(-box.radius - 1) + tap(box.radius + 1));
  });
  __syncthreads();
}

template <int N, int kChannels>
__global__ void __launch_bounds__(kThreads)
    tiles_kernel(AugmentBatch b, AugmentTile tile, bool packed, bfloat16* __restrict__ y) {
  BS_SHARED(uint8_t, tone, 256);
  BS_SHARED(int32_t, hue, pillow::kHueEntries);
  BS_SHARED(float, normal, 3 * 256);
  BS_SHARED(SourcePlace, columns, kTileCols);
  const Outputs o = outputs_of_block(b.out_side, b.out_side, tile.out_rows);
  const AugmentView view = b.views[o.picture];
  const AugmentParams& p = view.params;
  const CropWindow& w = p.window;
  const bool window = p.shape == AugmentParams::Shape::window;
  const Range rows = source_range(b, p.shape, w.row, w.height, w.flip_vertical, o.row, o.rows);
  const Range cols = source_range(b, p.shape, w.col, w.width, w.flip_horizontal, o.col, o.cols);
  const int32_t halo = p.blur ? pillow::kBoxPasses * (view.box.radius + 1) : 0;
  const Range all_rows = {max(rows.begin - halo, 0), min(rows.end + halo, b.side)};
  const Range all_cols = {max(cols.begin - halo, 0) / 4 * 4, min(cols.end + halo, b.side)};
  const int32_t height = all_rows.end - all_rows.begin, width = all_cols.end - all_cols.begin;
  const Picture picture = {dynamic_shared<uint8_t>(), tile.plane, tile.pitch, all_rows.begin, all_cols.begin};
  Picture other = picture;
  other.data = dynamic_shared<uint8_t>(3 * tile.plane);

  fill_tables(b, view, {tone, hue});
  fill_normal(b, normal);
  if (window) fill_columns(b, w, o, picture.col, columns);
  __syncthreads();
  colour_picture(square_of(b, o.picture), b.side, packed, p, {tone, hue}, all_rows, all_cols, picture);
  __syncthreads();
  if (p.blur) {
    box_pass<false>(view.box, picture, other, height, width);
    box_pass<false>(view.box, other, picture, height, width);
    box_pass<false>(view.box, picture, other, height, width);
    box_pass<true>(view.box, other, picture, height, width);
    box_pass<true>(view.box, picture, other, height, width);
    box_pass<true>(view.box, other, picture, height, width);
  }
  if (window) {
    store_window<N, kChannels>(picture, b, w, o, columns, normal, y);
    return;
  }
  other = {other.data, 0, kChannels * kTileCols, rows.begin, kChannels * o.col};
  resize_rows<kChannels>(picture, b.resize, rows, o, w.flip_horizontal, other);
  __syncthreads();
  store_resized<N, kChannels>(other, b, o, w.flip_vertical, normal, y);
}

}  // namespace

void plain_tiles(Stream stream, const ViewsCase& c) {
  const AugmentBatch& b = c.batch;
  const std::optional<AugmentTile> tile = c.plan->tile();
  BS_CHECK(tile.has_value(), "the pictures' scale is beyond this rung");
  with_pack(b, c.y, [&](auto pack, auto channels) {
    const size_t shared = static_cast<size_t>(3 * tile->plane + tile->second);
    launch(tiles_kernel<pack(), channels()>, grid_of_outputs(b.count, b.out_side, b.out_side, tile->out_rows, shared),
           stream, b, *tile, packed_squares(b), c.y);
  });
}

void v3_tiles(Stream stream, const ViewsCase& c) {
  naive_squares(stream, c);
  naive_luma(stream, c);
  plain_tiles(stream, c);
}

}  // namespace bareseg::augment_ladder
