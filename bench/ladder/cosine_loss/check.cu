// The task as plain loops in double, and the comparison of a rung with them.
#include <cmath>
#include <memory>
#include <random>

#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "bench/ladder/ladder.h"

namespace bareseg::cosine_ladder {
namespace {

struct Numbers {
  std::vector<float> features, centroids, class_weights;
  std::vector<bfloat16> narrow_features;
  std::vector<uint8_t> labels;

  explicit Numbers(int64_t rows) {
    std::mt19937 random(20211210);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> weight(0.1f, 2.0f);
    for (int64_t i = 0; i < rows * kDims; ++i) {
      narrow_features.emplace_back(normal(random));
      features.push_back(static_cast<float>(narrow_features.back()));
    }
    for (int i = 0; i < kColumns * kDims; ++i) centroids.push_back(0.3f * normal(random));
    for (int i = 0; i < kColumns; ++i) class_weights.push_back(weight(random));
    for (int64_t i = 0; i < kTargets * rows; ++i) labels.push_back(static_cast<uint8_t>(random() % kClusters));
  }
};

struct Arrays {
  ladder::DeviceArray<float> features, centroids, class_weights;
  ladder::DeviceArray<uint8_t> labels;
  ladder::DeviceArray<char> scratch;
  ladder::DeviceArray<float> terms, dfeatures;
  ladder::DeviceArray<bfloat16> narrow_features, narrow_dfeatures;
  LossCase given;

  Arrays(const Numbers& n, int64_t rows)
      : features(n.features),
        centroids(n.centroids),
        class_weights(n.class_weights),
        labels(n.labels),
        scratch(scratch_bytes(rows)),
        terms(kTargets),
        dfeatures(rows * kDims),
        narrow_features(n.narrow_features),
        narrow_dfeatures(rows * kDims),
        given{.rows = rows,
              .features = features.data(),
              .centroids = centroids.data(),
              .labels = labels.data(),
              .class_weights = class_weights.data(),
              .scratch = scratch.data(),
              .terms = terms.data(),
              .dfeatures = dfeatures.data(),
              .narrow_features = narrow_features.data(),
              .narrow_dfeatures = narrow_dfeatures.data()} {}
};

struct Expected {
  std::vector<double> terms, dfeatures;
};

// One row of one target: adds its weighted entropy to `loss` and the gradient by the unit feature, times `scale`, to
// `gradient`.
void expect_row(const Numbers& n, int target, int label, const double* unit, double scale, double& loss,
                double* gradient) {
  const float* centroids = n.centroids.data() + target * kClusters * kDims;
  const double weight = static_cast<double>(n.class_weights[static_cast<size_t>(target * kClusters + label)]);
  double z[kClusters] = {}, sum = 0.0;
  for (int k = 0; k < kClusters; ++k) {
    for (int d = 0; d < kDims; ++d) z[k] += unit[d] * static_cast<double>(centroids[k * kDims + d]);
    sum += std::exp(z[k]);
  }
  loss += weight * (std::log(sum) - z[label]);
  for (int k = 0; k < kClusters; ++k) {
    const double by_logit = weight * scale * (std::exp(z[k]) / sum - (k == label ? 1.0 : 0.0));
    for (int d = 0; d < kDims; ++d) gradient[d] += by_logit * static_cast<double>(centroids[k * kDims + d]);
  }
}

Expected expect(const Numbers& n, int64_t rows) {
  Expected e{std::vector<double>(kTargets), std::vector<double>(static_cast<size_t>(rows * kDims))};
  double weights[kTargets] = {};
  const auto label = [&](int t, int64_t r) { return int{n.labels[static_cast<size_t>(t * rows + r)]}; };
  for (int t = 0; t < kTargets; ++t) {
    for (int64_t r = 0; r < rows; ++r) {
      weights[t] += static_cast<double>(n.class_weights[static_cast<size_t>(t * kClusters + label(t, r))]);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    double unit[kDims], gradient[kDims] = {}, norm = 0.0, along = 0.0;
    const float* feature = n.features.data() + r * kDims;
    for (int d = 0; d < kDims; ++d) norm += static_cast<double>(feature[d]) * static_cast<double>(feature[d]);
    norm = std::sqrt(norm);
    for (int d = 0; d < kDims; ++d) unit[d] = static_cast<double>(feature[d]) / norm;
    for (int t = 0; t < kTargets; ++t) {
      expect_row(n, t, label(t, r), unit, 1.0 / (kTargets * weights[t]), e.terms[static_cast<size_t>(t)], gradient);
    }
    for (int d = 0; d < kDims; ++d) along += gradient[d] * unit[d];
    for (int d = 0; d < kDims; ++d) {
      e.dfeatures[static_cast<size_t>(r * kDims + d)] = (gradient[d] - along * unit[d]) / norm;
    }
  }
  for (int t = 0; t < kTargets; ++t) e.terms[static_cast<size_t>(t)] /= weights[t];
  return e;
}

}  // namespace

int64_t scratch_bytes(int64_t rows) {
  const int64_t doubles = kTargets * (kParts + kMaxBlocks), floats = rows * (1 + 2 * kDims + kColumns);
  return doubles * static_cast<int64_t>(sizeof(double)) + floats * static_cast<int64_t>(sizeof(float));
}

const LossCase& make_case(int64_t rows) {
  static std::unique_ptr<Arrays> arrays;
  arrays = std::make_unique<Arrays>(Numbers(rows), rows);
  return arrays->given;
}

std::string check(const NamedRung& rung, int64_t rows) {
  const double allowed = rung.narrow ? 1e-2 : 1e-5;
  const Numbers numbers(rows);
  const Arrays arrays(numbers, rows);
  const Expected expected = expect(numbers, rows);
  rung.run(nullptr, arrays.given);
  const double terms = ladder::relative_error(arrays.terms.to_host(), expected.terms);
  const auto floats = [](const auto& values) { return std::vector<float>(values.begin(), values.end()); };
  const double gradient = ladder::relative_error(
      rung.narrow ? floats(arrays.narrow_dfeatures.to_host()) : arrays.dfeatures.to_host(), expected.dfeatures);
  if (terms <= allowed && gradient <= allowed) return "";
  return concat(rows, " rows: relative error of the terms ", terms, ", of the gradient ", gradient);
}

}  // namespace bareseg::cosine_ladder
