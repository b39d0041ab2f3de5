#include "cluster/permutohedral.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace bareseg {
namespace {

constexpr int kMaxDims = 16;
constexpr float kMaxPosition = 1e6f;  // keys then fit into 32 bits

// Numbers of lattice points by their first d coordinates; the last follows, for the sum is zero.
class VertexTable {
 public:
  VertexTable(int dims, std::vector<int32_t>& keys) : dims_(dims), keys_(keys), slots_(1 << 12, -1) {}

  // The number of a point, -1 where there is none and `insert` is not set.
  int32_t find(const int32_t* key, bool insert) {
    if (insert && 2 * (size() + 1) > slots_.size()) grow();
    size_t slot = hash(key) & (slots_.size() - 1);
    for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
      if (std::equal(key, key + dims_, at(slots_[slot]))) return slots_[slot];
    }
    if (!insert) return -1;
    slots_[slot] = static_cast<int32_t>(size());
    keys_.insert(keys_.end(), key, key + dims_);
    return slots_[slot];
  }

 private:
  size_t size() const { return keys_.size() / static_cast<size_t>(dims_); }
  const int32_t* at(int32_t vertex) const { return keys_.data() + int64_t{vertex} * dims_; }

  size_t hash(const int32_t* key) const {
    uint64_t h = 0;
    for (int i = 0; i < dims_; ++i) {
      h = (h ^ static_cast<uint32_t>(key[i])) * 0x9E3779B97F4A7C15u;
      h ^= h >> 29;
    }
    return h;
  }

  void grow() {
    slots_.assign(2 * slots_.size(), -1);
    for (int32_t v = 0; v < static_cast<int32_t>(size()); ++v) {
      size_t slot = hash(at(v)) & (slots_.size() - 1);
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = v;
    }
  }

  int dims_;
  std::vector<int32_t>& keys_;
  std::vector<int32_t> slots_;
};

// The simplex that a point lies in: the lattice point of remainder 0 nearest to it, the order of its differences from
// that, and its barycentric coordinates.
struct Simplex {
  int32_t origin[kMaxDims + 1];
  int rank[kMaxDims + 1];
  double weight[kMaxDims + 2];
};

// Into the hyperplane of d + 1 coordinates whose sum is zero. There the blur along all directions has the variance of a
// Gaussian of standard deviation sqrt(2 / 3) (d + 1).
void elevate(const float* position, int dims, double* elevated) {
  const double deviation = std::sqrt(2.0 / 3.0) * (dims + 1);
  double sum = 0.0;
  for (int i = dims; i > 0; --i) {
    const double x = double(position[i - 1]) * deviation / std::sqrt(double(i) * (i + 1));
    elevated[i] = sum - i * x;
    sum += x;
  }
  elevated[0] = sum;
}

Simplex simplex_of(const float* position, int dims) {
  Simplex s{};
  double elevated[kMaxDims + 1];
  elevate(position, dims, elevated);
  const int n = dims + 1;
  int excess = 0;
  for (int i = 0; i < n; ++i) {
    const auto multiple = static_cast<int32_t>(std::lround(elevated[i] / n));
    s.origin[i] = multiple * n;
    excess += multiple;
  }
  for (int i = 0; i < n; ++i) {
    for (int j = i + 1; j < n; ++j) {
      ++(elevated[i] - s.origin[i] < elevated[j] - s.origin[j] ? s.rank[i] : s.rank[j]);
    }
  }
  // Rounding may have left the hyperplane: the coordinates that were rounded farthest give way.
  for (int i = 0; i < n; ++i) {
    s.rank[i] += excess;
    const int turns = s.rank[i] < 0 ? 1 : s.rank[i] > dims ? -1 : 0;
    s.rank[i] += turns * n;
    s.origin[i] += turns * n;
  }
  for (int i = 0; i < n; ++i) {
    const double difference = (elevated[i] - s.origin[i]) / n;
    s.weight[dims - s.rank[i]] += difference;
    s.weight[dims - s.rank[i] + 1] -= difference;
  }
  s.weight[0] += 1.0 + s.weight[n];
  return s;
}

}  // namespace

PermutohedralLattice::PermutohedralLattice(const std::vector<float>& positions, int dims) : dims_(dims) {
  BS_CHECK(dims >= 1 && dims <= kMaxDims, "PermutohedralLattice: expected 1 to ", kMaxDims, " dimensions, got ", dims);
  BS_CHECK(!positions.empty() && positions.size() % static_cast<size_t>(dims) == 0,
           "PermutohedralLattice: expected positions [N, ", dims, "] with N > 0, got ", positions.size(), " numbers");
  for (const float x : positions) {
    BS_CHECK(std::abs(x) < kMaxPosition, "PermutohedralLattice: expected positions below 1e6, got ", x);
  }
  std::vector<int32_t> keys;
  find_simplexes(positions, keys);
  find_neighbours(keys);
  sort_by_vertex();
}

void PermutohedralLattice::find_simplexes(const std::vector<float>& positions, std::vector<int32_t>& keys) {
  const int64_t count = std::ssize(positions) / dims_;
  const int n = dims_ + 1;
  VertexTable table(dims_, keys);
  corners_.resize(static_cast<size_t>(count * n));
  weights_.resize(corners_.size());
  for (int64_t p = 0; p < count; ++p) {
    const Simplex s = simplex_of(positions.data() + p * dims_, dims_);
    for (int remainder = 0; remainder < n; ++remainder) {
      int32_t key[kMaxDims];
      for (int i = 0; i < dims_; ++i) {
        key[i] = s.origin[i] + remainder - (s.rank[i] > dims_ - remainder ? n : 0);
      }
      corners_[static_cast<size_t>(p * n + remainder)] = table.find(key, true);
      weights_[static_cast<size_t>(p * n + remainder)] = static_cast<float>(s.weight[remainder]);
    }
  }
}

void PermutohedralLattice::find_neighbours(const std::vector<int32_t>& keys) {
  std::vector<int32_t> known;
  VertexTable table(dims_, known);
  const int64_t count = std::ssize(keys) / dims_;
  for (int64_t v = 0; v < count; ++v) table.find(keys.data() + v * dims_, true);
  neighbours_.resize(static_cast<size_t>((dims_ + 1) * count * 2));
  for (int axis = 0; axis <= dims_; ++axis) {
    for (int64_t v = 0; v < count; ++v) {
      for (const int side : {-1, 1}) {
        int32_t key[kMaxDims];
        for (int i = 0; i < dims_; ++i) {
          key[i] = keys[static_cast<size_t>(v * dims_ + i)] + (i == axis ? -side * dims_ : side);
        }
        neighbours_[static_cast<size_t>((axis * count + v) * 2 + (side + 1) / 2)] = table.find(key, false);
      }
    }
  }
}

void PermutohedralLattice::sort_by_vertex() {
  const size_t count = neighbours_.size() / static_cast<size_t>(2 * (dims_ + 1));
  begin_.assign(count + 1, 0);
  for (const int32_t v : corners_) ++begin_[static_cast<size_t>(v) + 1];
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  std::vector<int64_t> next(begin_.begin(), begin_.end() - 1);
  shares_.resize(corners_.size());
  for (int64_t i = 0; i < std::ssize(corners_); ++i) {
    shares_[static_cast<size_t>(next[static_cast<size_t>(corners_[static_cast<size_t>(i)])]++)] = i;
  }
}

void PermutohedralLattice::filter(const float* in, float* out, int64_t channels) const {
  const int64_t count = vertices(), n = dims_ + 1;
  std::vector<float> values(static_cast<size_t>(count * channels)), blurred(values.size());
#pragma omp parallel for
  for (int64_t v = 0; v < count; ++v) {
    float* sum = values.data() + v * channels;
    for (int64_t s = begin_[static_cast<size_t>(v)]; s < begin_[static_cast<size_t>(v) + 1]; ++s) {
      const int64_t share = shares_[static_cast<size_t>(s)];
      const float weight = weights_[static_cast<size_t>(share)];
      const float* x = in + share / n * channels;
      for (int64_t c = 0; c < channels; ++c) sum[c] += weight * x[c];
    }
  }
  const std::vector<float> nothing(static_cast<size_t>(channels));
  for (int64_t axis = 0; axis < n; ++axis) {
#pragma omp parallel for
    for (int64_t v = 0; v < count; ++v) {
      const int32_t* side = neighbours_.data() + (axis * count + v) * 2;
      const float* before = side[0] < 0 ? nothing.data() : values.data() + side[0] * channels;
      const float* after = side[1] < 0 ? nothing.data() : values.data() + side[1] * channels;
      const float* x = values.data() + v * channels;
      float* y = blurred.data() + v * channels;
      for (int64_t c = 0; c < channels; ++c) y[c] = x[c] + 0.5f * (before[c] + after[c]);
    }
    values.swap(blurred);
  }
#pragma omp parallel for
  for (int64_t p = 0; p < points(); ++p) {
    float* y = out + p * channels;
    std::fill(y, y + channels, 0.0f);
    for (int64_t i = p * n; i < (p + 1) * n; ++i) {
      const float weight = weights_[static_cast<size_t>(i)];
      const float* x = values.data() + corners_[static_cast<size_t>(i)] * channels;
      for (int64_t c = 0; c < channels; ++c) y[c] += weight * x[c];
    }
  }
}

}  // namespace bareseg
