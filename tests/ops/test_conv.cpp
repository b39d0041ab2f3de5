#include "tests/devices.h"

namespace bareseg {
namespace {

struct ConvCase {
  Shape x, w;
  ConvOptions options;
};

// Kernel, stride, padding, dilation and groups apart and together; odd sizes and channel counts.
const ConvCase kCases[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 7, 5, 3}, {4, 1, 1, 3}, {}},
    {{1, 9, 7, 3}, {8, 7, 7, 3}, {.stride = 2, .padding = 3}},
    {{2, 8, 9, 16}, {16, 3, 3, 16}, {.padding = 1}},
    {{1, 8, 7, 16}, {33, 3, 3, 16}, {.stride = 2, .padding = 1}},
    {{1, 9, 8, 7}, {5, 3, 3, 7}, {.padding = 2, .dilation = 2}},
    {{2, 5, 5, 6}, {9, 3, 3, 2}, {.padding = 1, .groups = 3}},
    {{1, 6, 7, 8}, {8, 3, 3, 1}, {.stride = 2, .padding = 1, .groups = 8}},
    {{1, 11, 9, 4}, {6, 3, 3, 2}, {.stride = 3, .padding = 4, .dilation = 3, .groups = 2}},
    {{1, 5, 3, 2}, {3, 2, 2, 2}, {.stride = 2}},
    {{1, 3, 3, 2053}, {7, 1, 1, 2053}, {}},
};

TEST_P(OpTest, Conv2d) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const ConvCase& c : kCases) {
      SCOPED_TRACE(testing::Message() << "x " << c.x << " w " << c.w << " " << dtype);
      // Weights that bfloat16 holds exactly: their rounding is not part of the question.
      const Tensor x = normal(c.x, dtype), bias = normal({c.w.dim(0)});
      const Tensor w = cast(normal(c.w, kBFloat16), kFloat32);
      const reference::Array x0 = reference::from(x), w0 = reference::from(w), b0 = reference::from(bias);
      const double allowed = tolerance(dtype);
      EXPECT_CLOSE(conv2d(x, w, bias, c.options), reference::conv2d(x0, w0, b0, c.options), allowed);
      EXPECT_CLOSE(conv2d(x, w, {}, c.options), reference::conv2d(x0, w0, {}, c.options), allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return conv2d(t, w, bias, c.options); },
                      [&](const reference::Array& t) { return reference::conv2d(t, w0, b0, c.options); }, x, allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return conv2d(x, t, {}, c.options); },
                      [&](const reference::Array& t) { return reference::conv2d(x0, t, {}, c.options); }, w, allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return conv2d(x, w, t, c.options); },
                      [&](const reference::Array& t) { return reference::conv2d(x0, w0, t, c.options); }, bias,
                      allowed);
    }
  }
}

// Images of four channels under weights of three: whatever is in the fourth, the weights' gradients have three.
TEST_P(OpTest, Conv2dGivesAFourthChannelNoWeight) {
  for (const ConvOptions& o : {ConvOptions{.stride = 2, .padding = 3}, ConvOptions{.padding = 1}}) {
    for (const DType dtype : {kFloat32, kBFloat16}) {
      const int64_t kernel = o.stride == 2 ? 7 : 3;
      const Tensor three = normal({2, 9, 7, 3}, dtype), extra = normal({2, 9, 7, 1}, dtype);
      const Tensor four = concat_channels({three, extra}), bias = normal({8});
      const Tensor w = cast(normal({8, kernel, kernel, 3}, kBFloat16), kFloat32), narrow = cast(w, dtype);
      const reference::Array x0 = reference::from(three), w0 = reference::from(w), b0 = reference::from(bias);
      const double allowed = tolerance(dtype);
      const Tensor y = conv2d(four, w, bias, o);
      EXPECT_CLOSE(y, reference::conv2d(x0, w0, b0, o), allowed);
      EXPECT_CLOSE(conv2d_fused(four, narrow, {.bias = bias}, o), reference::conv2d(x0, w0, b0, o), allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return conv2d(four, t, {}, o); },
                      [&](const reference::Array& t) { return reference::conv2d(x0, t, {}, o); }, w, allowed);
      const Tensor g = normal(y.shape(), dtype);
      const auto padded = [&](const Tensor& t) { return conv2d(t, w, bias, o); };
      const Tensor dx = gradient_of(padded, four, g), dx_three = gradient_of(padded, three, g);
      EXPECT_CLOSE(dx, reference::from(concat_channels({dx_three, Tensor::zeros(extra.shape(), dtype, device())})),
                   allowed);
    }
  }
  EXPECT_ERROR(conv2d(normal({1, 5, 5, 5}), normal({2, 3, 3, 3}), {}), "do not fit x [1, 5, 5, 5] and w [2, 3, 3, 3]");
  EXPECT_ERROR(conv2d(normal({1, 5, 5, 4}), normal({2, 3, 3, 3}), {}, {.groups = 2}), "groups 2 do not fit");
}

TEST_P(OpTest, Conv2dRoundsWeightsToBFloat16) {
  const Tensor x = normal({1, 5, 5, 7}, kBFloat16), w = normal({9, 3, 3, 7});
  EXPECT_CLOSE(conv2d(x, w, {}), reference::conv2d(reference::from(x), reference::from(w), {}, {}),
               tolerance(kBFloat16));
}

// All gradients of one call, and of a weight used twice.
TEST_P(OpTest, Conv2dGradientsTogether) {
  Tensor x = normal({2, 5, 7, 3}), w = normal({3, 3, 3, 3}), bias = normal({3});
  const ConvOptions same{.padding = 1};
  const Tensor g = normal({2, 5, 7, 3});
  x.set_requires_grad();
  w.set_requires_grad();
  bias.set_requires_grad();
  backward(against(conv2d(conv2d(x, w, bias, same), w, bias, same), g));
  const auto twice = [&](const Tensor& t) {
    return conv2d(conv2d(x.detach(), t, bias.detach(), same), t, bias.detach(), same);
  };
  EXPECT_CLOSE(w.grad(), reference::from(gradient_of(twice, w, g)), tolerance(kFloat32));
  const reference::Array x0 = reference::from(x), w0 = reference::from(w), b0 = reference::from(bias);
  EXPECT_GRADIENT(
      twice,
      [&](const reference::Array& t) { return reference::conv2d(reference::conv2d(x0, t, b0, same), t, b0, same); }, w,
      tolerance(kFloat32));
  EXPECT_TRUE(x.grad().defined());
  EXPECT_EQ(bias.grad().shape(), (Shape{3}));
}

// Same result whichever shapes came before: primitives are cached by shape and options.
TEST_P(OpTest, Conv2dDoesNotMixUpShapes) {
  const Tensor x = normal({1, 9, 9, 4}), w = normal({4, 3, 3, 4});
  const reference::Array x0 = reference::from(x), w0 = reference::from(w);
  const ConvOptions options[] = {{}, {.stride = 2}, {.padding = 1}, {.padding = 1, .dilation = 2}};
  for (int round = 0; round < 2; ++round) {
    for (const ConvOptions& o : options) {
      EXPECT_CLOSE(conv2d(x, w, {}, o), reference::conv2d(x0, w0, {}, o), tolerance(kFloat32));
    }
  }
}

TEST_P(OpTest, Conv2dFused) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const ConvCase& c : kCases) {
      const Tensor x = normal(c.x, dtype), w = normal(c.w, dtype), bias = normal({c.w.dim(0)});
      const reference::Array sum =
          reference::conv2d(reference::from(x), reference::from(w), reference::from(bias), c.options);
      const Tensor residual = normal(sum.shape, dtype);
      const reference::Array all = reference::relu(reference::add(sum, reference::from(residual)));
      SCOPED_TRACE(testing::Message() << "x " << c.x << " w " << c.w << " " << dtype);
      EXPECT_CLOSE(conv2d_fused(x, w, {.bias = bias}, c.options), sum, tolerance(dtype));
      EXPECT_CLOSE(conv2d_fused(x, w, {.bias = bias, .relu = true}, c.options), reference::relu(sum), tolerance(dtype));
      EXPECT_CLOSE(conv2d_fused(x, w, {.bias = bias, .residual = residual, .relu = true}, c.options), all,
                   tolerance(dtype));
      EXPECT_CLOSE(conv2d_fused(x, w, {.bias = bias, .residual = residual}, c.options),
                   reference::add(sum, reference::from(residual)), tolerance(dtype));
    }
  }
}

TEST_P(OpTest, Conv2dFusedErrors) {
  Tensor x = normal({1, 5, 5, 4}), w = normal({6, 3, 3, 4});
  EXPECT_ERROR(conv2d_fused(x, normal({6, 3, 3, 4}, kBFloat16), {}), "conv2d: w must be float32");
  EXPECT_ERROR(conv2d_fused(x, w, {.bias = normal({5})}), "conv2d: bias must be float32 [6]");
  EXPECT_ERROR(conv2d_fused(x, w, {.residual = normal({1, 5, 5, 6})}),
               "conv2d_fused: residual must be float32 [1, 3, 3, 6], got float32 [1, 5, 5, 6]");
  w.set_requires_grad();
  EXPECT_ERROR(conv2d_fused(x, w, {}), "conv2d_fused: there is no gradient of it");
}

TEST_P(OpTest, Conv2dErrors) {
  const Tensor x = normal({1, 5, 5, 4}), w = normal({6, 3, 3, 4});
  EXPECT_ERROR(conv2d(normal({5, 5, 4}), w, {}), "conv2d: x must be float [N, H, W, I], got float32 [5, 5, 4]");
  EXPECT_ERROR(conv2d(labels({1, 5, 5, 4}, 3), w, {}), "got int32 [1, 5, 5, 4]");
  EXPECT_ERROR(conv2d(x, normal({6, 3, 2, 4}), {}), "conv2d: w must be float32 [O, K, K, I / groups]");
  EXPECT_ERROR(conv2d(x, normal({6, 3, 3, 4}, kBFloat16), {}), "got bfloat16 [6, 3, 3, 4]");
  EXPECT_ERROR(conv2d(x, w, {}, {.stride = 0}), "stride and dilation must be positive");
  EXPECT_ERROR(conv2d(x, w, {}, {.dilation = 0}), "stride and dilation must be positive");
  EXPECT_ERROR(conv2d(x, w, {}, {.padding = -1}), "not negative");
  EXPECT_ERROR(conv2d(x, normal({6, 3, 3, 5}), {}), "groups 1 do not fit");
  EXPECT_ERROR(conv2d(x, normal({5, 3, 3, 2}), {}, {.groups = 2}), "groups 2 do not fit");
  EXPECT_ERROR(conv2d(x, w, {}, {.groups = 0}), "groups 0 do not fit");
  EXPECT_ERROR(conv2d(x, w, normal({5})), "conv2d: bias must be float32 [6], got float32 [5]");
  EXPECT_ERROR(conv2d(normal({1, 2, 5, 4}), w, {}), "does not fit x [1, 2, 5, 4]");
}

struct PoolCase {
  Shape x;
  PoolOptions options;
};

const PoolCase kPools[] = {
    {{1, 2, 2, 1}, {}},
    {{1, 9, 7, 3}, {.kernel = 3, .stride = 2, .padding = 1}},
    {{2, 5, 6, 4}, {.kernel = 2, .stride = 2}},
    {{1, 7, 7, 5}, {.kernel = 3, .stride = 1, .padding = 1}},
    {{1, 4, 4, 16}, {.kernel = 3, .stride = 2, .padding = 1}},
    {{1, 7, 5, 1}, {.kernel = 5, .stride = 3, .padding = 2}},
    {{1, 16, 16, 1}, {.kernel = 16, .stride = 1}},
};

TEST_P(OpTest, MaxPool2d) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const PoolCase& c : kPools) {
      SCOPED_TRACE(testing::Message() << "x " << c.x << " kernel " << c.options.kernel << " " << dtype);
      const auto op = [&](const Tensor& t) { return max_pool2d(t, c.options); };
      const auto expected = [&](const reference::Array& t) { return reference::max_pool2d(t, c.options); };
      // At most 256 values, so bfloat16 keeps them apart: the gradient of a tie has no central difference. None is
      // positive, so padding that counted as zero would win.
      const Tensor x = scale(distinct(c.x, -1.0f, dtype), 0.25f);
      EXPECT_CLOSE(op(x), expected(reference::from(x)), 0.0);
      EXPECT_GRADIENT(op, expected, x, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, MaxPool2dOfManyChannels) {
  const Tensor x = distinct({1, 3, 3, 2053}, 4096.0f);
  const PoolOptions options{.kernel = 3, .stride = 2, .padding = 1};
  const auto op = [&](const Tensor& t) { return max_pool2d(t, options); };
  const auto expected = [&](const reference::Array& t) { return reference::max_pool2d(t, options); };
  EXPECT_CLOSE(op(x), expected(reference::from(x)), 0.0);
  EXPECT_GRADIENT(op, expected, x, tolerance(kFloat32));
}

TEST_P(OpTest, MaxPool2dGivesTiesToTheFirst) {
  const Tensor x = Tensor::full({1, 4, 4, 1}, -3.0, kFloat32, device());
  const auto op = [](const Tensor& t) { return max_pool2d(t, {.kernel = 3, .stride = 2, .padding = 1}); };
  const Tensor g = Tensor::from<float>({1.0f, 2.0f, 4.0f, 8.0f}, {1, 2, 2, 1}, device());
  // Windows start at -1 and 1; the first element inside of each is at (0, 0), (0, 1), (1, 0), (1, 1).
  EXPECT_EQ(gradient_of(op, x, g).to_vector<float>(),
            (std::vector<float>{1, 2, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_P(OpTest, MaxPool2dOfMisalignedTensors) {
  const auto op = [](const Tensor& t) { return max_pool2d(t, {.kernel = 3, .stride = 2, .padding = 1}); };
  for (const DType dtype : {kFloat32, kBFloat16}) {
    SCOPED_TRACE(dtype);
    const Tensor x = normal({1, 5, 4, 8}, dtype), g = normal({1, 3, 2, 8}, dtype);
    EXPECT_CLOSE(op(misaligned(x)), reference::from(op(x)), 0.0);
    EXPECT_CLOSE(gradient_of(op, x, misaligned(g)), reference::from(gradient_of(op, x, g)), 0.0);
  }
}

TEST_P(OpTest, MaxPool2dErrors) {
  const Tensor x = normal({1, 5, 5, 2});
  EXPECT_ERROR(max_pool2d(normal({5, 5, 2}), {}), "max_pool2d: x must be float [N, H, W, C], got float32 [5, 5, 2]");
  EXPECT_ERROR(max_pool2d(labels({1, 5, 5, 2}, 3), {}), "got int32");
  EXPECT_ERROR(max_pool2d(x, {.kernel = 17}), "kernel must be 1 to 16");
  EXPECT_ERROR(max_pool2d(x, {.kernel = 0}), "kernel must be 1 to 16");
  EXPECT_ERROR(max_pool2d(x, {.stride = 0}), "stride positive");
  EXPECT_ERROR(max_pool2d(x, {.kernel = 2, .padding = 2}), "padding at most half the kernel");
  EXPECT_ERROR(max_pool2d(x, {.padding = -1}), "padding at most half the kernel");
  EXPECT_ERROR(max_pool2d(x, {.kernel = 6, .stride = 1}), "kernel 6 does not fit x [1, 5, 5, 2]");
}

}  // namespace
}  // namespace bareseg
