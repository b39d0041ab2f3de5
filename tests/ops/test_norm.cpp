#include <cmath>

#include "tests/devices.h"

namespace bareseg {
namespace {

// Narrow and wide rows, whole packs of 16 bytes and not; the last two have rows enough for several partial sums.
const Shape kMaps[] = {{2, 1}, {7, 33}, {2, 5, 3, 16}, {3, 7, 5, 64}, {3, 2053}, {401, 33}, {201, 264}};

struct BatchNormCase {
  bool training, relu, residual;
};
const BatchNormCase kVariants[] = {{true, false, false}, {true, true, false},   {true, false, true},
                                   {true, true, true},   {false, false, false}, {false, true, false},
                                   {false, false, true}, {false, true, true}};

struct BatchNormInputs {
  Tensor x, weight, bias, mean, var, residual;
};

class BatchNorm : public OpTest {
 protected:
  BatchNormInputs draw(const Shape& shape, DType dtype, bool residual) {
    const Shape channels{shape.dim(-1)};
    return {normal(shape, dtype, 2.0f), uniform(channels, 0.5f, 1.5f), normal(channels),
            normal(channels),           uniform(channels, 0.5f, 2.0f), residual ? normal(shape, dtype) : Tensor()};
  }
};

reference::Array expected(const BatchNormInputs& in, const BatchNormOptions& o, const reference::Array& x,
                          const reference::Array& weight, const reference::Array& bias,
                          const reference::Array& residual) {
  reference::Array mean = reference::from(in.mean), var = reference::from(in.var);
  return reference::batch_norm(x, weight, bias, mean, var, o, residual);
}

TEST_P(BatchNorm, ForwardAndRunningStatistics) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Shape& shape : kMaps) {
      for (const BatchNormCase& variant : kVariants) {
        SCOPED_TRACE(testing::Message() << shape << " " << dtype << " training " << variant.training << " relu "
                                        << variant.relu << " residual " << variant.residual);
        const BatchNormInputs in = draw(shape, dtype, variant.residual);
        const BatchNormOptions o{.training = variant.training, .momentum = 0.3f, .eps = 1e-3f, .relu = variant.relu};
        reference::Array mean = reference::from(in.mean), var = reference::from(in.var);
        const reference::Array y =
            reference::batch_norm(reference::from(in.x), reference::from(in.weight), reference::from(in.bias), mean,
                                  var, o, reference::from(in.residual));
        const NoGrad no_grad;
        EXPECT_CLOSE(batch_norm(in.x, in.weight, in.bias, in.mean, in.var, o, in.residual), y, tolerance(dtype));
        EXPECT_CLOSE(in.mean, mean, tolerance(kFloat32));
        EXPECT_CLOSE(in.var, var, tolerance(kFloat32));
      }
    }
  }
}

TEST_P(BatchNorm, Gradients) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Shape& shape : {Shape{7, 33}, Shape{2, 5, 3, 16}, Shape{3, 7, 5, 7}, Shape{5, 2053}}) {
      for (const BatchNormCase& variant : kVariants) {
        SCOPED_TRACE(testing::Message() << shape << " " << dtype << " training " << variant.training << " relu "
                                        << variant.relu << " residual " << variant.residual);
        const BatchNormInputs in = draw(shape, dtype, variant.residual);
        const BatchNormOptions o{.training = variant.training, .eps = 1e-3f, .relu = variant.relu};
        const reference::Array x = reference::from(in.x), w = reference::from(in.weight), b = reference::from(in.bias),
                               r = reference::from(in.residual);
        const auto run = [&](const Tensor& a, const Tensor& weight, const Tensor& bias, const Tensor& residual) {
          return batch_norm(a, weight, bias, in.mean.clone(), in.var.clone(), o, residual);
        };
        const double allowed = tolerance(dtype);
        EXPECT_GRADIENT([&](const Tensor& t) { return run(t, in.weight, in.bias, in.residual); },
                        [&](const reference::Array& t) { return expected(in, o, t, w, b, r); }, in.x, allowed);
        EXPECT_GRADIENT([&](const Tensor& t) { return run(in.x, t, in.bias, in.residual); },
                        [&](const reference::Array& t) { return expected(in, o, x, t, b, r); }, in.weight, allowed);
        EXPECT_GRADIENT([&](const Tensor& t) { return run(in.x, in.weight, t, in.residual); },
                        [&](const reference::Array& t) { return expected(in, o, x, w, t, r); }, in.bias, allowed);
        if (!variant.residual) continue;
        EXPECT_GRADIENT([&](const Tensor& t) { return run(in.x, in.weight, in.bias, t); },
                        [&](const reference::Array& t) { return expected(in, o, x, w, b, t); }, in.residual, allowed);
      }
    }
  }
}

// In rows enough for several partial sums. The parameters move whole channels, some of whose many values would cross a
// ReLU's kink, so theirs are gradients without it.
TEST_P(BatchNorm, GradientsOfManyRows) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Shape& shape : {Shape{401, 33}, Shape{201, 136}}) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const BatchNormInputs in = draw(shape, dtype, true);
      const BatchNormOptions cut{.relu = true}, whole{};
      const reference::Array x = reference::from(in.x), w = reference::from(in.weight), b = reference::from(in.bias),
                             r = reference::from(in.residual);
      const auto run = [&](const Tensor& a, const Tensor& weight, const Tensor& bias, const BatchNormOptions& o) {
        return batch_norm(a, weight, bias, in.mean.clone(), in.var.clone(), o, in.residual);
      };
      const double allowed = tolerance(dtype);
      EXPECT_GRADIENT([&](const Tensor& t) { return run(t, in.weight, in.bias, cut); },
                      [&](const reference::Array& t) { return expected(in, cut, t, w, b, r); }, in.x, allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return run(in.x, t, in.bias, whole); },
                      [&](const reference::Array& t) { return expected(in, whole, x, t, b, r); }, in.weight, allowed);
      EXPECT_GRADIENT([&](const Tensor& t) { return run(in.x, in.weight, t, whole); },
                      [&](const reference::Array& t) { return expected(in, whole, x, w, t, r); }, in.bias, allowed);
    }
  }
}

// Where elements lie makes no difference beyond the order of sums.
TEST_P(BatchNorm, OfMisalignedTensors) {
  const BatchNormOptions o{.relu = true};
  for (const DType dtype : {kFloat32, kBFloat16}) {
    SCOPED_TRACE(dtype);
    const BatchNormInputs in = draw({65, 64}, dtype, true);
    const Tensor g = normal({65, 64}, dtype);
    const auto run = [&](const Tensor& x) {
      return batch_norm(x, in.weight, in.bias, in.mean.clone(), in.var.clone(), o, in.residual);
    };
    EXPECT_CLOSE(run(misaligned(in.x)), reference::from(run(in.x)), tolerance(dtype));
    EXPECT_CLOSE(gradient_of(run, in.x, misaligned(g)), reference::from(gradient_of(run, in.x, g)), tolerance(dtype));
  }
}

// The variance of large numbers with a small spread: sums of squares would lose it.
TEST_P(BatchNorm, VarianceFarFromZero) {
  const Tensor x = add(normal({501, 7}), Tensor::full({501, 7}, 1000.0, kFloat32, device()));
  const Tensor one = Tensor::full({7}, 1.0, kFloat32, device()), zero = Tensor::zeros({7}, kFloat32, device());
  reference::Array mean = reference::zeros({7}), var = mean;
  const BatchNormOptions o{};
  const reference::Array y =
      reference::batch_norm(reference::from(x), reference::from(one), reference::from(zero), mean, var, o);
  // x itself is rounded to 6e-5 of its spread; the subtraction is exact, the mean is not.
  EXPECT_CLOSE(batch_norm(x, one, zero, zero.clone(), one.clone(), o), y, 1e-4);
}

TEST_P(BatchNorm, TrainingUpdatesStatisticsUnderNoGradToo) {
  const BatchNormInputs in = draw({5, 3}, kFloat32, false);
  const Tensor before = in.mean.clone();
  {
    const NoGrad no_grad;
    batch_norm(in.x, in.weight, in.bias, in.mean, in.var, {});
  }
  EXPECT_NE(in.mean.to_vector<float>(), before.to_vector<float>());
}

TEST_P(BatchNorm, Errors) {
  const Tensor x = normal({4, 3}), c = normal({3}), wrong = normal({2});
  EXPECT_ERROR(batch_norm(labels({4, 3}, 2), c, c, c, c, {}), "batch_norm: x must be float [..., C]");
  EXPECT_ERROR(batch_norm(Tensor::empty({4, 0}, kFloat32, device()), c, c, c, c, {}), "got float32 [4, 0]");
  EXPECT_ERROR(batch_norm(x, wrong, c, c, c, {}), "batch_norm: weight must be float32 [3], got float32 [2]");
  EXPECT_ERROR(batch_norm(x, c, wrong, c, c, {}), "batch_norm: bias must be float32 [3], got float32 [2]");
  EXPECT_ERROR(batch_norm(x, c, c, wrong, c, {}), "batch_norm: running_mean must be float32 [3]");
  EXPECT_ERROR(batch_norm(x, c, c, c, Tensor(), {}), "batch_norm: running_var must be float32 [3], got undefined");
  EXPECT_ERROR(batch_norm(x, c, c, c, c, {}, normal({3, 4})), "batch_norm: residual must be float32 [4, 3]");
  EXPECT_ERROR(batch_norm(x, c, c, c, c, {}, normal({4, 3}, kBFloat16)), "got bfloat16 [4, 3]");
  EXPECT_ERROR(batch_norm(x, c, c, c, c, {.eps = 0.0f}), "eps must be positive, got 0");
  EXPECT_ERROR(batch_norm(normal({1, 3}), c, c, c, c, {}), "training needs more than one value per channel");
}

TEST_P(OpTest, FoldBatchNorm) {
  constexpr float kEps = 1e-3f;
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{7, 3, 3, 5}, Shape{33, 1, 1, 2053}}) {
    const Tensor w = normal(shape), weight = normal({shape.dim(0)}), bias = normal({shape.dim(0)});
    const Tensor mean = normal({shape.dim(0)}), var = uniform({shape.dim(0)}, 0.1f, 2.0f);
    reference::Array expected = reference::from(w), offset = reference::from(bias);
    const reference::Array gamma = reference::from(weight), mu = reference::from(mean), v = reference::from(var);
    const int64_t inner = shape.count() / shape.dim(0);
    for (int64_t o = 0; o < shape.dim(0); ++o) {
      const double factor = gamma[o] / std::sqrt(v[o] + double{kEps});
      for (int64_t i = 0; i < inner; ++i) expected[o * inner + i] *= factor;
      offset[o] -= mu[o] * factor;
    }
    for (const DType dtype : {kFloat32, kBFloat16}) {
      const FoldedConv folded = fold_batch_norm(w, weight, bias, mean, var, kEps, dtype);
      EXPECT_CLOSE(folded.w, expected, tolerance(dtype));
      EXPECT_CLOSE(folded.bias, offset, tolerance(kFloat32));
    }
  }
  const Tensor w = normal({3, 1, 1, 2}), c = normal({3});
  EXPECT_ERROR(fold_batch_norm(normal({3, 2}), c, c, c, c, kEps, kFloat32), "w must be float32 [O, K, K, I]");
  EXPECT_ERROR(fold_batch_norm(w, c, c, c, normal({2}), kEps, kFloat32), "must be float32 [3], got float32 [2]");
  EXPECT_ERROR(fold_batch_norm(w, c, c, c, c, 0.0f, kFloat32), "eps must be positive");
  EXPECT_ERROR(fold_batch_norm(w, c, c, c, c, kEps, kInt32), "dtype must be float32 or bfloat16");
}

INSTANTIATE_TEST_SUITE_P(Devices, BatchNorm, testing::ValuesIn(all_devices()), device_name);

TEST_P(OpTest, L2Normalize) {
  const auto op = [](const Tensor& t) { return l2_normalize(t); };
  const auto reference_op = [](const reference::Array& t) { return reference::l2_normalize(t); };
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Shape& shape : {Shape{1, 1}, Shape{5, 7}, Shape{2, 3, 4, 33}, Shape{2, 3, 3, 128}, Shape{3, 2053}}) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const Tensor x = normal(shape, dtype);
      EXPECT_CLOSE(op(x), reference_op(reference::from(x)), tolerance(dtype));
      if (shape.dim(-1) == 1) continue;  // its gradient is zero, below
      EXPECT_GRADIENT(op, reference_op, x, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, L2NormalizeOfMisalignedTensors) {
  const auto op = [](const Tensor& t) { return l2_normalize(t); };
  for (const DType dtype : {kFloat32, kBFloat16}) {
    SCOPED_TRACE(dtype);
    const Tensor x = normal({5, 64}, dtype), g = normal({5, 64}, dtype);
    EXPECT_CLOSE(op(misaligned(x)), reference::from(op(x)), tolerance(dtype));
    EXPECT_CLOSE(gradient_of(op, x, misaligned(g)), reference::from(gradient_of(op, x, g)), tolerance(dtype));
  }
}

// One channel: y is the sign of x and the gradient is zero, up to the rounding of one minus one.
TEST_P(OpTest, L2NormalizeOfOneChannel) {
  const Tensor x = normal({33, 1}), g = normal({33, 1});
  for (const float value : gradient_of([](const Tensor& t) { return l2_normalize(t); }, x, g).to_vector<float>()) {
    EXPECT_NEAR(value, 0.0f, 1e-3f);
  }
}

TEST_P(OpTest, L2NormalizeBelowTheFloor) {
  const Tensor x = normal({5, 7});  // long enough that the gradient of a unit vector would differ
  const auto op = [](const Tensor& t) { return l2_normalize(t, 10.0f); };
  const auto reference_op = [](const reference::Array& t) { return reference::l2_normalize(t, 10.0); };
  EXPECT_CLOSE(op(x), reference_op(reference::from(x)), tolerance(kFloat32));
  EXPECT_GRADIENT(op, reference_op, x, tolerance(kFloat32));
  const Tensor zero = Tensor::zeros({2, 3}, kFloat32, device());
  EXPECT_EQ(l2_normalize(zero).to_vector<float>(), std::vector<float>(6, 0.0f));
}

TEST_P(OpTest, L2NormalizeErrors) {
  EXPECT_ERROR(l2_normalize(Tensor::empty({2, 0}, kFloat32, device())), "got float32 [2, 0]");
  EXPECT_ERROR(l2_normalize(labels({2, 3}, 3)), "l2_normalize: x must be float [..., C]");
  EXPECT_ERROR(l2_normalize(normal({2, 3}), 0.0f), "l2_normalize: eps must be positive, got 0");
}

}  // namespace
}  // namespace bareseg
