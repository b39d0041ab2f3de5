// Nearest centroids of many points, and with the same read of a point its share of the clusters' sums.
//
// Per point and centroid the score bias_k + s <x, c_k> is minimised: |c|^2 - 2 <x, c> for distances, -<x, c> for inner
// products. Centroids are packed with s in panels [D][32]; a panel's dot products with a few points live in registers.
// Compute bound: D K / 8 (AVX2) or D K / 16 (AVX-512) multiply-adds per point against 4 D bytes read.
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/vectorize.h"
#include "cpu/vectors.h"
#include "engine/kmeans_repair.h"

namespace bareseg {
namespace {

constexpr int64_t kPanel = 32;  // centroids per panel, one index per lane and vector
constexpr int64_t kBlock = 96;  // points scored against all panels before the next ones, so that they stay in L2
constexpr int64_t kAhead = 24;  // points between prefetch and use
constexpr int64_t kPartPoints = 4096;
constexpr int64_t kMaxParts = 64;
constexpr int64_t kFlush = 64;  // float sums of a cluster move to double after so many points
constexpr int32_t kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Packed {
  int64_t clusters, dims, panels;
  float scale;               // s
  std::vector<float> panel;  // [panels][D][32], s c_k; absent centroids are 0
  std::vector<float> bias;   // [panels][32], infinite for absent centroids
  const float* rows;         // the centroids as given, [K, D]
};

Packed pack(const Tensor& centroids, Metric metric) {
  const int64_t clusters = centroids.dim(0), dims = centroids.dim(1), panels = ceil_div(clusters, kPanel);
  Packed p{clusters, dims, panels, metric == Metric::euclidean ? -2.0f : -1.0f, {}, {}, centroids.data<float>()};
  p.panel.assign(static_cast<size_t>(panels * dims * kPanel), 0.0f);
  p.bias.assign(static_cast<size_t>(panels * kPanel), kInfinity);
  for (int64_t k = 0; k < clusters; ++k) {
    const float* row = p.rows + k * dims;
    float* out = p.panel.data() + (k / kPanel * dims * kPanel + k % kPanel);
    double norm = 0.0;
    for (int64_t d = 0; d < dims; ++d) {
      out[d * kPanel] = p.scale * row[d];
      norm += static_cast<double>(row[d]) * static_cast<double>(row[d]);
    }
    p.bias[static_cast<size_t>(k)] = metric == Metric::euclidean ? static_cast<float>(norm) : 0.0f;
  }
  return p;
}

// Best score of each lane of each point of a block, and the first centroid of the vector it came from plus the lane.
struct Best {
  float score[kBlock * 16];
  int32_t index[kBlock * 16];
};

template <typename Isa, int kPoints>
[[gnu::always_inline]] inline void score_points(const float* x, int64_t dims, const float* panel, const float* bias,
                                                int32_t first, float* best_score, int32_t* best_index) {
  using Float = typename Isa::Float;
  using Int = typename Isa::Int;
  constexpr int kLanes = sizeof(Float) / sizeof(float), kVectors = kPanel / kLanes;
  Float sum[kPoints][kVectors];
#pragma GCC unroll 8
  for (int p = 0; p < kPoints; ++p)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) load(sum[p][v], bias + v * kLanes);
  for (int64_t d = 0; d < dims; ++d, panel += kPanel) {
    Float c[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) load(c[v], panel + v * kLanes);
#pragma GCC unroll 8
    for (int p = 0; p < kPoints; ++p) {
      const float value = x[p * dims + d];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[p][v] += c[v] * value;
    }
  }
  Int lane;
  load(lane, kLaneNumbers);
#pragma GCC unroll 8
  for (int p = 0; p < kPoints; ++p) {
    Float score;
    Int index;
    load(score, best_score + p * kLanes);
    load(index, best_index + p * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Int less = sum[p][v] < score;  // false for NaN
      score = less ? sum[p][v] : score;
      index = less ? lane + (first + v * kLanes) : index;
    }
    store(best_score + p * kLanes, score);
    store(best_index + p * kLanes, index);
  }
}

// v <- the smaller of v and v with its lanes exchanged at distances 4, 2 and 1: the minimum in every lane.
template <typename V>
[[gnu::always_inline]] inline void spread_minimum(V& v) {
  V other = __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  v = v < other ? v : other;
  other = __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
  v = v < other ? v : other;
  other = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
  v = v < other ? v : other;
}

// Least score of eight lanes and the lowest index that has it.
[[gnu::always_inline]] inline void lowest(const float* scores, const int32_t* indices, float& score, int32_t& index) {
  Avx2::Float value, least;
  Avx2::Int candidate;
  load(value, scores);
  load(candidate, indices);
  least = value;
  spread_minimum(least);
  candidate = value == least ? candidate : Avx2::Int{} + std::numeric_limits<int32_t>::max();
  spread_minimum(candidate);
  score = least[0];
  index = candidate[0];
}

// Asks for memory that will be read soon; past the end of the points it is harmless.
[[gnu::always_inline]] inline void prefetch(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(x + i);
}

// Labels of at most kBlock points; `score` gets the winning scores.
template <typename Isa, int kPoints>
[[gnu::always_inline]] inline void label_block(const float* x, int64_t points, const Packed& packed, Best& best,
                                               int32_t* labels, float* score) {
  using Float = typename Isa::Float;
  constexpr int64_t kLanes = sizeof(Float) / sizeof(float);
  const int64_t dims = packed.dims;
  std::fill_n(best.score, points * kLanes, kInfinity);
  std::fill_n(best.index, points * kLanes, 0);
  for (int64_t panel = 0; panel < packed.panels; ++panel) {
    const float* c = packed.panel.data() + panel * dims * kPanel;
    const float* bias = packed.bias.data() + panel * kPanel;
    const int32_t first = static_cast<int32_t>(panel * kPanel);
    int64_t i = 0;
    for (; i + kPoints <= points; i += kPoints) {
      if (panel == 0) prefetch(x + (i + kAhead) * dims, kPoints * dims);
      score_points<Isa, kPoints>(x + i * dims, dims, c, bias, first, best.score + i * kLanes, best.index + i * kLanes);
    }
    for (; i < points; ++i)
      score_points<Isa, 1>(x + i * dims, dims, c, bias, first, best.score + i * kLanes, best.index + i * kLanes);
  }
  for (int64_t i = 0; i < points; ++i) {
    lowest(best.score + i * kLanes, best.index + i * kLanes, score[i], labels[i]);
    if constexpr (kLanes == 16) {
      float other_score;
      int32_t other_label;
      lowest(best.score + i * kLanes + 8, best.index + i * kLanes + 8, other_score, other_label);
      const bool better = other_score < score[i] || (other_score == score[i] && other_label < labels[i]);
      score[i] = better ? other_score : score[i];
      labels[i] = better ? other_label : labels[i];
    }
  }
}

// The two instances. Being chosen at run time they need no clones, which cannot hold the register tiles' types.
void label_block_avx2(const float* x, int64_t points, const Packed& packed, Best& best, int32_t* labels, float* score) {
  label_block<Avx2, 3>(x, points, packed, best, labels, score);
}
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl"))) void label_block_avx512(const float* x, int64_t points,
                                                                    const Packed& packed, Best& best, int32_t* labels,
                                                                    float* score) {
  label_block<Avx512, 6>(x, points, packed, best, labels, score);
}
#endif

using LabelBlock = void (*)(const float*, int64_t, const Packed&, Best&, int32_t*, float*);
LabelBlock choose_label_block() {
#if defined(__x86_64__)
  if (has_avx512()) return label_block_avx512;
#endif
  return label_block_avx2;
}

// sum += x; returns |x - c|^2.
BS_CLONES float add_point(const float* x, const float* c, float* sum, int64_t dims) {
  using Float = Avx2::Float;
  constexpr int64_t kLanes = 8;
  Float total0{}, total1{};
  int64_t d = 0;
  for (; d + 2 * kLanes <= dims; d += 2 * kLanes) {
    Float x0, x1, c0, c1, s0, s1;
    load(x0, x + d), load(x1, x + d + kLanes), load(c0, c + d), load(c1, c + d + kLanes);
    load(s0, sum + d), load(s1, sum + d + kLanes);
    store(sum + d, s0 + x0), store(sum + d + kLanes, s1 + x1);
    c0 = x0 - c0, c1 = x1 - c1;
    total0 += c0 * c0, total1 += c1 * c1;
  }
  total0 += total1;
  float total =
      ((total0[0] + total0[4]) + (total0[1] + total0[5])) + ((total0[2] + total0[6]) + (total0[3] + total0[7]));
  for (; d < dims; ++d) {
    sum[d] += x[d];
    total += (x[d] - c[d]) * (x[d] - c[d]);
  }
  return total;
}

BS_CLONES void widen(const bfloat16* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}

BS_CLONES void flush(float* from, double* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    to[i] += static_cast<double>(from[i]);
    from[i] = 0.0f;
  }
}

// Calls visit(first, count, x, labels, scores) for the blocks of points [range.begin, range.end) in order.
template <typename Visit>
void label_range(const Tensor& points, Range range, const Packed& packed, Visit visit) {
  static const LabelBlock label = choose_label_block();
  const int64_t dims = packed.dims;
  const bool narrow = points.dtype() == kBFloat16;
  std::vector<float> wide(static_cast<size_t>(narrow ? kBlock * dims : 0));
  alignas(64) Best best;
  int32_t labels[kBlock];
  float scores[kBlock];
  for (int64_t first = range.begin; first < range.end; first += kBlock) {
    const int64_t count = std::min(kBlock, range.end - first);
    const float* x = wide.data();
    if (narrow)
      widen(points.data<bfloat16>() + first * dims, count * dims, wide.data());
    else
      x = points.data<float>() + first * dims;
    label(x, count, packed, best, labels, scores);
    visit(first, count, x, labels, scores);
  }
}

void store_labels(const int32_t* from, int64_t first, int64_t count, Tensor& labels) {
  if (labels.dtype() == kUInt8)
    std::copy_n(from, count, labels.data<uint8_t>() + first);
  else
    std::copy_n(from, count, labels.data<int32_t>() + first);
}

// What one part of the points adds to the result.
struct PartSums {
  std::vector<double> sums;     // [K, D]
  std::vector<int64_t> counts;  // [K]
  double inertia = 0.0;
};

PartSums sum_range(const Tensor& points, Range range, const Packed& packed, Metric metric, Tensor& labels) {
  const int64_t clusters = packed.clusters, dims = packed.dims;
  PartSums part{std::vector<double>(static_cast<size_t>(clusters * dims)),
                std::vector<int64_t>(static_cast<size_t>(clusters)), 0.0};
  std::vector<float> sums(static_cast<size_t>(clusters * dims));
  label_range(points, range, packed,
              [&](int64_t first, int64_t count, const float* x, const int32_t* label, const float* score) {
                if (labels.defined()) store_labels(label, first, count, labels);
                for (int64_t i = 0; i < count; ++i) {
                  const int64_t k = label[i];
                  float* sum = sums.data() + k * dims;
                  const float distance = add_point(x + i * dims, packed.rows + k * dims, sum, dims);
                  part.inertia += static_cast<double>(metric == Metric::euclidean ? distance : 1.0f + score[i]);
                  if (++part.counts[static_cast<size_t>(k)] % kFlush == 0)
                    flush(sum, part.sums.data() + k * dims, dims);
                }
              });
  flush(sums.data(), part.sums.data(), clusters * dims);
  return part;
}

int64_t parts_for(int64_t points) { return std::clamp<int64_t>(points / kPartPoints, 1, kMaxParts); }

}  // namespace

void CpuBackend::kmeans_assign(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels) {
  const Packed packed = pack(centroids, metric);
  const int64_t n = points.dim(0), parts = ceil_div(n, kPartPoints);
#pragma omp parallel for schedule(dynamic)
  for (int64_t part = 0; part < parts; ++part)
    label_range(points, part_of(n, part, parts), packed,
                [&](int64_t first, int64_t count, const float*, const int32_t* label, const float*) {
                  store_labels(label, first, count, labels);
                });
}

void CpuBackend::kmeans_accumulate(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels,
                                   Tensor& sums, Tensor& counts, Tensor& inertia) {
  const Packed packed = pack(centroids, metric);
  const int64_t n = points.dim(0), parts = parts_for(n);
  std::vector<PartSums> part(static_cast<size_t>(parts));
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < parts; ++i)
    part[static_cast<size_t>(i)] = sum_range(points, part_of(n, i, parts), packed, metric, labels);

  float* sum = sums.data<float>();
#pragma omp parallel for
  for (int64_t i = 0; i < sums.count(); ++i) {
    double total = 0.0;
    for (const PartSums& p : part) total += p.sums[static_cast<size_t>(i)];
    sum[i] = static_cast<float>(total);
  }
  int64_t* count = counts.data<int64_t>();
  std::fill_n(count, packed.clusters, 0);
  double total = 0.0;
  for (const PartSums& p : part) {
    for (int64_t k = 0; k < packed.clusters; ++k) count[k] += p.counts[static_cast<size_t>(k)];
    total += p.inertia;
  }
  *inertia.data<float>() = static_cast<float>(total);
}

void CpuBackend::kmeans_update(const Tensor& sums, const Tensor& counts, int64_t n, Tensor& centroids,
                               Tensor& repaired) {
  const int64_t clusters = sums.dim(0), dims = sums.dim(1);
  const float* sum = sums.data<float>();
  float* centroid = centroids.data<float>();
  std::vector<double> sizes(counts.data<int64_t>(), counts.data<int64_t>() + clusters);
  for (int64_t k = 0; k < clusters; ++k) {
    const double size = sizes[static_cast<size_t>(k)];
    for (int64_t i = k * dims; i < (k + 1) * dims; ++i)
      centroid[i] = size > 0.0 ? sum[i] / static_cast<float>(size) : sum[i];
  }
  std::vector<uint32_t> state(mt19937::kWords);
  kmeans_repair::Draw draw(state.data());
  draw.seed(kmeans_repair::kSeed);
  int64_t filled = 0;
  for (int64_t to = 0; to < clusters; ++to) {
    double& size = sizes[static_cast<size_t>(to)];
    if (size != 0.0) continue;
    const int64_t from = kmeans_repair::cluster_to_split(sizes.data(), clusters, n, draw);
    for (int64_t d = 0; d < dims; ++d) {
      const kmeans_repair::Halves halves = kmeans_repair::split(centroid[from * dims + d], d);
      centroid[to * dims + d] = halves.given;
      centroid[from * dims + d] = halves.kept;
    }
    size = sizes[static_cast<size_t>(from)] / 2.0;
    sizes[static_cast<size_t>(from)] -= size;
    ++filled;
  }
  *repaired.data<int64_t>() = filled;
}

}  // namespace bareseg
