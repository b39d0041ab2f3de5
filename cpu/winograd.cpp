// Each pass is a transform of 6x6 tiles of pixels, one matrix product for each of their 36 points, and a transform
// back.
//
// Forward and data gradient: a thread takes a block of tiles through all three steps, so that what lies between them
// stays in its cache; the weights' transform is read once per block. Weight gradient: the sums run over tiles, so the
// threads share the 36 products instead. Transformed values of point i are in slab i, one matrix each.
#include "cpu/winograd.h"

#include <omp.h>

#include <type_traits>
#include <vector>

#include "cpu/vectorize.h"
#include "cpu/winograd_kernels.h"

namespace bareseg {
namespace {

constexpr int64_t kTaps = 9;
constexpr int64_t kBlockFloats = 160 << 10;   // transformed inputs and products of a block
constexpr int64_t kBlockTiles = 36;           // but no fewer tiles, for each block reads all weights
constexpr int64_t kChunkFloats = 1024 << 10;  // transformed inputs and gradients between two rounds of products
constexpr int64_t kChunkTiles = 96;           // but no fewer tiles, for each chunk reads and writes all sums

// Slabs as far apart as powers of two would share a few sets of the cache: one line more spreads them.
int64_t slab_of(int64_t floats) { return floats + 16; }

// The tiles of 4x4 outputs that cover N maps of [height, width].
struct Tiles {
  int64_t rows, columns, count;
  explicit Tiles(const Shape& y)
      : rows(ceil_div(y.dim(1), kWinogradOutput)),
        columns(ceil_div(y.dim(2), kWinogradOutput)),
        count(y.dim(0) * rows * columns) {}
};

// Pointers to the kSide x kSide pixels of map [N, H, W, C] that belong to tile t and begin `before` pixels above and
// left of its outputs. Pixels outside the map, and all of a tile past the last, are `outside`.
template <int64_t kSide, typename T>
void locate(std::type_identity_t<T>* map, const Shape& shape, const Tiles& tiles, int64_t t, int64_t before, T* outside,
            T** pixels) {
  const int64_t height = shape.dim(1), width = shape.dim(2), channels = shape.dim(3);
  const int64_t image = t / (tiles.rows * tiles.columns);
  const int64_t top = t / tiles.columns % tiles.rows * kWinogradOutput - before;
  const int64_t left = t % tiles.columns * kWinogradOutput - before;
  for (int64_t y = top; y < top + kSide; ++y)
    for (int64_t x = left; x < left + kSide; ++x) {
      const bool inside = t < tiles.count && y >= 0 && y < height && x >= 0 && x < width;
      *pixels++ = inside ? map + ((image * height + y) * width + x) * channels : outside;
    }
}

// Weights for `product`: [36][columns / panel][depth][panel] floats.
struct PackedWeights {
  int64_t slab;
  Tensor values;
  PackedWeights(int64_t depth, int64_t columns)
      : slab(slab_of(depth * columns)), values(Tensor::empty({kWinogradPoints * slab})) {}
};

// Of the forward pass: y's channels are the columns. A panel takes the same tap of many outputs, which lie apart.
PackedWeights pack_forward(const Tensor& w) {
  const WinogradKernels& kernels = winograd_kernels();
  const int64_t outputs = w.dim(0), inputs = w.dim(3), panel = kernels.panel;
  constexpr int64_t kLine = 16;  // inputs turned together: a line of the cache
  PackedWeights packed(inputs, outputs);
  const float* from = w.data<float>();
  float* to = packed.values.data<float>();
#pragma omp parallel for collapse(2)
  for (int64_t o = 0; o < outputs; o += panel)
    for (int64_t first = 0; first < inputs; first += kLine) {
      float turned[kLine][kTaps][32];
      for (int64_t tap = 0; tap < kTaps; ++tap)
        for (int64_t lane = 0; lane < panel; ++lane)
          for (int64_t i = 0; i < kLine; ++i)
            turned[i][tap][lane] = from[((o + lane) * kTaps + tap) * inputs + first + i];
      for (int64_t i = 0; i < kLine; ++i) {
        const float* taps[kTaps];
        for (int64_t tap = 0; tap < kTaps; ++tap) taps[tap] = turned[i][tap];
        kernels.weight(taps, to + o * inputs + (first + i) * panel, packed.slab);
      }
    }
  return packed;
}

// Of the data gradient, a convolution of dy with the kernel turned by half a turn: x's channels are the columns.
PackedWeights pack_backward(const Tensor& w) {
  const WinogradKernels& kernels = winograd_kernels();
  const int64_t outputs = w.dim(0), inputs = w.dim(3), panel = kernels.panel;
  PackedWeights packed(outputs, inputs);
  const float* from = w.data<float>();
  float* to = packed.values.data<float>();
#pragma omp parallel for collapse(2)
  for (int64_t i = 0; i < inputs; i += panel)
    for (int64_t o = 0; o < outputs; ++o) {
      const float* taps[kTaps];
      for (int64_t tap = 0; tap < kTaps; ++tap) taps[tap] = from + (o * kTaps + kTaps - 1 - tap) * inputs + i;
      kernels.weight(taps, to + i * outputs + o * panel, packed.slab);
    }
  return packed;
}

// One block's way from x to y.
struct Convolution {
  const Tensor &x, &y;
  const PackedWeights& weights;
  const ConvEpilogue& epilogue;
  int64_t padding;
  const float* zeros;
  Tiles tiles{y.shape()};
  int64_t inputs = x.dim(3), outputs = y.dim(3);

  // Floats of scratch memory for blocks of up to `count` tiles.
  int64_t scratch(int64_t count) const {
    return kWinogradPoints * (slab_of(count * inputs) + slab_of(count * outputs)) + outputs;
  }

  void run(int64_t first, int64_t count, float* memory) const {
    const WinogradKernels& kernels = winograd_kernels();
    const int64_t in_slab = slab_of(count * inputs), out_slab = slab_of(count * outputs), panel = kernels.panel;
    float *in = memory, *out = in + kWinogradPoints * in_slab, *outside = out + kWinogradPoints * out_slab;
    for (int64_t t = 0; t < count; ++t) {
      const float* pixels[kWinogradPoints];
      locate<kWinogradInput>(x.data<float>(), x.shape(), tiles, first + t, padding, zeros, pixels);
      kernels.input(pixels, inputs, in + t * inputs, in_slab, panel);
    }
    for (int64_t i = 0; i < kWinogradPoints; ++i)
      for (int64_t o = 0; o < outputs; o += panel)
        for (int64_t t = 0; t < count; t += kernels.rows)
          kernels.product(in + i * in_slab + t * inputs, inputs, 1,
                          weights.values.data<float>() + i * weights.slab + o * inputs, inputs, false,
                          out + i * out_slab + t * outputs + o, outputs);
    const Tensor &bias = epilogue.bias, &residual = epilogue.residual;
    for (int64_t t = 0; t < count; ++t) {
      float* pixels[kWinogradOutput * kWinogradOutput];
      const float* addends[kWinogradOutput * kWinogradOutput];
      locate<kWinogradOutput>(y.data<float>(), y.shape(), tiles, first + t, 0, outside, pixels);
      if (residual.defined())
        locate<kWinogradOutput>(residual.data<float>(), y.shape(), tiles, first + t, 0, zeros, addends);
      kernels.output(out + t * outputs, out_slab, outputs, bias.defined() ? bias.data<float>() : nullptr,
                     residual.defined() ? addends : nullptr, epilogue.relu, pixels);
    }
  }
};

void convolve(const Tensor& x, const PackedWeights& weights, const ConvEpilogue& e, int64_t padding, const Tensor& y) {
  const std::vector<float> zeros(static_cast<size_t>(std::max(x.dim(3), y.dim(3))));
  const Convolution conv{x, y, weights, e, padding, zeros.data()};
  // Whole groups of tiles in nearly equal blocks, a multiple of the threads if there are so many.
  const int64_t group = winograd_kernels().rows, groups = ceil_div(conv.tiles.count, group);
  const int64_t threads = omp_get_max_threads();
  const int64_t most = std::max(kBlockFloats / (kWinogradPoints * (conv.inputs + conv.outputs)), kBlockTiles) / group;
  const int64_t blocks = std::min(ceil_div(ceil_div(groups, most), threads) * threads, groups);
  const int64_t scratch = conv.scratch(ceil_div(groups, blocks) * group);
  const Tensor memory = Tensor::empty({threads, scratch});
#pragma omp parallel for num_threads(threads)
  for (int64_t b = 0; b < blocks; ++b) {
    const Range range = part_of(groups, b, blocks);
    conv.run(range.begin * group, (range.end - range.begin) * group,
             memory.data<float>() + omp_get_thread_num() * scratch);
  }
}

// The weight gradient: transformed dy, [36][tiles][rows], times transformed x, [36][columns / panel][tiles][panel],
// summed over tiles, a chunk at a time, into [36][columns / panel][rows][panel]. x's channels are the columns, dy's the
// rows, with as many unused ones as `product` needs.
struct WeightGradient {
  const Tensor &dy, &x, &dw;
  int64_t padding;
  const float* zeros;
  const WinogradKernels& kernels = winograd_kernels();
  Tiles tiles{dy.shape()};
  int64_t inputs = x.dim(3), outputs = dy.dim(3);
  int64_t rows = ceil_div(outputs, kernels.rows) * kernels.rows;
  int64_t chunks = ceil_div(tiles.count, std::max(kChunkFloats / (kWinogradPoints * (inputs + rows)), kChunkTiles));
  int64_t depth = ceil_div(tiles.count, chunks);
  int64_t a_slab = slab_of(depth * rows), b_slab = slab_of(depth * inputs), sum_slab = slab_of(rows * inputs);
  Tensor a = Tensor::empty({kWinogradPoints * a_slab}), b = Tensor::empty({kWinogradPoints * b_slab}),
         sum = Tensor::empty({kWinogradPoints * sum_slab});

  // Tile `first` + t of a chunk of `count`.
  void transform(int64_t first, int64_t t, int64_t count) const {
    const float* pixels[kWinogradPoints];
    locate<kWinogradOutput>(dy.data<float>(), dy.shape(), tiles, first + t, 0, zeros, pixels);
    float* to = a.data<float>() + t * rows;
    kernels.output_gradient(pixels, outputs, to, a_slab);
    for (int64_t i = 0; i < kWinogradPoints; ++i) std::fill_n(to + i * a_slab + outputs, rows - outputs, 0.0f);
    locate<kWinogradInput>(x.data<float>(), x.shape(), tiles, first + t, padding, zeros, pixels);
    kernels.input(pixels, inputs, b.data<float>() + t * kernels.panel, b_slab, count * kernels.panel);
  }

  // The sums of point i and the columns that begin at c.
  void multiply(int64_t i, int64_t c, int64_t count, bool add) const {
    for (int64_t r = 0; r < rows; r += kernels.rows)
      kernels.product(a.data<float>() + i * a_slab + r, 1, rows, b.data<float>() + i * b_slab + c * count, count, add,
                      sum.data<float>() + i * sum_slab + c * rows + r * kernels.panel, kernels.panel);
  }

  void store(int64_t o, int64_t c) const {
    float* taps[kTaps];
    for (int64_t tap = 0; tap < kTaps; ++tap) taps[tap] = dw.data<float>() + (o * kTaps + tap) * inputs + c;
    kernels.weight_gradient(sum.data<float>() + c * rows + o * kernels.panel, sum_slab, taps);
  }

  void run() const {
#pragma omp parallel
    {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const Range range = part_of(tiles.count, chunk, chunks);
        const int64_t count = range.end - range.begin;
#pragma omp for
        for (int64_t t = 0; t < count; ++t) transform(range.begin, t, count);
#pragma omp for collapse(2)
        for (int64_t i = 0; i < kWinogradPoints; ++i)
          for (int64_t c = 0; c < inputs; c += kernels.panel) multiply(i, c, count, chunk > 0);
      }
#pragma omp for collapse(2)
      for (int64_t o = 0; o < outputs; ++o)
        for (int64_t c = 0; c < inputs; c += kernels.panel) store(o, c);
    }
  }
};

}  // namespace

// Measured on two cores with AVX2. A pixel costs 9 products for each pair of channels and a tile 36, but transforms and
// memory make it cost as much as 6 pixels. The weights' transform is one more term, as large as what it is added to
// where maps of 10x10 and 256 channels come one at a time (as fast as oneDNN), and the reason that maps of 5x5 and 512
// channels go to oneDNN. The last term keeps out maps of a few tiles, which leave threads without work.
bool winograd_pays(const Shape& x, const Shape& w, const Shape& y, const ConvOptions& o, DType dtype) {
  if (dtype != kFloat32 || w.dim(1) != 3 || o.stride != 1 || o.dilation != 1 || o.groups != 1) return false;
  const int64_t inputs = w.dim(3), outputs = w.dim(0), pixels = y.dim(0) * y.dim(1) * y.dim(2);
  if (inputs % 32 != 0 || outputs % 32 != 0 || x.count() == 0) return false;
  return pixels >= 6 * Tiles(y).count + inputs * outputs / 1024 + 100;
}

void winograd_conv(const Tensor& x, const Tensor& w, const ConvEpilogue& e, int64_t padding, Tensor& y) {
  convolve(x, pack_forward(w), e, padding, y);
}

void winograd_backward_data(const Tensor& dy, const Tensor& w, int64_t padding, Tensor& dx) {
  convolve(dy, pack_backward(w), {}, 2 - padding, dx);
}

void winograd_backward_weight(const Tensor& dy, const Tensor& x, int64_t padding, Tensor& dw) {
  const std::vector<float> zeros(static_cast<size_t>(std::max(x.dim(3), dy.dim(3))));
  WeightGradient{dy, x, dw, padding, zeros.data()}.run();
}

}  // namespace bareseg
