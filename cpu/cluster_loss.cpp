// PiCIE's loss on one view: softmax cross-entropies of unit-length features on several sets of centroids, with the
// gradient in the same pass, so that logits never leave the cache.
//
// Per block of features F [B, D]: logits F C^T, softmax rows G = weight (p - one-hot), then G C, pulled back through
// the normalisation. The centroids of all targets are stacked, each padded to whole panels, so that both products are
// panel products. Compute bound: 4 D K multiply-adds and K exponentials per feature and target.
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/softmax.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kPanel = 32;  // columns of one panel
constexpr int64_t kBlock = 24;  // features in flight: their rows and logits stay in the L1 and L2 caches
constexpr int64_t kPartRows = 192;
constexpr int64_t kMaxParts = 256;
constexpr float kFarBelow = -1e30f;  // logit of an absent centroid

struct Avx2 {
  using Float = float __attribute__((vector_size(32)));
  static constexpr int kRows = 3;  // rows times vectors of a panel fill the registers
};
struct Avx512 {
  using Float = float __attribute__((vector_size(64)));
  static constexpr int kRows = 12;
};

// out[r, 0 .. 32) = sum over k of a[r, k] panel[k, 0 .. 32).
template <typename Isa, int kRows>
[[gnu::always_inline]] inline void multiply_rows(const float* a, int64_t a_stride, int64_t depth, const float* panel,
                                                 float* out, int64_t out_stride) {
  using Float = typename Isa::Float;
  constexpr int kLanes = sizeof(Float) / sizeof(float), kVectors = kPanel / kLanes;
  Float sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < depth; ++k, panel += kPanel) {
    Float b[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) std::memcpy(&b[v], panel + v * kLanes, sizeof(Float));
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const float value = a[r * a_stride + k];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] += b[v] * value;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) std::memcpy(out + r * out_stride + v * kLanes, &sum[r][v], sizeof(Float));
}

// A matrix [depth, 32 panels] stored panel by panel, [panels][depth][32].
struct Panels {
  int64_t depth = 0, panels = 0;
  std::vector<float> values;

  Panels(int64_t depth_, int64_t cols)
      : depth(depth_), panels(ceil_div(cols, kPanel)), values(static_cast<size_t>(depth * panels * kPanel)) {}
  float& at(int64_t k, int64_t col) {
    return values[static_cast<size_t>((col / kPanel * depth + k) * kPanel + col % kPanel)];
  }
};

// out [rows, 32 panels] = a [rows, depth] times the panels.
template <typename Isa>
[[gnu::always_inline]] inline void multiply_panels(const float* a, int64_t rows, int64_t a_stride, const float* panel,
                                                   int64_t depth, int64_t panels, float* out) {
  const int64_t stride = panels * kPanel;
  for (int64_t p = 0; p < panels; ++p, panel += depth * kPanel, out += kPanel) {
    int64_t r = 0;
    for (; r + Isa::kRows <= rows; r += Isa::kRows) {
      multiply_rows<Isa, Isa::kRows>(a + r * a_stride, a_stride, depth, panel, out + r * stride, stride);
    }
    for (; r < rows; ++r) multiply_rows<Isa, 1>(a + r * a_stride, a_stride, depth, panel, out + r * stride, stride);
  }
}

using Multiply = void (*)(const float*, int64_t, int64_t, const float*, int64_t, int64_t, float*);
void multiply_avx2(const float* a, int64_t rows, int64_t a_stride, const float* panel, int64_t depth, int64_t panels,
                   float* out) {
  multiply_panels<Avx2>(a, rows, a_stride, panel, depth, panels, out);
}
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl"))) void multiply_avx512(const float* a, int64_t rows, int64_t a_stride,
                                                                 const float* panel, int64_t depth, int64_t panels,
                                                                 float* out) {
  multiply_panels<Avx512>(a, rows, a_stride, panel, depth, panels, out);
}
#endif

Multiply choose_multiply() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return multiply_avx512;
#endif
  return multiply_avx2;
}

struct TargetRows {
  LabelledRows labels;
  int64_t clusters, begin, end;  // its columns among the stacked logits; [begin + clusters, end) is padding
  float gradient_scale;          // of one row of weight 1: 1 / (targets weight_sum)
};

// One row of one target in place: inner products with the unscaled feature to the gradient of the mean of all terms by
// the logits. Returns the entropy. kColumns > 0 says that there are so many columns: loops of known length cost less.
template <int64_t kColumns>
[[gnu::always_inline]] inline float entropy_row(float* __restrict z, float inverse, int64_t clusters,
                                                int64_t all_columns, int64_t label, float gradient_scale) {
  const int64_t columns = kColumns > 0 ? kColumns : all_columns;
  std::fill(z + clusters, z + columns, kFarBelow);
  float highest = kFarBelow, sum = 0.0f;
#pragma omp simd reduction(max : highest)
  for (int64_t k = 0; k < columns; ++k) highest = z[k] > highest ? z[k] : highest;
  const float hit = (z[label] - highest) * inverse;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < columns; ++k) {
    z[k] = exp_negative((z[k] - highest) * inverse);
    sum += z[k];
  }
  const float scale = gradient_scale / sum;
#pragma omp simd
  for (int64_t k = 0; k < columns; ++k) z[k] *= scale;
  z[label] -= gradient_scale;
  return std::log(sum) - hit;
}

// The rows of a block for one target. Returns the sum of the weighted entropies.
BS_CLONES double entropy_block(float* logits, int64_t stride, const float* __restrict inv_norm,
                               const TargetRows& target, int64_t first_row, int64_t rows) {
  double loss = 0.0;
  const int64_t columns = target.end - target.begin;
  for (int64_t r = 0; r < rows; ++r) {
    float* z = logits + r * stride + target.begin;
    const int64_t label = target.labels.label(first_row + r);
    const float weight = target.labels.weight(first_row + r), scale = weight * target.gradient_scale;
    const float entropy = columns == kPanel
                              ? entropy_row<kPanel>(z, inv_norm[r], target.clusters, columns, label, scale)
                              : entropy_row<0>(z, inv_norm[r], target.clusters, columns, label, scale);
    loss += static_cast<double>(weight) * static_cast<double>(entropy);
  }
  return loss;
}

template <typename T>
BS_CLONES void widen(const T* __restrict x, int64_t n, float* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = load(x + i);
}

BS_CLONES void inverse_norms(const float* __restrict f, int64_t rows, int64_t dims, float eps,
                             float* __restrict inv_norm) {
  for (int64_t r = 0; r < rows; ++r, f += dims) {
    float square = 0.0f;
#pragma omp simd reduction(+ : square)
    for (int64_t d = 0; d < dims; ++d) square += f[d] * f[d];
    inv_norm[r] = 1.0f / std::max(std::sqrt(square), eps);
  }
}

// df = (g - <g, x> x) / |f| with x = f / |f|; below eps g / eps. The rows of g are `stride` apart.
template <typename T>
BS_CLONES void pull_back(const float* __restrict g, int64_t stride, const float* __restrict f,
                         const float* __restrict inv_norm, int64_t rows, int64_t dims, float eps, T* __restrict df) {
  for (int64_t r = 0; r < rows; ++r, g += stride, f += dims, df += dims) {
    const float inverse = inv_norm[r];
    float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
    for (int64_t d = 0; d < dims; ++d) dot += g[d] * (f[d] * inverse);
    if (inverse >= 1.0f / eps) dot = 0.0f;
    for (int64_t d = 0; d < dims; ++d) store(df + d, (g[d] - dot * (f[d] * inverse)) * inverse);
  }
}

struct Plan {
  std::vector<TargetRows> targets;
  Panels forward, backward;  // [D, columns] and [columns, D] of the stacked centroids
  int64_t dims;
  float eps;
};

Plan make_plan(std::span<const ClusterTarget> targets, int64_t rows, int64_t dims, float eps) {
  std::vector<TargetRows> each;
  std::vector<double> weight_sums;
  int64_t columns = 0;
  for (const ClusterTarget& target : targets) {
    const int64_t clusters = target.centroids.dim(0), end = columns + ceil_div(clusters, kPanel) * kPanel;
    const LabelledRows labels = labelled_rows(target.labels, target.class_weights, clusters);
    const double total = sum_of_weights(labels, rows) * static_cast<double>(targets.size());
    each.push_back({labels, clusters, columns, end, total == 0.0 ? 0.0f : static_cast<float>(1.0 / total)});
    columns = end;
  }
  Plan plan{std::move(each), Panels(dims, columns), Panels(columns, dims), dims, eps};
  for (size_t t = 0; t < targets.size(); ++t) {
    const float* centroids = targets[t].centroids.data<float>();
    for (int64_t k = 0; k < plan.targets[t].clusters; ++k) {
      for (int64_t d = 0; d < dims; ++d) {
        const float value = centroids[k * dims + d];
        plan.forward.at(d, plan.targets[t].begin + k) = value;
        plan.backward.at(plan.targets[t].begin + k, d) = value;
      }
    }
  }
  return plan;
}

// Features [range) of f. Adds the loss sums to `loss`, one per target; df may be null.
template <typename T>
void loss_of_range(const Plan& plan, const T* f, Range range, T* df, double* loss) {
  static const Multiply multiply = choose_multiply();
  const int64_t dims = plan.dims, columns = plan.forward.panels * kPanel, padded = plan.backward.panels * kPanel;
  constexpr bool kWiden = !std::is_same_v<T, float>;
  std::vector<float> scratch(static_cast<size_t>(kBlock * (columns + padded + (kWiden ? dims : 0))));
  float *logits = scratch.data(), *gradient = logits + kBlock * columns, *wide = gradient + kBlock * padded;
  float inv_norm[kBlock];
  for (int64_t first = range.begin; first < range.end; first += kBlock) {
    const int64_t rows = std::min(kBlock, range.end - first);
    const float* x = wide;
    if constexpr (kWiden)
      widen(f + first * dims, rows * dims, wide);
    else
      x = f + first * dims;
    inverse_norms(x, rows, dims, plan.eps, inv_norm);
    multiply(x, rows, dims, plan.forward.values.data(), dims, plan.forward.panels, logits);
    for (size_t t = 0; t < plan.targets.size(); ++t) {
      loss[t] += entropy_block(logits, columns, inv_norm, plan.targets[t], first, rows);
    }
    if (df == nullptr) continue;
    multiply(logits, rows, columns, plan.backward.values.data(), columns, plan.backward.panels, gradient);
    pull_back(gradient, padded, x, inv_norm, rows, dims, plan.eps, df + first * dims);
  }
}

}  // namespace

void CpuBackend::cosine_cluster_loss(const Tensor& features, std::span<const ClusterTarget> targets, float eps,
                                     Tensor& terms, Tensor& dfeatures) {
  const int64_t dims = features.dim(-1), rows = features.count() / dims, count = static_cast<int64_t>(targets.size());
  const Plan plan = make_plan(targets, rows, dims, eps);
  const int64_t parts = std::clamp(rows / kPartRows, int64_t{1}, kMaxParts);
  std::vector<double> loss(static_cast<size_t>(parts * count));
  dispatch_float(features.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* f = features.data<T>();
    T* df = dfeatures.defined() ? dfeatures.data<T>() : nullptr;
#pragma omp parallel for
    for (int64_t p = 0; p < parts; ++p) loss_of_range(plan, f, part_of(rows, p, parts), df, &loss[p * count]);
  });
  for (int64_t t = 0; t < count; ++t) {
    double total = 0.0;
    for (int64_t p = 0; p < parts; ++p) total += loss[static_cast<size_t>(p * count + t)];
    const double scale = static_cast<double>(plan.targets[static_cast<size_t>(t)].gradient_scale);
    terms.data<float>()[t] = static_cast<float>(total * scale * static_cast<double>(count));
  }
}

}  // namespace bareseg
