// Rung 1: what a library of image operations does. One kernel per operation, one thread per pixel, every picture on the
// way in device memory: brightness, a sum for contrast, contrast, saturation, hue, grey, six passes of the blur, resize
// along rows and columns. Each kernel reads and writes all pictures, needed or not; the blur reads each pixel once per
// tap; hue works its divisions out for every pixel.
#include "bench/ladder/augment/augment_ladder.h"
#include "cuda/device/warp.cuh"
#include "engine/augment_math.h"

namespace bareseg::augment_ladder {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t global_thread() { return int64_t{blockIdx.x} * kThreads + threadIdx.x; }

// Each op(batch, image, r, g, b) changes one pixel.
struct Brightness {
  __device__ void operator()(const AugmentBatch& b, int64_t image, int32_t (&rgb)[3]) const {
    const AugmentParams& p = b.plans[image].params;
    for (int32_t& v : rgb) v = p.brightness ? pillow::blend(0, v, p.brightness_factor) : v;
  }
};
struct Contrast {
  __device__ void operator()(const AugmentBatch& b, int64_t image, int32_t (&rgb)[3]) const {
    const AugmentParams& p = b.plans[image].params;
    if (!p.contrast) return;
    const int32_t mean = pillow::mean_luma(b.luma_parts[image], int64_t{b.side} * b.side);
    for (int32_t& v : rgb) v = pillow::blend(mean, v, p.contrast_factor);
  }
};
struct Saturation {
  __device__ void operator()(const AugmentBatch& b, int64_t image, int32_t (&rgb)[3]) const {
    const AugmentParams& p = b.plans[image].params;
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
  __device__ void operator()(const AugmentBatch& b, int64_t image, int32_t (&rgb)[3]) const {
    const AugmentParams& p = b.plans[image].params;
    if (p.hue) pillow::shift_hue(rgb[0], rgb[1], rgb[2], Entries{b.exact_hues, p.hue_shift});
  }
};
struct Grey {
  __device__ void operator()(const AugmentBatch& b, int64_t image, int32_t (&rgb)[3]) const {
    const int32_t grey = pillow::luma(rgb[0], rgb[1], rgb[2]);
    for (int32_t& v : rgb) v = b.plans[image].params.grey ? grey : v;
  }
};

template <typename Op>
__global__ void __launch_bounds__(kThreads) colour_kernel(AugmentBatch b, const uint8_t* in, uint8_t* out, Op op) {
  const int64_t pixel = global_thread(), pixels = int64_t{b.side} * b.side;
  if (pixel >= b.count * pixels) return;
  int32_t rgb[3];
  for (int c = 0; c < 3; ++c) rgb[c] = in[3 * pixel + c];
  op(b, pixel / pixels, rgb);
  for (int c = 0; c < 3; ++c) out[3 * pixel + c] = static_cast<uint8_t>(rgb[c]);
}

// A block per image: sums[image] is that of its luma.
__global__ void __launch_bounds__(kThreads) luma_kernel(AugmentBatch b, const uint8_t* pictures, int64_t* sums) {
  BS_SHARED(int64_t, scratch, kWarp);
  const int64_t image = blockIdx.x, pixels = int64_t{b.side} * b.side;
  int64_t sum = 0;
  for (int64_t i = threadIdx.x; i < pixels; i += kThreads) {
    const uint8_t* rgb = pictures + 3 * (image * pixels + i);
    sum += pillow::luma(rgb[0], rgb[1], rgb[2]);
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) sums[image] = sum;
}

// One pass of the blur, along columns or rows; a thread per value.
__global__ void __launch_bounds__(kThreads) box_kernel(AugmentBatch b, const uint8_t* in, uint8_t* out, bool columns) {
  const int64_t value = global_thread(), row = 3 * int64_t{b.side}, values = row * b.side;
  if (value >= b.count * values) return;
  const AugmentImage& plan = b.plans[value / values];
  if (!plan.params.blur) {
    out[value] = in[value];
    return;
  }
  const auto y = static_cast<int32_t>(value % values / row), x = static_cast<int32_t>(value % row / 3);
  const int32_t radius = plan.box.radius, place = columns ? y : x;
  const auto tap = [&](int32_t t) -> uint32_t {
    const int32_t at = min(max(place + t, 0), b.side - 1);
    return in[value + (at - place) * (columns ? row : 3)];
  };
  uint32_t inner = 0;
  for (int32_t t = -radius; t <= radius; ++t) inner += tap(t);
  out[value] = pillow::box_value(plan.box, inner, tap(-radius - 1) + tap(radius + 1));
}

// Pillow's resize along rows, [N, S, S, 3] -> [N, S, T, 3]; a thread per pixel of the result.
__global__ void __launch_bounds__(kThreads) resize_kernel(AugmentBatch b, const uint8_t* in, uint8_t* out) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.side * b.out_side) return;
  const auto x = static_cast<int32_t>(pixel % b.out_side);
  const int64_t first = pixel / b.out_side * b.side + b.first[x];
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < b.taps; ++t) sum += b.weights[t * b.out_side + x] * in[3 * (first + t) + c];
    out[3 * pixel + c] = pillow::resized_value(sum);
  }
}

struct Place {
  int64_t image;
  int32_t row, col;  // before the flips
};
__device__ __forceinline__ Place place_of(const AugmentBatch& b, int64_t pixel) {
  const int64_t image = pixel / b.out_side / b.out_side;
  const CropWindow& w = b.plans[image].params.window;
  const auto y = static_cast<int32_t>(pixel / b.out_side % b.out_side), x = static_cast<int32_t>(pixel % b.out_side);
  return {image, w.flip_vertical ? b.out_side - 1 - y : y, w.flip_horizontal ? b.out_side - 1 - x : x};
}

__device__ __forceinline__ float normal(const AugmentBatch& b, int32_t v, int c) {
  return normal_value(v, b.mean[c], b.deviation[c]);
}

// Along columns, [N, S, T, 3] -> y.
__global__ void __launch_bounds__(kThreads) finish_kernel(AugmentBatch b, const uint8_t* in, bfloat16* y) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.out_side * b.out_side) return;
  const Place to = place_of(b, pixel);
  const int64_t first = (to.image * b.side + b.first[to.row]) * b.out_side + to.col;
  for (int c = 0; c < 3; ++c) {
    int32_t sum = pillow::kHalfWeight;
    for (int32_t t = 0; t < b.taps; ++t) {
      sum += b.weights[t * b.out_side + to.row] * in[3 * (first + int64_t{t} * b.out_side) + c];
    }
    y[3 * pixel + c] = bfloat16(normal(b, pillow::resized_value(sum), c));
  }
}

__global__ void __launch_bounds__(kThreads) window_kernel(AugmentBatch b, const uint8_t* in, bfloat16* y) {
  const int64_t pixel = global_thread();
  if (pixel >= b.count * b.out_side * b.out_side) return;
  const Place to = place_of(b, pixel);
  const CropWindow& w = b.plans[to.image].params.window;
  const auto out = static_cast<float>(b.out_side);
  const SourcePlace row = source_place(to.row, static_cast<float>(w.height) / out, w.height);
  const SourcePlace col = source_place(to.col, static_cast<float>(w.width) / out, w.width);
  for (int c = 0; c < 3; ++c) {
    const auto value = [&](int32_t down, int32_t right) {
      return normal(b, in[3 * ((to.image * b.side + w.row + down) * b.side + w.col + right) + c], c);
    };
    y[3 * pixel + c] = bfloat16(interpolate(row, col, value(row.low, col.low), value(row.low, col.high),
                                            value(row.high, col.low), value(row.high, col.high)));
  }
}

Grid threads(int64_t count, const char* from = __builtin_FILE(), int line = __builtin_LINE()) {
  return {ceil_div(count, kThreads), kThreads, 0, from, line};
}

void run_view(Stream stream, const View& v) {
  const AugmentBatch& b = v.batch;
  uint8_t *now = v.scratch, *other = v.other;
  const int64_t pixels = b.count * b.side * b.side, outputs = b.count * b.out_side * b.out_side;
  launch(colour_kernel<Brightness>, threads(pixels), stream, b, b.images, now, Brightness());
  launch(luma_kernel, {b.count, kThreads}, stream, b, now, v.parts);
  launch(colour_kernel<Contrast>, threads(pixels), stream, b, now, now, Contrast());
  launch(colour_kernel<Saturation>, threads(pixels), stream, b, now, now, Saturation());
  launch(colour_kernel<Hue>, threads(pixels), stream, b, now, now, Hue());
  launch(colour_kernel<Grey>, threads(pixels), stream, b, now, now, Grey());
  for (int pass = 0; pass < 2 * pillow::kBoxPasses; ++pass) {
    launch(box_kernel, threads(3 * pixels), stream, b, now, other, pass >= pillow::kBoxPasses);
    std::swap(now, other);
  }
  if (b.window) {
    launch(window_kernel, threads(outputs), stream, b, now, v.y);
    return;
  }
  launch(resize_kernel, threads(b.count * b.side * b.out_side), stream, b, now, other);
  launch(finish_kernel, threads(outputs), stream, b, other, v.y);
}

}  // namespace

void v1_naive(Stream stream, const ViewsCase& c) {
  for (const View& view : c.views) run_view(stream, view);
}

}  // namespace bareseg::augment_ladder
