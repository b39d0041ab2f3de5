#include "cluster/dense_crf.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <random>

#include "cluster/permutohedral.h"
#include "tests/cluster/helpers.h"

namespace bareseg {
namespace {

using Doubles = std::vector<double>;

std::vector<float> random_numbers(size_t count, float low, float high, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = low + (high - low) * static_cast<float>(engine() >> 8) * 0x1p-24f;
  return numbers;
}

double gaussian(const float* a, const float* b, int dims) {
  double square = 0.0;
  for (int i = 0; i < dims; ++i) square += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return std::exp(-0.5 * square);
}

// The sum over all pairs that the lattice stands for.
Doubles exact_filter(const std::vector<float>& positions, int dims, const Doubles& in, int64_t channels) {
  const auto count = static_cast<int64_t>(positions.size()) / dims;
  Doubles out(in.size());
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < count; ++j) {
      const double k = gaussian(positions.data() + i * dims, positions.data() + j * dims, dims);
      for (int64_t c = 0; c < channels; ++c) out[size_t(i * channels + c)] += k * in[size_t(j * channels + c)];
    }
  }
  return out;
}

// The lattice by its definition, without tables or tricks: of all lattice points whose coordinates are congruent modulo
// d + 1, those with positive barycentric coordinates are found by rounding and sorting.
class ReferenceLattice {
 public:
  explicit ReferenceLattice(int dims) : n_(dims + 1) {}

  Doubles filter(const std::vector<float>& positions, const Doubles& in) const {
    std::map<std::vector<int>, double> values;
    const size_t count = positions.size() / static_cast<size_t>(n_ - 1);
    std::vector<std::map<std::vector<int>, double>> corners;
    for (size_t p = 0; p < count; ++p) {
      corners.push_back(corners_of(positions.data() + p * size_t(n_ - 1)));
      for (const auto& [key, weight] : corners.back()) values[key] += weight * in[p];
    }
    for (int axis = 0; axis < n_; ++axis) {
      std::map<std::vector<int>, double> blurred;
      for (const auto& [key, value] : values) {
        blurred[key] = value;
        for (const int side : {-1, 1}) {
          const auto found = values.find(moved(key, axis, side));
          if (found != values.end()) blurred[key] += 0.5 * found->second;
        }
      }
      values = blurred;
    }
    Doubles out;
    for (const auto& of_point : corners) {
      double sum = 0.0;
      for (const auto& [key, weight] : of_point) sum += weight * values[key];
      out.push_back(sum);
    }
    return out;
  }

 private:
  std::vector<int> moved(std::vector<int> key, int axis, int side) const {
    for (int& x : key) x += side;
    key[size_t(axis)] -= side * n_;
    return key;
  }

  Doubles elevated(const float* position) const {
    // The columns of the basis E of the hyperplane, each divided by its length, times the deviation of the blur.
    Doubles x(static_cast<size_t>(n_));
    for (int j = 1; j < n_; ++j) {
      const double step = position[j - 1] * std::sqrt(2.0 / 3.0) * n_ / std::sqrt(double(j) * (j + 1));
      for (int i = 0; i < j; ++i) x[size_t(i)] += step;
      x[size_t(j)] -= j * step;
    }
    return x;
  }

  std::map<std::vector<int>, double> corners_of(const float* position) const {
    const Doubles x = elevated(position);
    // Every remainder-0 point near by; the nearest is the simplex's origin.
    std::vector<int> nearest;
    double best = 1e300;
    std::vector<int> offset(static_cast<size_t>(n_), -1);
    for (bool more = true; more;) {
      std::vector<int> candidate;
      int sum = 0;
      double distance = 0.0;
      for (int i = 0; i < n_; ++i) {
        candidate.push_back(n_ * (int(std::lround(x[size_t(i)] / n_)) + offset[size_t(i)]));
        sum += candidate.back();
        distance += (x[size_t(i)] - candidate.back()) * (x[size_t(i)] - candidate.back());
      }
      if (sum == 0 && distance < best) {
        best = distance;
        nearest = candidate;
      }
      more = false;
      for (int i = 0; i < n_ && !more; ++i) {
        more = ++offset[size_t(i)] <= 1;
        if (!more) offset[size_t(i)] = -1;
      }
    }
    // Differences in descending order: gaps between neighbours are the coordinates.
    std::vector<std::pair<double, int>> differences;
    for (int i = 0; i < n_; ++i) differences.emplace_back(nearest[size_t(i)] - x[size_t(i)], i);
    std::sort(differences.begin(), differences.end());
    std::map<std::vector<int>, double> corners;
    std::vector<int> key = nearest;
    double rest = 1.0;
    for (int k = 1; k < n_; ++k) {
      // Corner k: the k smallest differences moved less far, 1 - k / n of the way.
      for (int i = 0; i < n_; ++i) key[size_t(i)] = nearest[size_t(i)] + k;
      for (int i = n_ - k; i < n_; ++i) key[size_t(differences[size_t(i)].second)] -= n_;
      const double weight = (differences[size_t(n_ - k)].first - differences[size_t(n_ - k - 1)].first) / n_;
      corners[key] = weight;
      rest -= weight;
    }
    corners[nearest] = rest;
    return corners;
  }

  int n_;
};

TEST(Permutohedral, EqualsItsDefinition) {
  for (const int dims : {1, 2, 3, 5}) {
    const std::vector<float> positions = random_numbers(size_t(57 * dims), -2.0f, 3.0f, unsigned(dims));
    const std::vector<float> in = random_numbers(57, -1.0f, 1.0f, 9);
    const PermutohedralLattice lattice(positions, dims);
    EXPECT_EQ(lattice.points(), 57);
    std::vector<float> out(57);
    lattice.filter(in.data(), out.data(), 1);
    const Doubles expected = ReferenceLattice(dims).filter(positions, {in.begin(), in.end()});
    for (size_t i = 0; i < 57; ++i) EXPECT_NEAR(out[i], expected[i], 2e-5) << dims << ", " << i;
  }
}

TEST(Permutohedral, ComesNearTheGaussian) {
  // An image's pixels: dense where the Gaussian is wide. Weighted means of a smooth signal by both.
  const int side = 24;
  std::vector<float> positions;
  Doubles in;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      positions.push_back(static_cast<float>(x) / 3.0f);
      positions.push_back(static_cast<float>(y) / 3.0f);
      in.push_back(1.0);
      in.push_back(x < side / 2 ? 1.0 : 0.0);
    }
  }
  const std::vector<float> single(in.begin(), in.end());
  std::vector<float> out(single.size());
  PermutohedralLattice(positions, 2).filter(single.data(), out.data(), 2);
  const Doubles exact = exact_filter(positions, 2, in, 2);
  double worst = 0.0, total = 0.0;
  for (size_t i = 0; i < out.size(); i += 2) {
    const double difference = std::abs(out[i + 1] / out[i] - exact[i + 1] / exact[i]);
    worst = std::max(worst, difference);
    total += difference;
  }
  EXPECT_LT(worst, 0.05);
  EXPECT_LT(total / (side * side), 0.01);
}

TEST(Permutohedral, ChannelsAreFilteredAlike) {
  const std::vector<float> positions = random_numbers(5 * 101, 0.0f, 4.0f, 3);
  const std::vector<float> in = random_numbers(101 * 7, 0.0f, 1.0f, 4);
  const PermutohedralLattice lattice(positions, 5);
  std::vector<float> together(in.size()), one(101), out(101);
  lattice.filter(in.data(), together.data(), 7);
  for (size_t c = 0; c < 7; ++c) {
    for (size_t p = 0; p < 101; ++p) one[p] = in[p * 7 + c];
    lattice.filter(one.data(), out.data(), 1);
    for (size_t p = 0; p < 101; ++p) EXPECT_EQ(out[p], together[p * 7 + c]);
  }
  const PermutohedralLattice lone(std::vector<float>{0.3f, 0.1f}, 2);
  EXPECT_EQ(lone.vertices(), 3);
}

TEST(Permutohedral, RefusesWhatIsNoPosition) {
  EXPECT_ERROR(PermutohedralLattice({}, 2), "N > 0");
  EXPECT_ERROR(PermutohedralLattice({1.0f, 2.0f, 3.0f}, 2), "got 3");
  EXPECT_ERROR(PermutohedralLattice({1.0f}, 0), "dimensions");
  EXPECT_ERROR(PermutohedralLattice(std::vector<float>(17), 17), "dimensions");
  EXPECT_ERROR(PermutohedralLattice({std::nanf("")}, 1), "below 1e6");
  EXPECT_ERROR(PermutohedralLattice({2e6f}, 1), "below 1e6");
}

// A picture of two colours with a slanted border, and probabilities that see it through noise.
struct Scene {
  int64_t height = 11, width = 13, labels = 3;
  std::vector<uint8_t> rgb;
  std::vector<float> probabilities;

  explicit Scene(float certainty = 0.2f) {
    const std::vector<float> noise = random_numbers(size_t(height * width * labels), 0.0f, 1.0f, 17);
    for (int64_t i = 0; i < height * width; ++i) {
      const bool left = is_left(i);
      const auto tint = static_cast<uint8_t>(i % 5);
      rgb.insert(rgb.end(), {uint8_t(left ? 200 + tint : 60), uint8_t(80 + tint), uint8_t(left ? 40 : 190)});
      float sum = 0.0f;
      for (int64_t l = 0; l < labels; ++l) {
        const float p = noise[size_t(i * labels + l)] + (l == (left ? 0 : 1) ? certainty : 0.0f);
        probabilities.push_back(p);
        sum += p;
      }
      for (int64_t l = 0; l < labels; ++l) probabilities[size_t(i * labels + l)] /= sum;
    }
  }
  bool is_left(int64_t i) const { return 2 * (i % width) + i / width < 17; }
  Tensor image() const { return Tensor::from(rgb, {height, width, 3}); }
  Tensor unary() const { return Tensor::from(probabilities, {height, width, labels}); }
  int64_t right_labels(const std::vector<float>& q) const {
    int64_t right = 0;
    for (int64_t i = 0; i < height * width; ++i) {
      const auto first = q.begin() + i * labels;
      right += std::max_element(first, first + labels) - first == (is_left(i) ? 0 : 1);
    }
    return right;
  }
  // Positions of the kernel in standard deviations.
  std::vector<float> features(float xy, float colour) const {
    std::vector<float> f;
    for (int64_t i = 0; i < height * width; ++i) {
      f.push_back(float(i % width) / xy);
      f.push_back(float(i / width) / xy);
      for (int64_t c = 0; c < 3 && colour > 0; ++c) f.push_back(float(rgb[size_t(i * 3 + c)]) / colour);
    }
    return f;
  }
};

constexpr DenseCrfOptions kSmall = {.iterations = 5,
                                    .smooth_weight = 1.5f,
                                    .smooth_xy = 2.0f,
                                    .colour_weight = 4.0f,
                                    .colour_xy = 6.0f,
                                    .colour_rgb = 20.0f};

// Mean field as the header states it, all pairs in double.
Doubles exact_mean_field(const Scene& s, const DenseCrfOptions& o) {
  const auto pixels = size_t(s.height * s.width), labels = size_t(s.labels);
  const std::vector<float> features[2] = {s.features(o.smooth_xy, 0), s.features(o.colour_xy, o.colour_rgb)};
  const double weights[2] = {o.smooth_weight, o.colour_weight};
  Doubles q(s.probabilities.begin(), s.probabilities.end());
  for (int iteration = 0; iteration < o.iterations; ++iteration) {
    Doubles next(q.size());
    for (size_t i = 0; i < q.size(); ++i) next[i] = std::log(std::max(double(s.probabilities[i]), 1e-10));
    for (int e = 0; e < 2; ++e) {
      const int dims = e == 0 ? 2 : 5;
      const Doubles sums = exact_filter(features[e], dims, Doubles(pixels, 1.0), 1);
      Doubles scaled = q;
      for (size_t i = 0; i < q.size(); ++i) scaled[i] /= std::sqrt(sums[i / labels]);
      const Doubles message = exact_filter(features[e], dims, scaled, s.labels);
      for (size_t i = 0; i < q.size(); ++i) next[i] += weights[e] * message[i] / std::sqrt(sums[i / labels]);
    }
    for (size_t i = 0; i < pixels; ++i) {
      double sum = 0.0;
      for (size_t l = 0; l < labels; ++l) sum += std::exp(next[i * labels + l]);
      for (size_t l = 0; l < labels; ++l) q[i * labels + l] = std::exp(next[i * labels + l]) / sum;
    }
  }
  return q;
}

TEST(MeanField, EqualsTheReferenceWithExactEdges) {
  const Scene s;
  const auto exact = [&](float weight, float xy, float colour) {
    const std::vector<float> f = s.features(xy, colour);
    const int dims = colour > 0 ? 5 : 2;
    return CrfEdges{weight, [f, dims](const float* in, float* out, int64_t labels) {
                      const size_t count = f.size() / size_t(dims) * size_t(labels);
                      const Doubles sums = exact_filter(f, dims, {in, in + count}, labels);
                      std::copy(sums.begin(), sums.end(), out);
                    }};
  };
  std::vector<float> q = s.probabilities;
  mean_field(q, s.labels,
             {exact(kSmall.smooth_weight, kSmall.smooth_xy, 0),
              exact(kSmall.colour_weight, kSmall.colour_xy, kSmall.colour_rgb)},
             kSmall.iterations);
  const Doubles expected = exact_mean_field(s, kSmall);
  for (size_t i = 0; i < q.size(); ++i) EXPECT_NEAR(q[i], expected[i], 1e-5) << i;
}

TEST(DenseCrf, ComesNearTheReference) {
  const Scene s;
  const std::vector<float> q = dense_crf(s.image(), s.unary(), kSmall).to_vector<float>();
  const Doubles expected = exact_mean_field(s, kSmall);
  double total = 0.0;
  for (size_t i = 0; i < q.size(); ++i) total += std::abs(q[i] - expected[i]);
  EXPECT_LT(total / double(q.size()), 0.02);
  const int64_t before = s.right_labels(s.probabilities), after = s.right_labels(q);
  const int64_t exact = s.right_labels({expected.begin(), expected.end()});
  EXPECT_LT(before, 120) << "of 143";
  EXPECT_GT(after, 138);
  EXPECT_GT(exact, 138);
}

TEST(DenseCrf, WithoutWeightsNothingChanges) {
  const Scene s;
  DenseCrfOptions off = kSmall;
  off.smooth_weight = off.colour_weight = 0.0f;
  const std::vector<float> q = dense_crf(s.image(), s.unary(), off).to_vector<float>();
  for (size_t i = 0; i < q.size(); ++i) EXPECT_NEAR(q[i], s.probabilities[i], 1e-6);
}

TEST(DenseCrf, OnePixelAndOneLabel) {
  const Tensor pixel = Tensor::from(std::vector<uint8_t>{1, 2, 3}, {1, 1, 3});
  const std::vector<float> q = dense_crf(pixel, Tensor::from(std::vector<float>{1.0f}, {1, 1, 1})).to_vector<float>();
  EXPECT_EQ(q, std::vector<float>{1.0f});
  // It talks to itself alone: softmax(log p + 13 q).
  const std::vector<float> two =
      dense_crf(pixel, Tensor::from(std::vector<float>{0.6f, 0.4f}, {1, 1, 2}), {.iterations = 1}).to_vector<float>();
  EXPECT_NEAR(two[0], 1.0 / (1.0 + 0.4 / 0.6 * std::exp(13.0 * (0.4 - 0.6))), 1e-5);
}

TEST(DenseCrf, RefusesWhatDoesNotFit) {
  const Scene s;
  EXPECT_ERROR(dense_crf(s.unary(), s.unary()), "uint8 [H, W, 3]");
  EXPECT_ERROR(dense_crf(s.image(), s.image()), "float32 [11, 13, K]");
  EXPECT_ERROR(dense_crf(s.image(), Tensor::zeros({13, 11, 3}, kFloat32)), "[13, 11, 3]");
  EXPECT_ERROR(dense_crf(s.image(), s.unary(), {.iterations = 0}), "iterations");
  EXPECT_ERROR(dense_crf(s.image(), s.unary(), {.smooth_weight = -1.0f}), "weights");
  EXPECT_ERROR(dense_crf(s.image(), s.unary(), {.colour_rgb = 0.0f}), "positive");
}

}  // namespace
}  // namespace bareseg
