// The steps of the augmentation, each carried out by a block for its part of a picture. Pictures are Planes in shared
// or in device memory; the barriers between steps are the caller's.
#pragma once

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"
#include "cuda/kernels/augment.h"
#include "engine/augment_math.h"

namespace bareseg::augmentation {

inline constexpr int kThreads = 256;  // as many as a byte has values

/// [begin, end)
struct Range {
  int32_t begin, end;
};

/// The outputs of a block, of one picture among several: a view, or a square.
struct Outputs {
  int64_t picture;
  int32_t row, col, rows, cols;
};
/// Blocks go over the [height, width] outputs of each picture in tiles of max_rows x kTileCols.
__device__ __forceinline__ Outputs outputs_of_block(int32_t height, int32_t width, int32_t max_rows) {
  const uint32_t across = static_cast<uint32_t>(width + kTileCols - 1) / kTileCols;
  const uint32_t tiles = across * (static_cast<uint32_t>(height + max_rows - 1) / static_cast<uint32_t>(max_rows));
  const uint32_t tile = blockIdx.x % tiles;
  const int32_t row = static_cast<int32_t>(tile / across) * max_rows,
                col = static_cast<int32_t>(tile % across) * kTileCols;
  return {blockIdx.x / tiles, row, col, min(max_rows, height - row), min(kTileCols, width - col)};
}
inline Grid grid_of_outputs(int64_t count, int64_t height, int64_t width, int64_t max_rows, size_t shared = 0,
                            const char* from = __builtin_FILE(), int line = __builtin_LINE()) {
  return {count * ceil_div(height, max_rows) * ceil_div(width, kTileCols), dim3(kThreads), shared, from, line};
}

/// True when rows of the squares are whole words.
inline bool packed_squares(const AugmentBatch& b) { return b.side % 4 == 0 && aligned_for_packs(b.squares); }

/// The square that a view is made of.
__device__ __forceinline__ const uint8_t* square_of(const AugmentBatch& b, int64_t view) {
  return b.squares + 3 * (view % b.images) * b.side * b.side;
}

/// Calls start(outputs per access, channels), both constants.
template <typename T, typename Start>
void with_pack(const AugmentBatch& b, const T* y, const Start& start) {
  const auto with_channels = [&](auto channels) {
    if (aligned_for_packs(y) && channels() * int64_t{b.out_side} % kPack<T> == 0)
      start(std::integral_constant<int, kPack<T>>(), channels);
    else
      start(std::integral_constant<int, 1>(), channels);
  };
  if (b.channels == 4)
    with_channels(std::integral_constant<int, 4>());
  else
    with_channels(std::integral_constant<int, 3>());
}

/// Calls f(row, col) for the cells of a table, neighbouring threads on neighbouring cells.
template <typename F>
__device__ __forceinline__ void for_each_cell(int32_t rows, int32_t cols, const F& f) {
  const int32_t step_rows = kThreads / cols, step_cols = kThreads % cols, thread = static_cast<int32_t>(threadIdx.x);
  int32_t row = thread / cols, col = thread % cols;
  while (row < rows) {
    f(row, col);
    row += step_rows;
    col += step_cols;
    if (col >= cols) {
      col -= cols;
      ++row;
    }
  }
}

/// The pixels from (row, col) on of an image, colour by colour. Index is int32_t in shared memory, else int64_t.
template <typename Bytes, typename Index>
struct Planes {
  Bytes data;
  Index plane, pitch;
  int32_t row, col;

  __device__ __forceinline__ Index at(int colour, int32_t y, int32_t x) const {
    return colour * plane + (y - row) * pitch + (x - col);
  }
};

/// Tables of one image: what brightness and contrast make of a value, and pillow::hue_entry.
struct ColourTables {
  SharedArray<uint8_t> tone;  // [256]
  SharedArray<int32_t> hue;   // [pillow::kHueEntries]
};

__device__ __forceinline__ void fill_tables(const AugmentBatch& b, const AugmentView& view,
                                            const ColourTables& tables) {
  const AugmentParams& p = view.params;
  const auto thread = static_cast<int32_t>(threadIdx.x);
  int32_t v = thread;
  if (p.brightness) v = pillow::blend(0, v, p.brightness_factor);
  if (p.contrast)
    v = pillow::blend(pillow::mean_luma(static_cast<int64_t>(view.luma), int64_t{b.side} * b.side), v,
                      p.contrast_factor);
  tables.tone[thread] = static_cast<uint8_t>(v);
  if (!p.hue || thread >= pillow::kHues) return;
  tables.hue[2 * thread] = pillow::hue_entry(2 * thread, p.hue_shift, b.exact_hues);
  tables.hue[2 * thread + 1] = pillow::hue_entry(2 * thread + 1, p.hue_shift, b.exact_hues);
}

/// Red, green and blue of four neighbours of a row.
using Pixels = int32_t[3][4];

/// `packed`: rows of the image begin at multiples of 4 bytes, x is a multiple of 4 and x + 4 <= side. Else pixels past
/// the row's end are 0.
__device__ __forceinline__ void load_pixels(const uint8_t* image, int32_t side, bool packed, int32_t y, int32_t x,
                                            Pixels& pixels) {
  const uint8_t* at = image + 3 * (int64_t{y} * side + x);
  if (packed) {
    Pack<uint8_t, 4> words[3];
#pragma unroll
    for (int i = 0; i < 3; ++i) words[i] = load_pack<4>(at + 4 * i);
#pragma unroll
    for (int i = 0; i < 12; ++i) pixels[i % 3][i / 3] = words[i / 4][i % 4];
  } else {
#pragma unroll
    for (int i = 0; i < 12; ++i) pixels[i % 3][i / 3] = x + i / 3 < side ? at[i] : 0;
  }
}

__device__ __forceinline__ void apply_colour(Pixels& pixels, const AugmentParams& p, const ColourTables& tables) {
  auto& [r, g, b] = pixels;
  if (p.brightness || p.contrast) {
#pragma unroll
    for (int i = 0; i < 12; ++i) pixels[i % 3][i / 3] = tables.tone[pixels[i % 3][i / 3]];
  }
  if (p.saturation) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int32_t grey = pillow::luma(r[k], g[k], b[k]);
#pragma unroll
      for (int c = 0; c < 3; ++c) pixels[c][k] = pillow::blend(grey, pixels[c][k], p.saturation_factor);
    }
  }
  if (p.hue) {
#pragma unroll
    for (int k = 0; k < 4; ++k) pillow::shift_hue(r[k], g[k], b[k], tables.hue);
  }
  if (p.grey) {
#pragma unroll
    for (int k = 0; k < 4; ++k) r[k] = g[k] = b[k] = pillow::luma(r[k], g[k], b[k]);
  }
}

/// The coloured pixels of a part of the image into `out`; cols.begin is a multiple of 4, and whole words are written.
template <typename Out>
__device__ __forceinline__ void colour_picture(const uint8_t* image, int32_t side, bool packed, const AugmentParams& p,
                                               const ColourTables& tables, Range rows, Range cols, const Out& out) {
  for_each_cell(rows.end - rows.begin, (cols.end - cols.begin + 3) / 4, [&](int32_t row, int32_t word) {
    const int32_t y = rows.begin + row, x = cols.begin + 4 * word;
    Pixels pixels;
    load_pixels(image, side, packed, y, x, pixels);
    apply_colour(pixels, p, tables);
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      Pack<uint8_t, 4> pack;
#pragma unroll
      for (int k = 0; k < 4; ++k) pack[k] = static_cast<uint8_t>(pixels[c][k]);
      store_pack(out.data + out.at(c, y, x), pack);
    }
  });
}

/// The three box passes along a line of which line[0] is pixel `begin`: afterwards line[0 .. kRun) holds the pixels
/// from begin + 3 (kRadius + 1) on. Pixels outside [0, size) are those of the nearest edge, before every pass.
template <int kRadius, int kRun>
__device__ __forceinline__ void blur_line(int32_t (&line)[kRun + 6 * (kRadius + 1)], int32_t begin, int32_t size,
                                          const pillow::Box& box) {
  constexpr int kReach = kRadius + 1, kLine = kRun + 6 * kReach;
  const bool edge = begin < 0 || begin + kLine > size;
#pragma unroll
  for (int pass = 0; pass < pillow::kBoxPasses; ++pass) {
    const int count = kLine - 2 * kReach * pass, first = begin + kReach * pass;
    if (edge) {
#pragma unroll
      for (int i = count - 2; i >= 0; --i) line[i] = first + i < 0 ? line[i + 1] : line[i];
#pragma unroll
      for (int i = 1; i < count; ++i) line[i] = first + i >= size ? line[i - 1] : line[i];
    }
#pragma unroll
    for (int i = 0; i < count - 2 * kReach; ++i) {
      int32_t inner = line[i + 1];
#pragma unroll
      for (int t = 2; t < 2 * kReach; ++t) inner += line[i + t];
      line[i] =
          pillow::box_value(box, static_cast<uint32_t>(inner), static_cast<uint32_t>(line[i] + line[i + 2 * kReach]));
    }
  }
}

/// The blur along rows, of columns `cols` of the rows and columns [in.row, in.row + height), [in.col, in.col + width)
/// that `in` holds, which reach 3 (kRadius + 1) further or to the image's edge. Neighbouring threads have neighbouring
/// rows, in different banks.
template <int kRadius, typename Picture>
__device__ __forceinline__ void blur_rows(const Picture& in, int32_t height, int32_t width, Range cols, int32_t side,
                                          const pillow::Box& box, const Picture& out) {
  constexpr int kRun = 16, kHalo = 3 * (kRadius + 1), kLead = (kHalo + 3) / 4;  // whole words before the run
  const int32_t begin = (cols.begin - in.col) / 4 * 4, words = (width + 3) / 4;
  const int32_t runs = (cols.end - in.col - begin + kRun - 1) / kRun;
  for_each_cell(3 * runs, height, [&](int32_t item, int32_t row) {
    const int32_t x = begin + item / 3 * kRun, at = in.at(item % 3, in.row + row, in.col);
    int32_t line[kRun + 2 * kHalo];
#pragma unroll
    for (int w = -kLead; w < kRun / 4 + kLead; ++w) {
      // Words past the tile are past the image's edge, or make only pixels that nobody reads.
      const Pack<uint8_t, 4> pack = load_pack<4>(in.data + (at + 4 * min(max(x / 4 + w, 0), words - 1)));
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int i = 4 * w + k + kHalo;
        if (i >= 0 && i < kRun + 2 * kHalo) line[i] = pack[k];
      }
    }
    blur_line<kRadius, kRun>(line, in.col + x - kHalo, side, box);
#pragma unroll
    for (int w = 0; w < kRun / 4; ++w) {
      Pack<uint8_t, 4> pack;
#pragma unroll
      for (int k = 0; k < 4; ++k) pack[k] = static_cast<uint8_t>(line[4 * w + k]);
      if (x / 4 + w < words) store_pack(out.data + (at + x + 4 * w), pack);
    }
  });
}

/// The blur along columns, of rows `rows` and the words that hold columns `cols`. A thread has four columns, one after
/// the other, and stores them together.
template <int kRadius, typename Picture>
__device__ __forceinline__ void blur_columns(const Picture& in, int32_t height, Range rows, Range cols, int32_t side,
                                             const pillow::Box& box, const Picture& out) {
  constexpr int kRun = 11, kHalo = 3 * (kRadius + 1);  // 66 rows, of a tile that is halved, are 6 runs
  const int32_t begin = (cols.begin - in.col) / 4, words = (cols.end - in.col + 3) / 4 - begin;
  const int32_t runs = (rows.end - rows.begin + kRun - 1) / kRun;
  for_each_cell(3 * runs, words, [&](int32_t item, int32_t word) {
    const int32_t y = rows.begin + item / 3 * kRun, at = in.at(item % 3, y, in.col) + 4 * (begin + word);
    const int32_t above = y - in.row, below = height - above;
    uint32_t result[kRun] = {};
#pragma unroll 1
    for (int k = 0; k < 4; ++k) {
      int32_t line[kRun + 2 * kHalo];
      if (above >= kHalo && below >= kRun + kHalo) {
#pragma unroll
        for (int i = 0; i < kRun + 2 * kHalo; ++i) line[i] = in.data[at + k + (i - kHalo) * in.pitch];
      } else {
#pragma unroll
        for (int i = 0; i < kRun + 2 * kHalo; ++i) {
          line[i] = in.data[at + k + min(max(i - kHalo, -above), below - 1) * in.pitch];
        }
      }
      blur_line<kRadius, kRun>(line, y - kHalo, side, box);
#pragma unroll
      for (int i = 0; i < kRun; ++i) result[i] |= static_cast<uint32_t>(line[i]) << (8 * k);
    }
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      if (y + i < rows.end) store_pack(out.data + (at + i * out.pitch), std::bit_cast<Pack<uint8_t, 4>>(result[i]));
    }
  });
}

/// The input rows or columns that make outputs [begin, begin + count), which `flip` takes from the other end. With
/// Shape::window from the window [window, window + size).
__device__ __forceinline__ Range source_range(const AugmentBatch& b, AugmentParams::Shape shape, int32_t window,
                                              int32_t size, bool flip, int32_t begin, int32_t count) {
  const int32_t first = flip ? b.out_side - begin - count : begin, last = first + count - 1;
  if (shape == AugmentParams::Shape::pillow) return {b.resize.first[first], b.resize.first[last] + b.resize.count};
  const float scale = static_cast<float>(size) / static_cast<float>(b.out_side);
  return {window + source_place(first, scale, size).low, window + source_place(last, scale, size).high + 1};
}

/// Pillow's resize along rows, of input rows `rows` to the outputs' columns, flipped where asked: out holds rows of
/// interleaved pixels, kChannels bytes apart. Four rows at a time share a weight.
template <int kChannels, typename In, typename Out>
__device__ __forceinline__ void resize_rows(const In& in, const DeviceTaps& taps, Range rows, const Outputs& o,
                                            bool flip, const Out& out) {
  constexpr int kRows = 4;
  const int32_t col = static_cast<int32_t>(threadIdx.x) % kTileCols;
  if (col >= o.cols) return;
  const int32_t x = o.col + col, from = flip ? taps.outputs - 1 - x : x, first = taps.first[from];
  const int32_t step = kRows * (kThreads / kTileCols);
  for (int32_t y = rows.begin + kRows * (static_cast<int32_t>(threadIdx.x) / kTileCols); y < rows.end; y += step) {
    int32_t sum[kRows][3];
#pragma unroll
    for (int i = 0; i < 3 * kRows; ++i) sum[i / 3][i % 3] = pillow::kHalfWeight;
    for (int32_t t = 0; t < taps.count; ++t) {
      const int32_t weight = taps.weights[int64_t{t} * taps.outputs + from];
#pragma unroll
      for (int i = 0; i < 3 * kRows; ++i) {
        sum[i / 3][i % 3] += weight * in.data[in.at(i % 3, min(y + i / 3, rows.end - 1), first + t)];
      }
    }
#pragma unroll
    for (int i = 0; i < 3 * kRows; ++i) {
      if (y + i / 3 < rows.end)
        out.data[out.at(0, y + i / 3, kChannels * x + i % 3)] = pillow::resized_value(sum[i / 3][i % 3]);
    }
  }
}

/// Network inputs of 8-bit values, colour by colour.
__device__ __forceinline__ void fill_normal(const AugmentBatch& b, SharedArray<float> normal) {
  const auto v = static_cast<int32_t>(threadIdx.x);
#pragma unroll
  for (int c = 0; c < 3; ++c) normal[256 * c + v] = normal_value(v, b.mean[c], b.deviation[c]);
}

/// Stores value(row, element, v) as N outputs v[] from element on of a row of the block's outputs; a fourth channel's
/// are 0 in v[] already.
template <int N, int kChannels, typename T, typename Value>
__device__ __forceinline__ void store_outputs(const Outputs& o, int32_t out_side, T* y, const Value& value) {
  T* const out = y + kChannels * ((o.picture * out_side + o.row) * out_side + o.col);
  for_each_cell(o.rows, kChannels * o.cols / N, [&](int32_t row, int32_t pack) {
    float v[N] = {};
    value(row, N * pack, v);
    store_floats<N>(out + (kChannels * int64_t{row} * out_side + N * pack), v);
  });
}

/// Pillow's resize along columns of what resize_rows() made, normalised. Sums of a fourth channel, which nobody wrote,
/// are left out.
template <int N, int kChannels, typename T, typename In>
__device__ __forceinline__ void store_resized(const In& in, const AugmentBatch& b, const Outputs& o, bool flip,
                                              SharedArray<float> normal, T* y) {
  store_outputs<N, kChannels>(o, b.out_side, y, [&](int32_t row, int32_t element, float(&v)[N]) {
    const int32_t to = o.row + row, from = flip ? b.out_side - 1 - to : to, first = b.resize.first[from];
    int32_t sum[N];
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] = pillow::kHalfWeight;
    for (int32_t t = 0; t < b.resize.count; ++t) {
      const int32_t weight = b.resize.weights[int64_t{t} * b.out_side + from];
      const Pack<uint8_t, N> pack = load_pack<N>(in.data + in.at(0, first + t, kChannels * o.col + element));
#pragma unroll
      for (int i = 0; i < N; ++i) sum[i] += weight * pack[i];
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const int32_t c = (element + i) % kChannels;
      if (c < 3) v[i] = normal[256 * c + pillow::resized_value(sum[i])];
    }
  });
}

/// Where each of the block's columns comes from in the window, counted from `origin`.
__device__ __forceinline__ void fill_columns(const AugmentBatch& b, const CropWindow& w, const Outputs& o,
                                             int32_t origin, SharedArray<SourcePlace> columns) {
  const float scale = static_cast<float>(w.width) / static_cast<float>(b.out_side);
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < o.cols; i += kThreads) {
    const int32_t x = o.col + i;
    SourcePlace place = source_place(w.flip_horizontal ? b.out_side - 1 - x : x, scale, w.width);
    place.low += w.col - origin;
    place.high += w.col - origin;
    columns[i] = place;
  }
}

/// The window of a picture, normalised, then bilinear. `columns` counts from in.col.
template <int N, int kChannels, typename T, typename In>
__device__ __forceinline__ void store_window(const In& in, const AugmentBatch& b, const CropWindow& w, const Outputs& o,
                                             SharedArray<SourcePlace> columns, SharedArray<float> normal, T* y) {
  const float scale = static_cast<float>(w.height) / static_cast<float>(b.out_side);
  store_outputs<N, kChannels>(o, b.out_side, y, [&](int32_t row, int32_t element, float(&v)[N]) {
    const int32_t to = o.row + row;
    const SourcePlace place = source_place(w.flip_vertical ? b.out_side - 1 - to : to, scale, w.height);
    const auto top = in.at(0, w.row + place.low, in.col), bottom = in.at(0, w.row + place.high, in.col);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const int32_t x = (element + i) / kChannels, c = (element + i) % kChannels;
      if (c == 3) continue;
      const SourcePlace col = columns[x];
      const auto value = [&](auto at) { return normal[256 * c + in.data[c * in.plane + at]]; };
      v[i] = interpolate(place, col, value(top + col.low), value(top + col.high), value(bottom + col.low),
                         value(bottom + col.high));
    }
  });
}

}  // namespace bareseg::augmentation
