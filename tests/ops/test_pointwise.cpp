#include <cmath>
#include <limits>

#include "tests/devices.h"

namespace bareseg {
namespace {

const DType kFloats[] = {kFloat32, kBFloat16};
const Shape kOdd[] = {{1}, {7}, {5, 1, 33}, {2053}, {3, 7, 2053}};

TEST_P(OpTest, Add) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      const Tensor a = normal(shape, dtype), b = normal(shape, dtype);
      EXPECT_CLOSE(add(a, b), reference::add(reference::from(a), reference::from(b)), tolerance(dtype));
      const auto expected = [&](const reference::Array& x) { return reference::add(x, reference::from(b)); };
      EXPECT_GRADIENT([&](const Tensor& x) { return add(x, b); }, expected, a, tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& x) { return add(b, x); }, expected, a, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, AddToItself) {
  const Tensor x = normal({3, 7});
  const auto twice = [](const reference::Array& a) { return reference::scale(a, 2.0); };
  EXPECT_CLOSE(add(x, x), twice(reference::from(x)), tolerance(kFloat32));
  EXPECT_GRADIENT([](const Tensor& a) { return add(a, a); }, twice, x, tolerance(kFloat32));
}

TEST_P(OpTest, AddErrors) {
  const Tensor a = normal({2, 3});
  EXPECT_ERROR(add(a, normal({3, 2})), "add: b must be float32 [2, 3]");
  EXPECT_ERROR(add(a, normal({2, 3}, kBFloat16)), "got bfloat16 [2, 3]");
  EXPECT_ERROR(add(labels({2}, 3), labels({2}, 3)), "add: x must be float32 or bfloat16, got int32");
  EXPECT_ERROR(add(Tensor(), a), "an undefined tensor");
}

TEST_P(OpTest, Relu) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      const Tensor x = normal(shape, dtype);
      EXPECT_CLOSE(relu(x), reference::relu(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT(relu, reference::relu, x, tolerance(dtype));
    }
  }
  // The subgradient at zero is zero, as in torch; NaN is not hidden.
  const Tensor zero = Tensor::from<float>({-0.0f, 0.0f, 1.0f}, {3}, device());
  EXPECT_EQ(gradient_of(relu, zero, Tensor::full({3}, 1.0, kFloat32, device())).to_vector<float>(),
            (std::vector<float>{0.0f, 0.0f, 1.0f}));
  EXPECT_ERROR(relu(labels({2}, 3)), "relu: x must be float32 or bfloat16, got int32");
}

TEST_P(OpTest, ReluKeepsNaN) {
  for (const DType dtype : kFloats) {
    const Tensor x = Tensor::full({1001}, std::numeric_limits<double>::quiet_NaN(), dtype, device());
    EXPECT_CLOSE(relu(x), reference::from(x), tolerance(dtype));
  }
}

TEST_P(OpTest, Scale) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      const Tensor x = normal(shape, dtype);
      const auto expected = [](const reference::Array& a) { return reference::scale(a, -1.75); };
      EXPECT_CLOSE(scale(x, -1.75f), expected(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT([](const Tensor& a) { return scale(a, -1.75f); }, expected, x, tolerance(dtype));
    }
  }
  EXPECT_ERROR(scale(labels({2}, 3), 2.0f), "scale: x must be float32 or bfloat16, got int32");
}

Tensor drawn_from(const Random& random, Device device) {
  return Tensor::from<int64_t>({static_cast<int64_t>(random.seed()), static_cast<int64_t>(random.subsequence())}, {2},
                               device);
}

TEST_P(OpTest, Dropout) {
  const Random random(7, Draws::dropout, 3);
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      for (const float p : {0.0f, 0.1f, 0.5f}) {
        SCOPED_TRACE(testing::Message() << shape << " " << dtype << " p " << p);
        const Tensor x = normal(shape, dtype);
        Random draws = random;
        std::vector<float> uniforms;
        for (int64_t i = 0; i < x.count(); ++i) uniforms.push_back(draws.uniform());
        const auto op = [&](const Tensor& t) { return dropout(t, p, drawn_from(random, device())); };
        const auto expected = [&](const reference::Array& t) { return reference::dropout(t, double{p}, uniforms); };
        EXPECT_CLOSE(op(x), expected(reference::from(x)), tolerance(dtype));
        EXPECT_GRADIENT(op, expected, x, tolerance(dtype));
        EXPECT_CLOSE(op(misaligned(x)), expected(reference::from(x)), tolerance(dtype));
      }
    }
  }
  const Tensor x = normal({7, 33});
  const auto values = [&](const Random& r) { return dropout(x, 0.5f, drawn_from(r, device())).to_vector<float>(); };
  EXPECT_EQ(values(random), values(Random(7, Draws::dropout, 3)));
  EXPECT_NE(values(random), values(Random(8, Draws::dropout, 3)));
  EXPECT_NE(values(random), values(Random(7, Draws::dropout, 4)));
  // The mask of backward() is that of the forward pass, also when the numbers changed in between.
  Tensor draw = drawn_from(random, device());
  Tensor ones = Tensor::full({7, 33}, 1.0, kFloat32, device());
  ones.set_requires_grad();
  const Tensor y = dropout(ones, 0.5f, draw);
  backend(device()).copy(drawn_from(Random(8, Draws::dropout), device()), draw);
  backward(sum(y));
  EXPECT_EQ(ones.grad().to_vector<float>(), y.to_vector<float>());

  EXPECT_ERROR(dropout(x, 1.0f, draw), "dropout: p must lie in [0, 1), got 1");
  EXPECT_ERROR(dropout(x, -0.5f, draw), "got -0.5");
  EXPECT_ERROR(dropout(labels({2}, 3), 0.5f, draw), "dropout: x must be float32 or bfloat16, got int32");
  EXPECT_ERROR(dropout(x, 0.5f, labels({2}, 3)), "dropout: draw must be int64 [2]");
}

TEST_P(OpTest, SumAndMean) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      // Away from zero, where a relative error of the sum means something.
      const Tensor x = uniform(shape, 0.5f, 1.5f, dtype);
      EXPECT_CLOSE(sum(x), reference::sum(reference::from(x)), tolerance(dtype));
      EXPECT_CLOSE(mean(x), reference::mean(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT(sum, reference::sum, x, tolerance(dtype));
      EXPECT_GRADIENT(mean, reference::mean, x, tolerance(dtype));
    }
  }
  EXPECT_ERROR(mean(Tensor::empty({0, 3}, kFloat32, device())), "mean: x must have elements, got [0, 3]");
  EXPECT_ERROR(mean(labels({2}, 3)), "mean: x must be float32 or bfloat16, got int32");
  EXPECT_ERROR(sum(labels({2}, 3)), "sum: x must be float32 or bfloat16, got int32");
}

TEST_P(OpTest, SumOfManyKeepsPrecision) {
  // A running float32 sum of ones stops at 2^24.
  const int64_t count = (1 << 24) + (1 << 22) + 7;
  EXPECT_NEAR(sum(Tensor::full({count}, 1.0, kFloat32, device())).item(), static_cast<double>(count), 8.0);
}

TEST_P(OpTest, MseLoss) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : kOdd) {
      const Tensor x = normal(shape, dtype), target = normal(shape, dtype);
      const reference::Array fixed = reference::from(target);
      const auto expected = [&](const reference::Array& a) { return reference::mse_loss(a, fixed); };
      EXPECT_CLOSE(mse_loss(x, target), expected(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& a) { return mse_loss(a, target); }, expected, x, tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& a) { return mse_loss(target, a); }, expected, x, tolerance(dtype));
    }
  }
  const Tensor x = normal({2, 3}), none = Tensor::empty({0}, kFloat32, device());
  EXPECT_ERROR(mse_loss(x, normal({6})), "mse_loss: target must be float32 [2, 3]");
  EXPECT_ERROR(mse_loss(none, none), "mse_loss: x must have elements, got [0]");
  EXPECT_ERROR(mse_loss(labels({2}, 3), x), "mse_loss: x must be float32 or bfloat16, got int32");
}

TEST_P(OpTest, Cast) {
  for (const Shape& shape : kOdd) {
    const Tensor x = normal(shape);
    const reference::Array rounded = reference::cast(reference::from(x), kBFloat16);
    const Tensor narrow = cast(x, kBFloat16);
    ASSERT_EQ(narrow.dtype(), kBFloat16);
    EXPECT_EQ(reference::from(narrow).values, rounded.values);  // to the bit
    EXPECT_EQ(reference::from(cast(narrow, kFloat32)).values, rounded.values);
  }
}

TEST_P(OpTest, CastGradientReturnsToTheInputsType) {
  const Tensor x = normal({3, 33}), g = normal({3, 33}, kBFloat16);
  const Tensor dx = gradient_of([](const Tensor& a) { return cast(a, kBFloat16); }, x, g);
  EXPECT_EQ(dx.dtype(), kFloat32);
  EXPECT_EQ(reference::from(dx).values, reference::from(g).values);
  EXPECT_EQ(cast(x, kFloat32).raw(), x.raw());
  EXPECT_ERROR(cast(x, kInt32), "cast: dtype must be float32 or bfloat16, got int32");
  EXPECT_ERROR(cast(labels({2}, 3), kFloat32), "cast: x must be float32 or bfloat16, got int32");
}

TEST_P(OpTest, Reshape) {
  const Tensor x = normal({2, 3, 7});
  const auto same = [](const reference::Array& a) { return reference::Array{{6, 7}, a.values}; };
  EXPECT_CLOSE(reshape(x, {-1, 7}), same(reference::from(x)), 0.0);
  EXPECT_EQ(reshape(x, {-1, 7}).raw(), x.raw());
  EXPECT_GRADIENT([](const Tensor& a) { return reshape(a, {6, -1}); }, same, x, tolerance(kFloat32));
  EXPECT_EQ(reshape(x, {42}).shape(), (Shape{42}));
  EXPECT_EQ(reshape(normal({1}), {}).shape(), (Shape{}));
  EXPECT_ERROR(reshape(x, {-1, -1}), "at most one size may be -1");
  EXPECT_ERROR(reshape(x, {5, -1}), "reshape: [2, 3, 7] does not divide");
  EXPECT_ERROR(reshape(x, {-2, 21}), "must be -1 or not negative, got -2");
  EXPECT_ERROR(reshape(x, {4, 10}), "[2, 3, 7] cannot be seen as [4, 10]");
}

}  // namespace
}  // namespace bareseg
