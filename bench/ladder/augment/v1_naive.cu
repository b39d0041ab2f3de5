// Rung 1: what a library of image operations does. One kernel per operation, one thread per pixel, every picture on the
// way in device memory: resize along rows and columns to the squares, then brightness, a sum for contrast, contrast,
// saturation, hue, grey, six passes of the blur, resize along rows and columns. Each kernel reads and writes the
// pictures of all views, needed or not; the blur reads each pixel once per tap; hue works its divisions out for every
// pixel.
#include "bench/ladder/augment/augment_ladder.h"
#include "cuda/device/warp.cuh"
#include "engine/augment_math.h"

namespace bareseg::augment_ladder {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t global_thread() { return int64_t{blockIdx.x} * kThreads + threadIdx.x; }

// Each op(parameters, batch, rgb) changes one pixel.
struct Brightness {
  __device__ void operator()(const AugmentBatch&, const AugmentView& view, int32_t (&rgb)[3]) const {
    const AugmentParams& p = view.params;
    for (int32_t& v : rgb) v = p.brightness ? pillow::blend(0, v, p.brightness_factor) : v;
  }
};
struct Contrast {
  __device__ void operator()(const AugmentBatch& b, const AugmentView& view, int32_t (&rgb)[3]) const {
    const AugmentParams& p = view.params;
    if (!p.contrast) return;
    const int32_t mean = pillow::mean_luma(static_cast<int64_t>(view.luma), int64_t{b.side} * b.side);
    for (int32_t& v : rgb) v = pillow::blend(mean, v, p.contrast_factor);
  }
};
struct Saturation {
  __device__ void operator()(const AugmentBatch&, const AugmentView& view, int32_t (&rgb)[3]) const {
    const AugmentParams& p = view.params;
    const int32_t grey = pillow::luma(rgb[0], rgb[1], rgb[2]);
    for (int32_t& v : rgb) v = p.saturation ? pillow::blend(grey, v, p.saturation_factor) : v;
  }
};
struct Hue {
  // The table's entries, worked out anew.
  struct Entries {
    const uint8_t* exact_hues;
    int32_t shift;
    __device__ int32_t operator[](int32_t i) const { return pillow::hue_entry(i, shift, exact_hues); }
  };
  __device__ void operator()(const AugmentBatch& b, const AugmentView& view, int32_t (&rgb)[3]) const {
    const AugmentParams& p = view.params;
    if (p.hue) pillow::shift_hue(rgb[0], rgb[1], rgb[2], Entries{b.exact_hues, p.hue_shift});
  }
};
struct Grey {
  __device__ void operator()(const AugmentBatch&, const AugmentView& view, int32_t (&rgb)[3]) const {
    const int32_t grey = pillow::luma(rgb[0], rgb[1], rgb[2]);
    for (int32_t& v : rgb) v = view.params.grey ? grey : v;
  }
};

// From `in_count` pictures, those of the views or the squares.
template <typename Op>
__global__ void __launch_bounds__(kThreads)
    colour_kernel(AugmentBatch b, const uint8_t* in, int64_t in_count, uint8_t* out, Op op) {
  const int64_t pixel = global_thread(), pixels = int64_t{b.side} * b.side;
  if (pixel >= b.count * pixels) return;
  int32_t rgb[3];
  for (int c = 0; c < 3; ++c) rgb[c] = in[3 * (pixel % (in_count * pixels)) + c];
  op(b, b.views[pixel / pixels], rgb);
  for (int c = 0; c < 3; ++c) out[3 * pixel + c] = static_cast<uint8_t>(rgb[c]);
}

// A block per view: the sum of its square's luma after brightness.
__global__ void __launch_bounds__(kThreads) luma_kernel(AugmentBatch b) {
  BS_SHARED(int64_t, scratch, kWarp);
  const int64_t pixels = int64_t{b.side} * b.side;
  AugmentView& view = b.views[blockIdx.x];
  int64_t sum = 0;
  for (int64_t i = threadIdx.x; i < pixels; i += kThreads) {
    int32_t rgb[3];
    for (int c = 0; c < 3; ++c) rgb[c] = b.squares[3 * (blockIdx.x % b.images * pixels + i) + c];
    Brightness()(b, view, rgb);
    sum += pillow::luma(rgb[0], rgb[1], rgb[2]);
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) view.luma = static_cast<unsigned long long>(sum);
}

// The images' rows, resized to the square's columns: [images, height, S, 3] at `out`. A thread per pixel.
__global__ void __launch_bounds__(kThreads) square_rows_kernel(AugmentBatch b, int64_t height, uint8_t* out) {
  const int64_t pixel = global_thread(), row = pixel / b.side % height, x = pixel % b.side;
  if (pixel >= b.images * height * b.side) return;
  const AugmentSource& source = b.sources[pixel / b.side / height];
  const int32_t* const first = b.crop_tables + source.across.at;
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < source.across.taps; ++t) {
      sum += first[(1 + t) * b.side + x] * b.pixels[source.pixels + 3 * (row * source.width + first[x] + t) + c];
    }
    out[3 * pixel + c] = pillow::resized_value(sum);
  }
}

__global__ void __launch_bounds__(kThreads) square_columns_kernel(AugmentBatch b, int64_t height, const uint8_t* in) {
  const int64_t pixel = global_thread(), x = pixel % b.side, y = pixel / b.side % b.side;
  if (pixel >= b.images * b.side * b.side) return;
  const int64_t image = pixel / b.side / b.side;
  const CropAxis& down = b.sources[image].down;
  const int32_t* const first = b.crop_tables + down.at;
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < down.taps; ++t) {
      sum += first[(1 + t) * b.side + y] * in[3 * ((image * height + first[y] + t) * b.side + x) + c];
    }
    b.squares[3 * pixel + c] = pillow::resized_value(sum);
  }
}

// One pass of the blur, along columns or rows; a thread per value.
__global__ void __launch_bounds__(kThreads) box_kernel(AugmentBatch b, const uint8_t* in, uint8_t* out, bool columns) {
  const int64_t value = global_thread(), row = 3 * int64_t{b.side}, values = row * b.side;
  if (value >= b.count * values) return;
  const AugmentView& view = b.views[value / values];
  if (!view.params.blur) {
    out[value] = in[value];
    return;
  }
  const auto y = static_cast<int32_t>(value % values / row), x = static_cast<int32_t>(value % row / 3);
  const int32_t radius = view.box.radius, place = columns ? y : x;
  const auto tap = [&](int32_t t) -> uint32_t {
    const int32_t at = min(max(place + t, 0), b.side - 1);
    return in[value + (at - place) * (columns ? row : 3)];
  };
  uint32_t inner = 0;
  for (int32_t t = -radius; t <= radius; ++t) inner += tap(t);
  out[value] = pillow::box_value(view.box, inner, tap(-radius - 1) + tap(radius + 1));
}

// Pillow's resize along rows, [N, S, S, 3] -> [N, S, T, 3]; a thread per pixel of the result.
__global__ void __launch_bounds__(kThreads) resize_kernel(AugmentBatch b, const uint8_t* in, uint8_t* out) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.side * b.out_side) return;
  const auto x = static_cast<int32_t>(pixel % b.out_side);
  const int64_t first = pixel / b.out_side * b.side + b.resize.first[x];
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < b.resize.count; ++t) sum += b.resize.weights[t * b.out_side + x] * in[3 * (first + t) + c];
    out[3 * pixel + c] = pillow::resized_value(sum);
  }
}

struct Place {
  int64_t view;
  int32_t row, col;  // before the flips
};
__device__ __forceinline__ Place place_of(const AugmentBatch& b, int64_t pixel) {
  const int64_t view = pixel / b.out_side / b.out_side;
  const CropWindow& w = b.views[view].params.window;
  const auto y = static_cast<int32_t>(pixel / b.out_side % b.out_side), x = static_cast<int32_t>(pixel % b.out_side);
  return {view, w.flip_vertical ? b.out_side - 1 - y : y, w.flip_horizontal ? b.out_side - 1 - x : x};
}

__device__ __forceinline__ float normal(const AugmentBatch& b, int32_t v, int c) {
  return normal_value(v, b.mean[c], b.deviation[c]);
}

// Along columns, [N, S, T, 3] -> y.
__global__ void __launch_bounds__(kThreads) finish_kernel(AugmentBatch b, const uint8_t* in, bfloat16* y) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.out_side * b.out_side) return;
  const Place to = place_of(b, pixel);
  if (b.views[to.view].params.shape != AugmentParams::Shape::pillow) return;
  const int64_t first = (to.view * b.side + b.resize.first[to.row]) * b.out_side + to.col;
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < b.resize.count; ++t) {
      sum += b.resize.weights[t * b.out_side + to.row] * in[3 * (first + int64_t{t} * b.out_side) + c];
    }
    y[3 * pixel + c] = bfloat16(normal(b, pillow::resized_value(sum), c));
  }
}

__global__ void __launch_bounds__(kThreads) window_kernel(AugmentBatch b, const uint8_t* in, bfloat16* y) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.out_side * b.out_side) return;
  const Place to = place_of(b, pixel);
  const AugmentParams& p = b.views[to.view].params;
  if (p.shape != AugmentParams::Shape::window) return;
  const CropWindow& w = p.window;
  const auto out = static_cast<float>(b.out_side);
  const SourcePlace row = source_place(to.row, static_cast<float>(w.height) / out, w.height);
  const SourcePlace col = source_place(to.col, static_cast<float>(w.width) / out, w.width);
  for (int c = 0; c < 3; ++c) {
    const auto value = [&](int32_t down, int32_t right) {
      return normal(b, in[3 * ((to.view * b.side + w.row + down) * b.side + w.col + right) + c], c);
    };
    y[3 * pixel + c] = bfloat16(interpolate(row, col, value(row.low, col.low), value(row.low, col.high),
                                            value(row.high, col.low), value(row.high, col.high)));
  }
}

Grid threads(int64_t count, const char* from = __builtin_FILE(), int line = __builtin_LINE()) {
  return {ceil_div(count, kThreads), kThreads, 0, from, line};
}

}  // namespace

void naive_squares(Stream stream, const ViewsCase& c) {
  const AugmentBatch& b = c.batch;
  launch(square_rows_kernel, threads(b.images * c.height * b.side), stream, b, c.height, c.scratch);
  launch(square_columns_kernel, threads(b.images * b.side * b.side), stream, b, c.height, c.scratch);
}

void naive_luma(Stream stream, const ViewsCase& c) { launch(luma_kernel, {c.batch.count, kThreads}, stream, c.batch); }

void v1_naive(Stream stream, const ViewsCase& c) {
  const AugmentBatch& b = c.batch;
  naive_squares(stream, c);
  uint8_t *now = c.scratch, *other = c.other;
  const int64_t pixels = b.count * b.side * b.side, outputs = b.count * b.out_side * b.out_side;
  launch(colour_kernel<Brightness>, threads(pixels), stream, b, b.squares, b.images, now, Brightness());
  naive_luma(stream, c);
  launch(colour_kernel<Contrast>, threads(pixels), stream, b, now, b.count, now, Contrast());
  launch(colour_kernel<Saturation>, threads(pixels), stream, b, now, b.count, now, Saturation());
  launch(colour_kernel<Hue>, threads(pixels), stream, b, now, b.count, now, Hue());
  launch(colour_kernel<Grey>, threads(pixels), stream, b, now, b.count, now, Grey());
  for (int pass = 0; pass < 2 * pillow::kBoxPasses; ++pass) {
    launch(box_kernel, threads(3 * pixels), stream, b, now, other, pass >= pillow::kBoxPasses);
    std::swap(now, other);
  }
  launch(window_kernel, threads(outputs), stream, b, now, c.y);
  launch(resize_kernel, threads(b.count * b.side * b.out_side), stream, b, now, other);
  launch(finish_kernel, threads(outputs), stream, b, other, c.y);
}

}  // namespace bareseg::augment_ladder
