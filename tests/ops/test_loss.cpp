#include <algorithm>
#include <cmath>

#include "tests/devices.h"

namespace bareseg {
namespace {

std::vector<int64_t> numbers(const Tensor& labels) {
  const reference::Array wide = reference::from(labels);
  std::vector<int64_t> values(wide.values.size());
  std::transform(wide.values.begin(), wide.values.end(), values.begin(),
                 [](double value) { return static_cast<int64_t>(value); });
  return values;
}

/// x [R, ...] `times` times over: [times R, ...].
Tensor repeated(const Tensor& x, int64_t times) {
  return dispatch(x.dtype(), [&](auto type) {
    const auto once = x.to_vector<decltype(type)>();
    auto all = once;
    for (int64_t i = 1; i < times; ++i) all.insert(all.end(), once.begin(), once.end());
    const int64_t rows = x.dim(0) * times;
    return Tensor::from(all, x.rank() == 1 ? Shape{rows} : Shape{rows, x.dim(1)}, x.device());
  });
}

TEST_P(OpTest, LogSoftmax) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Shape& shape :
         {Shape{1, 2}, Shape{7, 33}, Shape{2, 3, 27}, Shape{5, 40}, Shape{3, 256}, Shape{3, 2053}}) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const Tensor x = normal(shape, dtype, 3.0f);
      EXPECT_CLOSE(log_softmax(x), reference::log_softmax(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT(log_softmax, reference::log_softmax, x, tolerance(dtype));
    }
  }
  EXPECT_EQ(log_softmax(normal({3, 1})).to_vector<float>(), std::vector<float>(3, 0.0f));
}

TEST_P(OpTest, LogSoftmaxOfLargeNumbers) {
  const Tensor x = Tensor::from<float>({1e4f, -1e4f, 0.0f, -1e30f, 88.0f, 89.0f}, {2, 3}, device());
  EXPECT_CLOSE(log_softmax(x), reference::log_softmax(reference::from(x)), tolerance(kFloat32));
}

TEST_P(OpTest, LogSoftmaxErrors) {
  EXPECT_ERROR(log_softmax(labels({2, 3}, 3)), "log_softmax: x must be float with a last dimension > 0, got int32");
  EXPECT_ERROR(log_softmax(Tensor::empty({2, 0}, kFloat32, device())), "got float32 [2, 0]");
}

TEST_P(OpTest, CrossEntropy) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const DType label_type : {kInt32, kUInt8}) {
      for (const Shape& shape : {Shape{1, 2}, Shape{7, 33}, Shape{2, 5, 3, 27}, Shape{1001, 5}, Shape{3, 251}}) {
        const int64_t classes = shape.dim(-1);
        const Tensor logits = normal(shape, dtype, 2.0f), y = labels(shape.drop_last(), classes, label_type);
        const Tensor weights = uniform({classes}, 0.1f, 2.0f);
        for (const bool weighted : {false, true}) {
          // Ignoring class 0 leaves at least one label of each batch here but the one-row case.
          for (const int64_t ignore : {int64_t{-1}, int64_t{0}}) {
            SCOPED_TRACE(testing::Message() << shape << " " << dtype << " labels " << label_type << " weighted "
                                            << weighted << " ignore " << ignore);
            const Tensor w = weighted ? weights : Tensor();
            const auto expected = [&](const reference::Array& t) {
              return reference::cross_entropy(t, numbers(y), reference::from(w), ignore);
            };
            const Tensor loss = cross_entropy(logits, y, w, ignore);
            EXPECT_EQ(loss.dtype(), kFloat32);
            EXPECT_CLOSE(loss, expected(reference::from(logits)), tolerance(kFloat32));
            EXPECT_GRADIENT([&](const Tensor& t) { return cross_entropy(t, y, w, ignore); }, expected, logits,
                            tolerance(dtype));
          }
        }
      }
    }
  }
}

TEST_P(OpTest, CrossEntropyWithNothingToCount) {
  const Tensor logits = normal({3, 5}), y = Tensor::from<uint8_t>({255, 255, 255}, {3}, device());
  const auto op = [&](const Tensor& t) { return cross_entropy(t, y, {}, 255); };
  EXPECT_EQ(op(logits).item(), 0.0);
  const Tensor one = Tensor::full({1}, 1.0, kFloat32, device());
  EXPECT_EQ(gradient_of(op, logits, one).to_vector<float>(), std::vector<float>(15, 0.0f));
}

TEST_P(OpTest, CrossEntropyOfAWrongLabelIsNaN) {
  const Tensor logits = normal({3, 5});
  EXPECT_TRUE(std::isnan(cross_entropy(logits, Tensor::from<uint8_t>({0, 5, 1}, {3}, device())).item()));
  EXPECT_TRUE(std::isnan(cross_entropy(logits, Tensor::from<int32_t>({0, -2, 1}, {3}, device())).item()));
  EXPECT_FALSE(std::isnan(cross_entropy(logits, Tensor::from<int32_t>({0, -1, 1}, {3}, device())).item()));
}

// More rows than a grid of blocks takes at once: one small batch over and over has its loss.
TEST_P(OpTest, CrossEntropyOfManyRows) {
  for (const auto& [classes, times] : {std::pair<int64_t, int64_t>{3, 1000}, {65, 250}}) {
    const Tensor logits = normal({33, classes}), y = labels({33}, classes), w = uniform({classes}, 0.1f, 2.0f);
    EXPECT_CLOSE(cross_entropy(repeated(logits, times), repeated(y, times), w),
                 reference::from(cross_entropy(logits, y, w)), tolerance(kFloat32));
  }
}

TEST_P(OpTest, CrossEntropyErrors) {
  const Tensor logits = normal({3, 5}), y = labels({3}, 5);
  EXPECT_ERROR(cross_entropy(labels({3, 5}, 2), y), "cross_entropy: logits must be float");
  EXPECT_ERROR(cross_entropy(logits, labels({4}, 5)), "cross_entropy: labels must be uint8 or int32 and 3 in number");
  EXPECT_ERROR(cross_entropy(logits, normal({3})), "got float32 [3]");
  EXPECT_ERROR(cross_entropy(logits, Tensor()), "got an undefined tensor");
  EXPECT_ERROR(cross_entropy(logits, y, normal({4})), "class_weights must be float32 [5], got float32 [4]");
  EXPECT_ERROR(cross_entropy(logits, y, normal({5}, kBFloat16)), "got bfloat16 [5]");
}

struct ClusterCase {
  Shape features;
  std::vector<int64_t> classes;  // of each target
};
const ClusterCase kClusterCases[] = {
    {{1, 2}, {1}},           {{7, 33}, {5}},        {{2, 5, 5, 16}, {27, 27}}, {{3, 7, 5, 128}, {27, 11}},
    {{201, 7}, {3, 300, 2}}, {{3, 2053}, {7, 5}},   {{5, 200}, {27, 29}},      {{130, 264}, {60}},
    {{45, 128}, {64}},       {{150, 256}, {32, 3}}, {{6, 8}, {33, 2}},
};

class ClusterLoss : public OpTest {
 protected:
  // Centroids are numbers that `dtype` holds exactly.
  std::vector<ClusterTarget> draw(const ClusterCase& c, bool weighted, DType dtype = kFloat32) {
    std::vector<ClusterTarget> targets;
    for (const int64_t classes : c.classes) {
      targets.push_back({cast(normal({classes, c.features.dim(-1)}, dtype), kFloat32),
                         labels(c.features.drop_last(), classes, classes > 256 ? kInt32 : kUInt8),
                         weighted ? uniform({classes}, 0.1f, 2.0f) : Tensor()});
    }
    return targets;
  }
  void many_rows(const Shape& shape, DType dtype);
  void zero_features(const Shape& shape, DType dtype);
};

std::vector<reference::Target> from(const std::vector<ClusterTarget>& targets) {
  std::vector<reference::Target> result;
  for (const ClusterTarget& t : targets) {
    result.push_back({reference::from(t.centroids), numbers(t.labels), reference::from(t.class_weights)});
  }
  return result;
}

TEST_P(ClusterLoss, ForwardTermsAndGradient) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const ClusterCase& c : kClusterCases) {
      for (const bool weighted : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.features << " " << dtype << " weighted " << weighted);
        const Tensor features = normal(c.features, dtype);
        const std::vector<ClusterTarget> targets = draw(c, weighted, dtype);
        const std::vector<reference::Target> wide = from(targets);
        Tensor terms;
        // One class alone has a loss of zero, which a relative error cannot measure.
        const double allowed = c.classes == std::vector<int64_t>{1} ? 0.0 : tolerance(kFloat32);
        const auto expected = [&](const reference::Array& t) { return reference::cosine_cluster_loss(t, wide); };
        EXPECT_CLOSE(cosine_cluster_loss(features, targets, &terms), expected(reference::from(features)), allowed);
        EXPECT_CLOSE(terms, reference::cosine_cluster_terms(reference::from(features), wide), allowed);
        EXPECT_FALSE(terms.requires_grad());
        if (c.classes.front() == 1) continue;
        EXPECT_GRADIENT([&](const Tensor& t) { return cosine_cluster_loss(t, targets); }, expected, features,
                        tolerance(dtype));
      }
    }
  }
}

TEST_P(ClusterLoss, RoundsCentroidsToBFloat16AtMost) {
  const ClusterCase c{{70, 128}, {27, 27}};
  const Tensor features = normal(c.features, kBFloat16);
  const std::vector<ClusterTarget> targets = draw(c, true);
  const auto expected = [wide = from(targets)](const reference::Array& t) {
    return reference::cosine_cluster_loss(t, wide);
  };
  EXPECT_CLOSE(cosine_cluster_loss(features, targets), expected(reference::from(features)), tolerance(kBFloat16));
  EXPECT_GRADIENT([&](const Tensor& t) { return cosine_cluster_loss(t, targets); }, expected, features,
                  tolerance(kBFloat16));
}

TEST_P(ClusterLoss, OfMisalignedFeatures) {
  const ClusterCase c{{20, 16}, {5, 7}};
  const Tensor features = normal(c.features, kBFloat16), one = Tensor::full({1}, 1.0, kFloat32, device());
  const std::vector<ClusterTarget> targets = draw(c, true, kBFloat16);
  const auto op = [&](const Tensor& t) { return cosine_cluster_loss(t, targets); };
  EXPECT_CLOSE(gradient_of(op, misaligned(features), one), reference::from(gradient_of(op, features, one)),
               tolerance(kBFloat16));
}

// The fused op is what its parts are: l2_normalize, linear, cross_entropy.
TEST_P(ClusterLoss, EqualsItsParts) {
  const ClusterCase c{{65, 33}, {9}};
  const Tensor features = normal(c.features), one = Tensor::full({1}, 1.0, kFloat32, device());
  const std::vector<ClusterTarget> targets = draw(c, true);
  const auto fused = [&](const Tensor& t) { return cosine_cluster_loss(t, targets); };
  const auto parts = [&](const Tensor& t) {
    return cross_entropy(linear(l2_normalize(t), targets[0].centroids), targets[0].labels, targets[0].class_weights);
  };
  EXPECT_CLOSE(fused(features), reference::from(parts(features)), tolerance(kFloat32));
  EXPECT_CLOSE(gradient_of(fused, features, one), reference::from(gradient_of(parts, features, one)),
               tolerance(kFloat32));
}

// More rows than the blocks of an H200 take at once.
TEST_P(ClusterLoss, ManyRows) {
  many_rows({33, 3}, kFloat32);
  many_rows({33, 8}, kBFloat16);
}

void ClusterLoss::many_rows(const Shape& shape, DType dtype) {
  constexpr int64_t kTimes = 1600;
  const Tensor features = normal(shape, dtype), one = Tensor::full({1}, 1.0, kFloat32, device());
  const std::vector<ClusterTarget> targets = draw({shape, {2, 5}}, true, dtype);
  std::vector<ClusterTarget> many = targets;
  for (ClusterTarget& target : many) target.labels = repeated(target.labels, kTimes);
  Tensor terms, many_terms;
  const Tensor gradient =
      gradient_of([&](const Tensor& t) { return cosine_cluster_loss(t, targets, &terms); }, features, one);
  const auto op = [&](const Tensor& t) { return cosine_cluster_loss(t, many, &many_terms); };
  EXPECT_CLOSE(gradient_of(op, repeated(features, kTimes), one),
               reference::scale(reference::from(repeated(gradient, kTimes)), 1.0 / static_cast<double>(kTimes)),
               tolerance(dtype));
  EXPECT_CLOSE(many_terms, reference::from(terms), tolerance(kFloat32));
}

// Below the floor of 1e-12 the norm is a constant: a zero feature has logits of zero and a gradient all the same.
TEST_P(ClusterLoss, ZeroFeatures) {
  zero_features({3, 5}, kFloat32);
  zero_features({3, 8}, kBFloat16);
}

void ClusterLoss::zero_features(const Shape& shape, DType dtype) {
  const ClusterCase c{shape, {4}};
  const int64_t dims = shape.dim(1);
  const Tensor features = Tensor::zeros(c.features, dtype, device());
  const std::vector<ClusterTarget> targets = draw(c, false, dtype);
  const Tensor one = Tensor::full({1}, 1.0, kFloat32, device());
  const auto op = [&](const Tensor& t) { return cosine_cluster_loss(t, targets); };
  EXPECT_NEAR(op(features).item(), std::log(4.0), 1e-6);
  const reference::Array centroids = reference::from(targets[0].centroids);
  reference::Array expected = reference::zeros(c.features);
  for (int64_t i = 0; i < expected.shape.count(); ++i) {
    const int64_t label = numbers(targets[0].labels)[static_cast<size_t>(i / dims)], dim = i % dims;
    for (int64_t k = 0; k < 4; ++k) expected[i] += (0.25 - (k == label)) * centroids[k * dims + dim] * 1e12 / 3.0;
  }
  EXPECT_CLOSE(gradient_of(op, features, one), expected, tolerance(dtype));
}

TEST_P(ClusterLoss, WrongLabelIsNaN) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const Tensor f = normal({4, 8}, dtype), centroids = normal({5, 8});
    for (const Tensor& y :
         {Tensor::from<uint8_t>({0, 5, 1, 2}, {4}, device()), Tensor::from<int32_t>({0, -1, 1, 2}, {4}, device())}) {
      EXPECT_TRUE(std::isnan(cosine_cluster_loss(f, {{centroids, y, {}}}).item())) << dtype << ' ' << y.dtype();
    }
  }
}

TEST_P(ClusterLoss, NothingToCount) {
  const Tensor zero = Tensor::zeros({5}, kFloat32, device()), one = Tensor::full({1}, 1.0, kFloat32, device());
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const Tensor f = normal({4, 8}, dtype);
    const auto op = [&](const Tensor& t) { return cosine_cluster_loss(t, {{normal({5, 8}), labels({4}, 5), zero}}); };
    EXPECT_EQ(op(f).item(), 0.0);
    EXPECT_CLOSE(gradient_of(op, f, one), reference::zeros({4, 8}), 0.0);
  }
}

TEST_P(ClusterLoss, GradientScalesWithTheLoss) {
  const ClusterCase c{{5, 7}, {3, 3}};
  const Tensor features = normal(c.features), half = Tensor::full({1}, 0.5, kFloat32, device());
  const Tensor one = Tensor::full({1}, 1.0, kFloat32, device());
  const std::vector<ClusterTarget> targets = draw(c, true);
  const auto op = [&](const Tensor& t) { return cosine_cluster_loss(t, targets); };
  EXPECT_CLOSE(gradient_of(op, features, half), reference::scale(reference::from(gradient_of(op, features, one)), 0.5),
               tolerance(kFloat32));
}

TEST_P(ClusterLoss, Errors) {
  const Tensor f = normal({4, 3}), centroids = normal({5, 3}), y = labels({4}, 5);
  EXPECT_ERROR(cosine_cluster_loss(labels({4, 3}, 2), {{centroids, y, {}}}), "features must be float");
  EXPECT_ERROR(cosine_cluster_loss(f, {}), "cosine_cluster_loss: expected at least one target");
  EXPECT_ERROR(cosine_cluster_loss(f, {{normal({5, 4}), y, {}}}), "centroids must be float32 [K, 3]");
  EXPECT_ERROR(cosine_cluster_loss(f, {{normal({5, 3}, kBFloat16), y, {}}}), "got bfloat16 [5, 3]");
  EXPECT_ERROR(cosine_cluster_loss(f, {{Tensor(), y, {}}}), "got undefined");
  EXPECT_ERROR(cosine_cluster_loss(f, {{centroids, labels({3}, 5), {}}}), "labels must be uint8 or int32 and 4");
  EXPECT_ERROR(cosine_cluster_loss(f, {{centroids, y, normal({4})}}), "class_weights must be float32 [5]");
  if (GetParam() == Device::Type::cpu) return;
  EXPECT_ERROR(cosine_cluster_loss(f, std::vector<ClusterTarget>(61, {centroids, y, {}})), "at most 60 targets");
}

INSTANTIATE_TEST_SUITE_P(Devices, ClusterLoss, testing::ValuesIn(all_devices()), device_name);

}  // namespace
}  // namespace bareseg
