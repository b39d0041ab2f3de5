#include "cluster/dense_crf.h"

#include <algorithm>
#include <cmath>

#include "cluster/permutohedral.h"
#include "engine/error.h"

namespace bareseg {
namespace {

constexpr float kLeastProbability = 1e-10f;

// Places, and colours where `rgb` is given, in standard deviations.
std::vector<float> positions(const Tensor& image, float xy, const float* rgb) {
  const int64_t height = image.dim(0), width = image.dim(1);
  const uint8_t* colours = image.data<uint8_t>();
  std::vector<float> features;
  features.reserve(static_cast<size_t>(height * width * (rgb != nullptr ? 5 : 2)));
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, colours += 3) {
      features.push_back(static_cast<float>(x) / xy);
      features.push_back(static_cast<float>(y) / xy);
      for (int c = 0; rgb != nullptr && c < 3; ++c) features.push_back(static_cast<float>(colours[c]) / *rgb);
    }
  }
  return features;
}

void softmax_rows(std::vector<float>& rows, int64_t labels) {
  const int64_t count = std::ssize(rows) / labels;
#pragma omp parallel for
  for (int64_t i = 0; i < count; ++i) {
    float* row = rows.data() + i * labels;
    const float most = *std::max_element(row, row + labels);
    float sum = 0.0f;
    for (int64_t l = 0; l < labels; ++l) sum += row[l] = std::exp(row[l] - most);
    for (int64_t l = 0; l < labels; ++l) row[l] /= sum;
  }
}

// (sum_j k(i, j))^-1/2 for every i.
std::vector<float> normalisation(const CrfEdges& edges, int64_t pixels) {
  const std::vector<float> ones(static_cast<size_t>(pixels), 1.0f);
  std::vector<float> sums(ones.size());
  edges.filter(ones.data(), sums.data(), 1);
  for (float& sum : sums) sum = 1.0f / std::sqrt(std::max(sum, 1e-20f));
  return sums;
}

void check(const Tensor& image, const Tensor& probabilities, const DenseCrfOptions& o) {
  BS_CHECK(image.dtype() == kUInt8 && image.rank() == 3 && image.dim(2) == 3 && image.count() > 0,
           "dense_crf: image must be uint8 [H, W, 3], got ", image.dtype(), " ", image.shape());
  BS_CHECK(probabilities.dtype() == kFloat32 && probabilities.rank() == 3 && probabilities.count() > 0 &&
               probabilities.dim(0) == image.dim(0) && probabilities.dim(1) == image.dim(1),
           "dense_crf: probabilities must be float32 [", image.dim(0), ", ", image.dim(1), ", K], got ",
           probabilities.dtype(), " ", probabilities.shape());
  BS_CHECK(image.device() == Device() && probabilities.device() == Device(), "dense_crf: expected host memory, got ",
           image.device(), " and ", probabilities.device());
  BS_CHECK(o.smooth_xy > 0 && o.colour_xy > 0 && o.colour_rgb > 0, "dense_crf: deviations must be positive, got ",
           o.smooth_xy, ", ", o.colour_xy, ", ", o.colour_rgb);
  BS_CHECK(o.smooth_weight >= 0 && o.colour_weight >= 0 && o.iterations >= 1,
           "dense_crf: weights must be at least 0 and iterations at least 1, got ", o.smooth_weight, ", ",
           o.colour_weight, ", ", o.iterations);
}

}  // namespace

void mean_field(std::vector<float>& q, int64_t labels, const std::vector<CrfEdges>& edges, int iterations) {
  const int64_t pixels = std::ssize(q) / labels;
  std::vector<std::vector<float>> norms;
  for (const CrfEdges& e : edges) norms.push_back(normalisation(e, pixels));
  std::vector<float> unary(q.size()), scaled(q.size()), message(q.size());
  std::transform(q.begin(), q.end(), unary.begin(), [](float p) { return std::log(std::max(p, kLeastProbability)); });
  for (int iteration = 0; iteration < iterations; ++iteration) {
    std::vector<float> next = unary;
    for (size_t e = 0; e < edges.size(); ++e) {
      const std::vector<float>& norm = norms[e];
#pragma omp parallel for
      for (int64_t i = 0; i < pixels; ++i) {
        for (int64_t l = i * labels; l < (i + 1) * labels; ++l) scaled[size_t(l)] = norm[size_t(i)] * q[size_t(l)];
      }
      edges[e].filter(scaled.data(), message.data(), labels);
#pragma omp parallel for
      for (int64_t i = 0; i < pixels; ++i) {
        const float factor = edges[e].weight * norm[size_t(i)];
        for (int64_t l = i * labels; l < (i + 1) * labels; ++l) next[size_t(l)] += factor * message[size_t(l)];
      }
    }
    softmax_rows(next, labels);
    q.swap(next);
  }
}

Tensor dense_crf(const Tensor& image, const Tensor& probabilities, const DenseCrfOptions& o) {
  check(image, probabilities, o);
  const PermutohedralLattice places(positions(image, o.smooth_xy, nullptr), 2);
  const PermutohedralLattice colours(positions(image, o.colour_xy, &o.colour_rgb), 5);
  const auto through = [](const PermutohedralLattice& lattice) {
    return [&lattice](const float* in, float* out, int64_t labels) { lattice.filter(in, out, labels); };
  };
  std::vector<float> q = probabilities.to_vector<float>();
  mean_field(q, probabilities.dim(2), {{o.smooth_weight, through(places)}, {o.colour_weight, through(colours)}},
             o.iterations);
  return Tensor::from(q, probabilities.shape());
}

}  // namespace bareseg
