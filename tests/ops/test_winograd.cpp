// Winograd's convolutions of the CPU against sums in double, called directly so that small maps are met too, and the
// rule that chooses between them and oneDNN.
#include "cpu/cpu_backend.h"
#include "cpu/winograd.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

constexpr int64_t kSide = 3;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Shape output_of(const Shape& x, int64_t outputs, int64_t padding) {
  return {x.dim(0), x.dim(1) + 2 * padding - kSide + 1, x.dim(2) + 2 * padding - kSide + 1, outputs};
}

// visit(pixel of x, pixel of y, tap) for every product of a 3x3 convolution; indexes count rows of channels.
template <typename Visit>
void for_each_product(const Shape& x, const Shape& y, int64_t padding, Visit visit) {
  for (int64_t n = 0; n < y.dim(0); ++n)
    for (int64_t row = 0; row < y.dim(1); ++row)
      for (int64_t column = 0; column < y.dim(2); ++column)
        for (int64_t tap = 0; tap < kSide * kSide; ++tap) {
          const int64_t h = row + tap / kSide - padding, w = column + tap % kSide - padding;
          if (h < 0 || h >= x.dim(1) || w < 0 || w >= x.dim(2)) continue;
          visit((n * x.dim(1) + h) * x.dim(2) + w, (n * y.dim(1) + row) * y.dim(2) + column, tap);
        }
}

struct Gradients {
  reference::Array dx, dw;
};

Gradients expected_gradients(const Tensor& x, const Tensor& w, const Tensor& dy, int64_t padding) {
  const reference::Array x0 = reference::from(x), w0 = reference::from(w), dy0 = reference::from(dy);
  Gradients g{reference::zeros(x.shape()), reference::zeros(w.shape())};
  const int64_t inputs = x.dim(3), outputs = w.dim(0);
  for_each_product(x.shape(), dy.shape(), padding, [&](int64_t from, int64_t to, int64_t tap) {
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t i = 0; i < inputs; ++i) {
        const int64_t weight = (o * kSide * kSide + tap) * inputs + i;
        g.dx[from * inputs + i] += w0[weight] * dy0[to * outputs + o];
        g.dw[weight] += x0[from * inputs + i] * dy0[to * outputs + o];
      }
  });
  return g;
}

class Winograd : public OpTest {
 protected:
  void expect_close(const Shape& shape, int64_t outputs, int64_t padding) {
    SCOPED_TRACE(testing::Message() << "x " << shape << ", " << outputs << " outputs, padding " << padding);
    const Tensor x = normal(shape), w = normal({outputs, kSide, kSide, shape.dim(3)}), bias = normal({outputs});
    const Tensor dy = normal(output_of(shape, outputs, padding));
    Tensor y = Tensor::full(dy.shape(), kNaN), dx = Tensor::full(shape, kNaN), dw = Tensor::full(w.shape(), kNaN);
    const reference::Array x0 = reference::from(x), w0 = reference::from(w);
    winograd_conv(x, w, {}, padding, y);
    EXPECT_CLOSE(y, reference::conv2d(x0, w0, {}, {.padding = padding}), tolerance(kFloat32));
    const reference::Array biased = reference::conv2d(x0, w0, reference::from(bias), {.padding = padding});
    winograd_conv(x, w, {.bias = bias}, padding, y);
    EXPECT_CLOSE(y, biased, tolerance(kFloat32));
    winograd_conv(x, w, {.bias = bias, .residual = dy, .relu = true}, padding, y);
    EXPECT_CLOSE(y, reference::relu(reference::add(biased, reference::from(dy))), tolerance(kFloat32));
    const Gradients expected = expected_gradients(x, w, dy, padding);
    winograd_backward_data(dy, w, padding, dx);
    EXPECT_CLOSE(dx, expected.dx, tolerance(kFloat32));
    winograd_backward_weight(dy, x, padding, dw);
    EXPECT_CLOSE(dw, expected.dw, tolerance(kFloat32));
  }
};

// One pixel, one output, sides on both sides of a multiple of 4, and padding that leaves outputs without any input.
TEST_P(Winograd, AgreesOnSmallMaps) {
  expect_close({1, 1, 1, 32}, 32, 1);
  expect_close({1, 3, 3, 32}, 32, 0);
  expect_close({2, 4, 4, 32}, 64, 1);
  expect_close({1, 5, 7, 64}, 32, 1);
  expect_close({2, 9, 6, 32}, 96, 0);
  expect_close({1, 13, 11, 32}, 32, 2);
  expect_close({1, 2, 5, 32}, 32, 4);
  expect_close({1, 4, 5, 32}, 256, 1);
}

// More tiles than fit one block of the forward pass or one chunk of the weight gradient.
TEST_P(Winograd, AgreesOnManyTiles) { expect_close({5, 37, 41, 32}, 32, 1); }

// Errors grow with the channels.
TEST_P(Winograd, AgreesOnManyChannels) { expect_close({1, 6, 5, 512}, 32, 1); }

TEST_P(Winograd, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = normal({5, 37, 41, 32}), w = normal({64, 3, 3, 32}), dy = normal({5, 37, 41, 64});
  const auto passes = [&] {
    Tensor y = Tensor::empty_like(dy), dx = Tensor::empty_like(x), dw = Tensor::empty_like(w);
    winograd_conv(x, w, {}, 1, y);
    winograd_backward_data(dy, w, 1, dx);
    winograd_backward_weight(dy, x, 1, dw);
    return std::array{y.to_vector<float>(), dx.to_vector<float>(), dw.to_vector<float>()};
  };
  set_cpu_threads(1);
  const auto expected = passes();
  for (const int threads : {2, 3, 7}) {
    set_cpu_threads(threads);
    EXPECT_EQ(passes(), expected) << threads << " threads";
  }
  set_cpu_threads(0);
}

struct Choice {
  Shape x, w;
  ConvOptions options;
  bool pays;
};

// Both sides of each condition, and conv2d through the backend on both.
const Choice kChoices[] = {
    {{1, 17, 19, 32}, {32, 3, 3, 32}, {.padding = 1}, true},
    {{1, 17, 19, 33}, {32, 3, 3, 33}, {.padding = 1}, false},
    {{1, 17, 19, 32}, {40, 3, 3, 32}, {.padding = 1}, false},
    {{1, 17, 19, 32}, {32, 1, 1, 32}, {}, false},
    {{1, 17, 19, 32}, {32, 5, 5, 32}, {.padding = 2}, false},
    {{1, 17, 19, 32}, {32, 3, 3, 32}, {.stride = 2, .padding = 1}, false},
    {{1, 17, 19, 32}, {32, 3, 3, 32}, {.padding = 2, .dilation = 2}, false},
    {{1, 17, 19, 64}, {32, 3, 3, 32}, {.padding = 1, .groups = 2}, false},
    {{1, 13, 15, 32}, {32, 3, 3, 32}, {}, false},
    {{1, 18, 22, 32}, {64, 3, 3, 32}, {}, true},
    {{9, 5, 5, 32}, {32, 3, 3, 32}, {.padding = 1}, false},
    {{18, 4, 4, 32}, {32, 3, 3, 32}, {.padding = 1}, true},
};

TEST_P(Winograd, IsChosenWhereItPays) {
  for (const Choice& c : kChoices) {
    SCOPED_TRACE(testing::Message() << "x " << c.x << " w " << c.w);
    const Tensor x = normal(c.x), w = normal(c.w), bias = normal({c.w.dim(0)});
    const reference::Array x0 = reference::from(x), w0 = reference::from(w), b0 = reference::from(bias);
    const Tensor y = conv2d(x, w, bias, c.options);
    EXPECT_EQ(winograd_pays(c.x, c.w, y.shape(), c.options, kFloat32), c.pays);
    EXPECT_FALSE(winograd_pays(c.x, c.w, y.shape(), c.options, kBFloat16));
    EXPECT_CLOSE(y, reference::conv2d(x0, w0, b0, c.options), tolerance(kFloat32));
    {
      const NoGrad no_grad;
      EXPECT_CLOSE(conv2d_fused(x, w, {.bias = bias, .relu = true}, c.options),
                   reference::relu(reference::conv2d(x0, w0, b0, c.options)), tolerance(kFloat32));
    }
    if (c.options.stride != 1 || c.options.dilation != 1 || c.options.groups != 1 || c.w.dim(1) != kSide) continue;
    const Tensor dy = normal(y.shape());
    const Gradients expected = expected_gradients(x, w, dy, c.options.padding);
    EXPECT_CLOSE(gradient_of([&](const Tensor& t) { return conv2d(t, w, bias, c.options); }, x, dy), expected.dx,
                 tolerance(kFloat32));
    EXPECT_CLOSE(gradient_of([&](const Tensor& t) { return conv2d(x, t, bias, c.options); }, w, dy), expected.dw,
                 tolerance(kFloat32));
  }
  // The shapes of ResNet-18 at 160x160, batch 8.
  const auto pays = [](int64_t side, int64_t channels) {
    const Shape map{8, side, side, channels};
    return winograd_pays(map, {channels, 3, 3, channels}, map, {.padding = 1}, kFloat32);
  };
  EXPECT_TRUE(pays(40, 64));
  EXPECT_TRUE(pays(20, 128));
  EXPECT_TRUE(pays(10, 256));
  EXPECT_FALSE(pays(5, 512));
}

INSTANTIATE_TEST_SUITE_P(Devices, Winograd, testing::Values(Device::Type::cpu), device_name);

}  // namespace
}  // namespace bareseg
