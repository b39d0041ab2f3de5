// Winograd's F(4x4, 3x3) with the points 0, +-1/sqrt(2), +-sqrt(2) and infinity (docs/winograd.md has the matrices).
//
// The transforms are applied to the columns of a tile, then to its rows, with a vector of channels in each register.
// They are bound by loads and stores: 6 x 6 vectors and their halfway results do not fit the registers. The product
// holds rows x panel sums in registers: 6 x 16 of AVX2's 16 registers' 128 floats, 8 x 32 with AVX-512, so that it is
// bound by multiply-adds.
#include "cpu/winograd_kernels.h"

#include "cpu/vectors.h"

namespace bareseg {
namespace {

constexpr int kIn = kWinogradInput, kOut = kWinogradOutput, kSide = 3;
constexpr float kRoot = 1.41421356237f;      // sqrt(2), a point
constexpr float kHalfRoot = 0.70710678118f;  // 1 / sqrt(2), a point
constexpr float kSmall = -1.0f / 1.5f;       // weights of the points +-1/sqrt(2)
constexpr float kLarge = 1.0f / 6.0f;        // and of +-sqrt(2)

// One column or row of each transform.
struct InputLine {  // B^T
  static constexpr int kFrom = kIn, kTo = kIn;
  template <typename Float>
  [[gnu::always_inline]] static void apply(const Float (&x)[kFrom], Float (&t)[kTo]) {
    const Float even_small = x[4] - 2.0f * x[2], odd_small = x[3] - 2.0f * x[1];
    const Float even_large = x[4] - 0.5f * x[2], odd_large = x[3] - 0.5f * x[1];
    t[0] = (x[0] + x[4]) - 2.5f * x[2];
    t[1] = even_small + kHalfRoot * odd_small;
    t[2] = even_small - kHalfRoot * odd_small;
    t[3] = even_large + kRoot * odd_large;
    t[4] = even_large - kRoot * odd_large;
    t[5] = (x[1] + x[5]) - 2.5f * x[3];
  }
};

struct OutputLine {  // A^T
  static constexpr int kFrom = kIn, kTo = kOut;
  template <typename Float>
  [[gnu::always_inline]] static void apply(const Float (&m)[kFrom], Float (&y)[kTo]) {
    const Float even_small = m[1] + m[2], odd_small = kHalfRoot * (m[1] - m[2]);
    const Float even_large = m[3] + m[4], odd_large = kRoot * (m[3] - m[4]);
    y[0] = m[0] + (even_small + even_large);
    y[1] = odd_small + odd_large;
    y[2] = 0.5f * even_small + 2.0f * even_large;
    y[3] = (0.5f * odd_small + 2.0f * odd_large) + m[5];
  }
};

struct OutputGradientLine {  // A
  static constexpr int kFrom = kOut, kTo = kIn;
  template <typename Float>
  [[gnu::always_inline]] static void apply(const Float (&dy)[kFrom], Float (&t)[kTo]) {
    const Float even_small = dy[0] + 0.5f * dy[2], odd_small = dy[1] + 0.5f * dy[3];
    const Float even_large = dy[0] + 2.0f * dy[2], odd_large = dy[1] + 2.0f * dy[3];
    t[0] = dy[0];
    t[1] = even_small + kHalfRoot * odd_small;
    t[2] = even_small - kHalfRoot * odd_small;
    t[3] = even_large + kRoot * odd_large;
    t[4] = even_large - kRoot * odd_large;
    t[5] = dy[3];
  }
};

struct WeightLine {  // G
  static constexpr int kFrom = kSide, kTo = kIn;
  template <typename Float>
  [[gnu::always_inline]] static void apply(const Float (&w)[kFrom], Float (&t)[kTo]) {
    const Float even_small = kSmall * (w[0] + 0.5f * w[2]), odd_small = (kSmall * kHalfRoot) * w[1];
    const Float even_large = kLarge * (w[0] + 2.0f * w[2]), odd_large = (kLarge * kRoot) * w[1];
    t[0] = w[0];
    t[1] = even_small + odd_small;
    t[2] = even_small - odd_small;
    t[3] = even_large + odd_large;
    t[4] = even_large - odd_large;
    t[5] = w[2];
  }
};

struct WeightGradientLine {  // G^T
  static constexpr int kFrom = kIn, kTo = kSide;
  template <typename Float>
  [[gnu::always_inline]] static void apply(const Float (&p)[kFrom], Float (&dw)[kTo]) {
    const Float even_small = kSmall * (p[1] + p[2]), even_large = kLarge * (p[3] + p[4]);
    dw[0] = p[0] + (even_small + even_large);
    dw[1] = (kSmall * kHalfRoot) * (p[1] - p[2]) + (kLarge * kRoot) * (p[3] - p[4]);
    dw[2] = (0.5f * even_small + 2.0f * even_large) + p[5];
  }
};

// Where vector i of a tile or panel is: at the tile's pixel i, or in slab i.
template <typename T>
struct Pixels {
  T* const* pixels;
  int64_t channel;
  T* operator()(int i) const { return pixels[i] + channel; }
};
template <typename T>
struct Slabs {
  T* first;
  int64_t slab;
  T* operator()(int i) const { return first + i * slab; }
};

// Line applied to the columns and then to the rows of one vector of channels.
template <typename Line, typename Float, typename From, typename To>
[[gnu::always_inline]] inline void transform(From from, To to) {
  Float half[Line::kTo][Line::kFrom];
#pragma GCC unroll 6
  for (int x = 0; x < Line::kFrom; ++x) {
    Float in[Line::kFrom], out[Line::kTo];
#pragma GCC unroll 6
    for (int y = 0; y < Line::kFrom; ++y) load(in[y], from(y * Line::kFrom + x));
    Line::apply(in, out);
#pragma GCC unroll 6
    for (int y = 0; y < Line::kTo; ++y) half[y][x] = out[y];
  }
#pragma GCC unroll 6
  for (int y = 0; y < Line::kTo; ++y) {
    Float out[Line::kTo];
    Line::apply(half[y], out);
#pragma GCC unroll 6
    for (int x = 0; x < Line::kTo; ++x) store(to(y * Line::kTo + x), out[x]);
  }
}

template <typename Isa, int kRows>
struct Steps {
  using Float = typename Isa::Float;
  static constexpr int64_t kLanes = sizeof(Float) / sizeof(float), kPanel = 2 * kLanes;

  [[gnu::always_inline]] static void input(const float* const* x, int64_t channels, float* out, int64_t slab,
                                           int64_t panel_stride) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      float* to = out + c / kPanel * panel_stride + c % kPanel;
      transform<InputLine, Float>(Pixels<const float>{x, c}, Slabs<float>{to, slab});
    }
  }

  [[gnu::always_inline]] static void output(const float* in, int64_t slab, int64_t channels, const float* bias,
                                            const float* const* residual, bool relu, float* const* y) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      transform<OutputLine, Float>(Slabs<const float>{in + c, slab}, Pixels<float>{y, c});
      if (bias == nullptr && residual == nullptr && !relu) continue;
      Float offset{};
      if (bias != nullptr) load(offset, bias + c);
      for (int i = 0; i < kOut * kOut; ++i) {
        Float value, addend{};
        load(value, y[i] + c);
        if (residual != nullptr) load(addend, residual[i] + c);
        value = (value + offset) + addend;
        if (relu) value = value < 0.0f ? Float{} : value;
        store(y[i] + c, value);
      }
    }
  }

  [[gnu::always_inline]] static void output_gradient(const float* const* dy, int64_t channels, float* out,
                                                     int64_t slab) {
    for (int64_t c = 0; c < channels; c += kLanes)
      transform<OutputGradientLine, Float>(Pixels<const float>{dy, c}, Slabs<float>{out + c, slab});
  }

  [[gnu::always_inline]] static void weight(const float* const* w, float* out, int64_t slab) {
    for (int64_t c = 0; c < kPanel; c += kLanes)
      transform<WeightLine, Float>(Pixels<const float>{w, c}, Slabs<float>{out + c, slab});
  }

  [[gnu::always_inline]] static void weight_gradient(const float* in, int64_t slab, float* const* dw) {
    for (int64_t c = 0; c < kPanel; c += kLanes)
      transform<WeightGradientLine, Float>(Slabs<const float>{in + c, slab}, Pixels<float>{dw, c});
  }

  [[gnu::always_inline]] static void product(const float* a, int64_t a_row, int64_t a_step, const float* b,
                                             int64_t depth, bool add, float* out, int64_t out_row) {
    Float sum[kRows][2];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      sum[r][0] = sum[r][1] = Float{};
      if (add) load(sum[r][0], out + r * out_row), load(sum[r][1], out + r * out_row + kLanes);
    }
    for (int64_t k = 0; k < depth; ++k, a += a_step, b += kPanel) {
      Float b0, b1;
      load(b0, b), load(b1, b + kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const float value = a[r * a_row];
        sum[r][0] += b0 * value, sum[r][1] += b1 * value;
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) store(out + r * out_row, sum[r][0]), store(out + r * out_row + kLanes, sum[r][1]);
  }
};

// The two instances; as vector types have no clones, each wide function is spelt out for its target.
using Narrow = Steps<Avx2, 6>;
constexpr WinogradKernels kNarrow{
    Narrow::kPanel, 6, Narrow::input, Narrow::output, Narrow::output_gradient, Narrow::weight, Narrow::weight_gradient,
    Narrow::product};

#if defined(__x86_64__)
using Wide = Steps<Avx512, 8>;
__attribute__((target("avx512f,avx512vl"))) void wide_input(const float* const* x, int64_t channels, float* out,
                                                            int64_t slab, int64_t panel_stride) {
  Wide::input(x, channels, out, slab, panel_stride);
}
__attribute__((target("avx512f,avx512vl"))) void wide_output(const float* in, int64_t slab, int64_t channels,
                                                             const float* bias, const float* const* residual, bool relu,
                                                             float* const* y) {
  Wide::output(in, slab, channels, bias, residual, relu, y);
}
__attribute__((target("avx512f,avx512vl"))) void wide_output_gradient(const float* const* dy, int64_t channels,
                                                                      float* out, int64_t slab) {
  Wide::output_gradient(dy, channels, out, slab);
}
__attribute__((target("avx512f,avx512vl"))) void wide_weight(const float* const* w, float* out, int64_t slab) {
  Wide::weight(w, out, slab);
}
__attribute__((target("avx512f,avx512vl"))) void wide_weight_gradient(const float* in, int64_t slab, float* const* dw) {
  Wide::weight_gradient(in, slab, dw);
}
__attribute__((target("avx512f,avx512vl"))) void wide_product(const float* a, int64_t a_row, int64_t a_step,
                                                              const float* b, int64_t depth, bool add, float* out,
                                                              int64_t out_row) {
  Wide::product(a, a_row, a_step, b, depth, add, out, out_row);
}
constexpr WinogradKernels kWide{Wide::kPanel,         8,           wide_input,           wide_output,
                                wide_output_gradient, wide_weight, wide_weight_gradient, wide_product};
#endif

}  // namespace

const WinogradKernels& winograd_kernels() {
#if defined(__x86_64__)
  static const bool wide = has_avx512();
  if (wide) return kWide;
#endif
  return kNarrow;
}

}  // namespace bareseg
