// Softmax cross-entropies of unit-length features on several sets of centroids, and their gradient, in one pass.
//
//   z = C f / max(|f|, eps)      C: the centroids of all targets stacked, each target's rows padded to a multiple of 4
//   p = softmax of z within each target;  loss = sum w[label] (-log p[label]) / sum w[label];  G = d mean(losses) / d z
//   df = (C^T G - <G, z> x) / |f|, x = f / |f|: the pull-back through the normalisation needs no second product
//
// This file serves float features and, where they do not fit cosine_loss_mma.cu's tensor cores, bfloat16. Weights
// depend on labels alone, so a small kernel adds them up first and the gradient needs no second pass over the features.
// A block takes tiles of 128 rows:
//   1. F C^T: 64 dimensions of the tile at a time in shared memory; a thread has 8 rows x 7 columns in registers.
//   2. Softmax: a thread per row turns its logits, now in the place of the features, into G.
//   3. G C, 64 rows at a time: a thread has 8 rows x 8 dimensions, pulls them back and writes them. It reads the
//      features again, out of the L2 cache: keeping them in shared memory would cost a third of the blocks on an SM.
// Two targets of up to 28 clusters and 128 dimensions fill one panel of columns: the centroids are loaded once and
// serve both products. More dimensions or columns reload 56 x 128 of them at a time; more columns also keep the logits
// of a tile in global memory between the steps, column by column, so that a thread per row reads them coalesced.
//
// Bound by FFMA: 2 x 2 x 56 x 128 FLOP per row against 4 x 128 bytes of bfloat16 (8 x 128 of float), on an H200 0.39 ms
// for 819,200 rows against 0.10 (0.20) ms for the bytes. Both products take one 16-byte read of shared memory per 15 to
// 16 FFMA, which is what 32 banks deliver. Sums of the loss are double, per warp, then per block, then over blocks, in
// a fixed order. Ladder: bench/ladder/cosine_loss.
#include "cuda/kernels/cosine_loss.h"

#include <algorithm>

#include "cuda/kernels/cosine_loss_parts.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kResident = 3;     // blocks that share the registers of a multiprocessor
constexpr int kRows = kThreads;  // of a tile: one per thread where rows are worked on alone
constexpr int kColumns = 56;     // of a panel
constexpr int kDims = 128;       // of the centroids in shared memory
constexpr int kDepth = 64;       // of the features in shared memory
constexpr int kRowsOfThread = 8, kColumnsOfThread = 7, kColumnThreads = kColumns / kColumnsOfThread;
constexpr int kDimThreads = 16, kHalf = kThreads / kDimThreads * kRowsOfThread;  // rows of the gradient at a time
static_assert(kThreads / kColumnThreads * kRowsOfThread == kRows && kDimThreads * 8 == kDims && kRows % kHalf == 0);
// Four times an odd number: eight threads that read 16 bytes of eight rows meet in no bank.
constexpr int kCentroidStride = kDims + 4, kFeatureStride = kDepth + 4, kLogitStride = kColumns + 4;

struct Stacked {
  CosineTarget target;
  int first, end;  // its columns among all, less padding
};

template <typename T>
struct Arguments {
  Stacked targets[kMaxCosineTargets];
  int count, weight_parts, dims, columns;
  bool packs;  // whole rows of features, gradient and centroids may be moved in packs of 16 bytes
  float eps;
  int64_t rows;
  const T* features;
  T* dfeatures;
  double* weights;  // [count][weight_parts]
  double* losses;   // [count][blocks]
  float* logits;    // [blocks][columns in whole panels][kRows], where there is more than one panel
};
static_assert(sizeof(Arguments<float>) <= 4096, "arguments of a kernel");

// What a block keeps in shared memory.
struct Shared {
  static constexpr size_t kTile = sizeof(float) * kRows * std::max(kFeatureStride, kLogitStride);
  static constexpr size_t kCentroids = kTile, kInverse = kCentroids + sizeof(float) * kColumns * kCentroidStride;
  static constexpr size_t kAlong = kInverse + sizeof(float) * kRows, kScale = kAlong + sizeof(float) * kRows;
  static constexpr size_t kLoss = kScale + sizeof(float) * kMaxCosineTargets;
  static constexpr size_t kBytes = kLoss + sizeof(double) * kMaxCosineTargets * kWarps;

  SharedArray<float> tile = dynamic_shared<float>(0, kCentroids);              // features, then logits
  SharedArray<float> centroids = dynamic_shared<float>(kCentroids, kInverse);  // [kColumns][kCentroidStride]
  SharedArray<float> inverse = dynamic_shared<float>(kInverse, kAlong);        // 1 / max(|f|, eps) of each row
  SharedArray<float> along = dynamic_shared<float>(kAlong, kScale);            // <G, z> of each row
  SharedArray<float> scale = dynamic_shared<float>(kScale, kLoss);  // of a gradient of weight 1, for each target
  SharedArray<double> loss = dynamic_shared<double>(kLoss);         // [kWarps][count]
};

// N elements at p, of which `there` exist, the others 0. With packs it is all or none.
template <bool kPacks, int N, typename T>
__device__ __forceinline__ void load_some(const T* p, int there, float (&values)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = 0.0f;
  if constexpr (kPacks) {
    if (there > 0) load_floats(p, values);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      if (i < there) values[i] = load(p + i);
    }
  }
}

__device__ __forceinline__ void store_four(SharedArray<float> p, const float* values) {
  store_pack(p, Pack<float, 4>{{values[0], values[1], values[2], values[3]}});
}

// The tile of the stacked centroids that begins at (column, dim); 0 where there are none.
template <bool kPacks, typename T>
__device__ __forceinline__ void load_centroids(const Arguments<T>& a, int column, int dim, const Shared& s) {
  const int lane = lane_in_warp();
  dim += 4 * lane;
  for (int c = static_cast<int>(threadIdx.x) / kWarp; c < kColumns; c += kWarps) {
    int t = 0;
    while (t + 1 < a.count && column + c >= a.targets[t + 1].first) ++t;
    const int cluster = column + c - a.targets[t].first;
    float values[4];
    load_some<kPacks>(a.targets[t].target.centroids + int64_t{cluster} * a.dims + dim,
                      column + c < a.targets[t].end ? a.dims - dim : 0, values);
    store_four(s.centroids + (c * kCentroidStride + 4 * lane), values);
  }
}

template <bool kPacks, typename T>
__device__ __forceinline__ void load_features(const Arguments<T>& a, int64_t first_row, int first_dim,
                                              const Shared& s) {
  constexpr int kPacksOfRow = kDepth / kPack<T>;
#pragma unroll 4
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPacksOfRow; i += kThreads) {
    const int row = i / kPacksOfRow, dim = i % kPacksOfRow * kPack<T>;
    float values[kPack<T>];
    load_some<kPacks>(a.features + (first_row + row) * a.dims + first_dim + dim,
                      first_row + row < a.rows ? a.dims - first_dim - dim : 0, values);
#pragma unroll
    for (int j = 0; j < kPack<T>; j += 4) store_four(s.tile + (row * kFeatureStride + dim + j), values + j);
  }
}

// sum[i][j] += features of row i times centroid j over `depth` dimensions, a multiple of 4.
__device__ __forceinline__ void multiply_features(SharedArray<float> features, SharedArray<float> centroids, int depth,
                                                  float (&sum)[kRowsOfThread][kColumnsOfThread]) {
  constexpr int kRowStep = kRows / kRowsOfThread;
  features += static_cast<int>(threadIdx.x) / kColumnThreads * kFeatureStride;
  centroids += static_cast<int>(threadIdx.x) % kColumnThreads * kCentroidStride;
#pragma unroll 1
  for (int d = 0; d < depth; d += 4) {
    Pack<float, 4> f[kRowsOfThread];
#pragma unroll
    for (int i = 0; i < kRowsOfThread; ++i) f[i] = load_pack<4>(features + (i * kRowStep * kFeatureStride + d));
#pragma unroll
    for (int j = 0; j < kColumnsOfThread; ++j) {
      const Pack<float, 4> c = load_pack<4>(centroids + (j * kColumnThreads * kCentroidStride + d));
#pragma unroll
      for (int i = 0; i < kRowsOfThread; ++i) {
#pragma unroll
        for (int k = 0; k < 4; ++k) sum[i][j] += f[i][k] * c[k];
      }
    }
  }
}

// sum[i] += gradient of row i by the logits times the centroids over `columns`, a multiple of 4. A thread's eight
// dimensions are four and another four 64 further on.
__device__ __forceinline__ void multiply_gradient(SharedArray<float> gradient, SharedArray<float> centroids,
                                                  int columns, float (&sum)[kRowsOfThread][8]) {
  constexpr int kRowStep = kHalf / kRowsOfThread;
  gradient += static_cast<int>(threadIdx.x) / kDimThreads * kLogitStride;
  centroids += static_cast<int>(threadIdx.x) % kDimThreads * 4;
  for (int c = 0; c < columns; c += 4) {
    Pack<float, 4> g[kRowsOfThread];
#pragma unroll
    for (int i = 0; i < kRowsOfThread; ++i) g[i] = load_pack<4>(gradient + (i * kRowStep * kLogitStride + c));
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const Pack<float, 4> low = load_pack<4>(centroids + (c + k) * kCentroidStride);
      const Pack<float, 4> high = load_pack<4>(centroids + ((c + k) * kCentroidStride + kDims / 2));
#pragma unroll
      for (int i = 0; i < kRowsOfThread; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          sum[i][j] += g[i][k] * low[j];
          sum[i][4 + j] += g[i][k] * high[j];
        }
      }
    }
  }
}

// The logits of one row: its 16-byte pieces in shared memory, or a column of the tile's logits in global memory.
struct SharedRow {
  SharedArray<float> z;
  __device__ __forceinline__ float& operator[](int k) const { return z[k]; }
  __device__ __forceinline__ Pack<float, 4> four(int k) const { return load_pack<4>(z + k); }
  __device__ __forceinline__ void set_four(int k, const Pack<float, 4>& values) const { store_pack(z + k, values); }
};
struct GlobalRow {
  float* z;
  __device__ __forceinline__ float& operator[](int k) const { return z[int64_t{k} * kRows]; }
  __device__ __forceinline__ Pack<float, 4> four(int k) const {
    return {{(*this)[k], (*this)[k + 1], (*this)[k + 2], (*this)[k + 3]}};
  }
  __device__ __forceinline__ void set_four(int k, const Pack<float, 4>& values) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) (*this)[k + i] = values[i];
  }
};

// Columns [first, end) of a row, products with the feature itself, become `scale` times the gradient of the entropy by
// z; the padding up to a multiple of 4 becomes 0. Returns the entropy and adds <gradient, z> to `along`: z less its
// maximum does, as the gradient's elements add up to 0.
template <typename Row>
__device__ __forceinline__ float entropy_row(const Row& row, int first, int end, int label, float inverse, float scale,
                                             float& along) {
  constexpr float kFarBelow = -1e30f;
  float highest = kFarBelow, sum = 0.0f, weighted = 0.0f;
  for (int k = first; k < end; k += 4) {
    const Pack<float, 4> z = row.four(k);
#pragma unroll
    for (int i = 0; i < 4; ++i) highest = fmaxf(highest, k + i < end ? z[i] : kFarBelow);
  }
  const float hit = (row[first + label] - highest) * inverse;
  for (int k = first; k < end; k += 4) {
    Pack<float, 4> z = row.four(k);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float below = k + i < end ? (z[i] - highest) * inverse : kFarBelow;
      z[i] = expf(below);
      sum += z[i];
      weighted += z[i] * below;
    }
    row.set_four(k, z);
  }
  const float factor = scale / sum;
  for (int k = first; k < end; k += 4) {
    Pack<float, 4> z = row.four(k);
#pragma unroll
    for (int i = 0; i < 4; ++i) z[i] *= factor;
    row.set_four(k, z);
  }
  row[first + label] -= scale;
  along += weighted * factor - hit * scale;
  return logf(sum) - hit;
}

// The thread's own row, |f|^2 = square, for all targets: logits to gradient, the loss to its sum.
template <typename T, typename Row>
__device__ __forceinline__ void entropies(const Arguments<T>& a, int64_t first_row, float square, const Row& row,
                                          const Shared& s) {
  const int thread = static_cast<int>(threadIdx.x);
  const bool there = first_row + thread < a.rows;
  const float inverse = 1.0f / fmaxf(sqrtf(square), a.eps);
  float along = 0.0f;
  for (int t = 0; t < a.count; ++t) {
    const LabelledRows& labels = a.targets[t].target.labels;
    const float weight = there ? labels.weight(first_row + thread) : 0.0f;
    const int label = there ? static_cast<int>(labels.label(first_row + thread)) : 0;
    const float entropy =
        entropy_row(row, a.targets[t].first, a.targets[t].end, label, inverse, weight * s.scale[t], along);
    const float loss = warp_sum(weight * entropy);
    if (lane_in_warp() == 0) s.loss[thread / kWarp * a.count + t] += static_cast<double>(loss);
  }
  s.inverse[thread] = inverse;
  s.along[thread] = inverse >= 1.0f / a.eps ? 0.0f : along;  // below the floor the norm is a constant
}

// df of the thread's rows and dimensions from their part of G C.
template <bool kPacks, typename T>
__device__ __forceinline__ void pull_back(const Arguments<T>& a, int64_t first_row, int half, int first_dim,
                                          const Shared& s, const float (&sum)[kRowsOfThread][8]) {
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i) {
    const int row = half + static_cast<int>(threadIdx.x) / kDimThreads + i * (kHalf / kRowsOfThread);
    if (first_row + row >= a.rows) return;
    const float inverse = s.inverse[row], along = s.along[row];
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int dim = first_dim + static_cast<int>(threadIdx.x) % kDimThreads * 4 + j * (kDims / 2);
      const int64_t at = (first_row + row) * a.dims + dim;
      float values[4];
      load_some<kPacks>(a.features + at, a.dims - dim, values);
#pragma unroll
      for (int k = 0; k < 4; ++k) values[k] = (sum[i][4 * j + k] - along * (values[k] * inverse)) * inverse;
      if constexpr (kPacks) {
        if (dim < a.dims) store_floats(a.dfeatures + at, values);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          if (dim + k < a.dims) store(a.dfeatures + at + k, values[k]);
        }
      }
    }
  }
}

// One tile. `loaded` is the place of the centroids in shared memory, panel and dimension, the same in all threads.
template <typename T, bool kOnePanel>
struct Tile {
  const Arguments<T>& a;
  const Shared& s;
  int64_t first_row;
  int loaded_column = -1, loaded_dim = -1;

  __device__ __forceinline__ float* global_logits(int column) const {
    return a.logits + (blockIdx.x * ceil_div(a.columns, kColumns) * kColumns + column) * kRows + threadIdx.x;
  }
  __device__ __forceinline__ SharedArray<float> own_row() const {
    return s.tile + static_cast<int>(threadIdx.x) * kLogitStride;
  }

  __device__ __forceinline__ void need_centroids(int column, int dim) {
    if (column == loaded_column && dim == loaded_dim) return;
    __syncthreads();
    if (a.packs)
      load_centroids<true>(a, column, dim, s);
    else
      load_centroids<false>(a, column, dim, s);
    __syncthreads();
    loaded_column = column;
    loaded_dim = dim;
  }

  // Products of the features with the panel at `column` to the tile; adds the squares of the thread's row to `square`.
  __device__ __forceinline__ void logits(int column, float& square) {
    float sum[kRowsOfThread][kColumnsOfThread] = {};
    for (int dim = 0; dim < a.dims; dim += kDims) {
      need_centroids(column, dim);
      for (int d = 0; d < kDims && dim + d < a.dims; d += kDepth) {
        __syncthreads();  // whoever used the tile before is done
        if (a.packs)
          load_features<true>(a, first_row, dim + d, s);
        else
          load_features<false>(a, first_row, dim + d, s);
        __syncthreads();
        const int depth = min(kDepth, (a.dims - dim - d + 3) / 4 * 4);
        multiply_features(s.tile, s.centroids + d, depth, sum);
        if (column > 0) continue;
        for (int k = 0; k < depth; k += 4) {
          const Pack<float, 4> f = load_pack<4>(s.tile + (static_cast<int>(threadIdx.x) * kFeatureStride + k));
          square += f[0] * f[0] + f[1] * f[1] + f[2] * f[2] + f[3] * f[3];
        }
      }
    }
    __syncthreads();
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < kRowsOfThread; ++i) {
      const int row = thread / kColumnThreads + i * (kRows / kRowsOfThread);
#pragma unroll
      for (int j = 0; j < kColumnsOfThread; ++j) {
        s.tile[row * kLogitStride + thread % kColumnThreads + j * kColumnThreads] = sum[i][j];
      }
    }
    __syncthreads();
  }

  __device__ __forceinline__ void gradient(int first_dim, int half) {
    float sum[kRowsOfThread][8] = {};
    for (int column = 0; column < a.columns; column += kColumns) {
      if constexpr (!kOnePanel) {
        __syncthreads();
        for (int k = 0; k < kColumns; ++k) own_row()[k] = global_logits(column)[k * kRows];
      }
      need_centroids(column, first_dim);
      if constexpr (!kOnePanel) __syncthreads();
      multiply_gradient(s.tile + half * kLogitStride, s.centroids, min(kColumns, a.columns - column), sum);
    }
    if (a.packs)
      pull_back<true>(a, first_row, half, first_dim, s, sum);
    else
      pull_back<false>(a, first_row, half, first_dim, s, sum);
  }

  __device__ __forceinline__ void run() {
    float square = 0.0f;
    if constexpr (kOnePanel) {
      logits(0, square);
      entropies(a, first_row, square, SharedRow{own_row()}, s);
    } else {
      for (int column = 0; column < a.columns; column += kColumns) {
        logits(column, square);
        for (int k = 0; k < kColumns; ++k) global_logits(column)[k * kRows] = own_row()[k];
      }
      entropies(a, first_row, square, GlobalRow{global_logits(0)}, s);
    }
    if (a.dfeatures == nullptr) return;
    __syncthreads();
    for (int dim = 0; dim < a.dims; dim += kDims) {
      for (int half = 0; half < kRows; half += kHalf) gradient(dim, half);
    }
  }
};

template <typename T, bool kOnePanel>
__global__ void __launch_bounds__(kThreads, kResident) cosine_loss_kernel(const Arguments<T> a) {
  const Shared s;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarp;
  for (int t = warp; t < a.count; t += kWarps) {
    const double weight = sum_parts(a.weights + int64_t{t} * a.weight_parts, a.weight_parts) * a.count;
    if (lane_in_warp() == 0) s.scale[t] = weight == 0.0 ? 0.0f : static_cast<float>(1.0 / weight);
  }
  for (int i = thread; i < kWarps * a.count; i += kThreads) s.loss[i] = 0.0;  // the tile's barriers part it from use
  Tile<T, kOnePanel> tile{a, s, 0};
  for (int64_t index = blockIdx.x; index * kRows < a.rows; index += gridDim.x) {
    tile.first_row = index * kRows;
    tile.run();
  }
  __syncthreads();
  for (int t = thread; t < a.count; t += kThreads) {
    double sum = 0.0;
    for (int w = 0; w < kWarps; ++w) sum += s.loss[w * a.count + t];
    a.losses[int64_t{t} * gridDim.x + blockIdx.x] = sum;
  }
}

// How a call is split, and where its parts of the scratch memory begin, in bytes.
struct Plan {
  int64_t columns = 0, blocks, losses, logits, bytes;

  explicit Plan(const CosineLoss& loss) {
    for (const CosineTarget& target : loss.targets) columns += ceil_div(target.labels.classes, 4) * 4;
    BS_CHECK(static_cast<int64_t>(loss.targets.size()) <= kMaxCosineTargets && columns < kLimit && loss.dims < kLimit,
             "cosine_cluster_loss: at most ", kMaxCosineTargets, " targets and ", kLimit,
             " clusters and dimensions, got ", loss.targets.size(), ", ", columns, " and ", loss.dims);
    const int64_t count = static_cast<int64_t>(loss.targets.size()), panels = ceil_div(columns, kColumns);
    blocks = resident_blocks(ceil_div(loss.rows, kRows), Shared::kBytes, kResident);
    losses = count * weight_parts(loss.rows) * static_cast<int64_t>(sizeof(double));
    logits = losses + count * blocks * static_cast<int64_t>(sizeof(double));
    bytes = logits + (panels > 1 ? blocks * panels * kColumns * kRows * static_cast<int64_t>(sizeof(float)) : 0);
  }

 private:
  static constexpr int64_t kLimit = 1 << 30;
};

}  // namespace

int64_t cosine_loss_scratch(const CosineLoss& loss) { return std::max(Plan(loss).bytes, tensor_core_scratch(loss)); }

template <typename T>
void cosine_loss(Stream stream, const CosineLoss& loss, const T* features, void* scratch, float* terms, T* dfeatures) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (fits_tensor_cores(loss, features, dfeatures)) {
      return cosine_loss_by_tensor_cores(stream, loss, features, scratch, terms, dfeatures);
    }
  }
  const Plan plan(loss);
  char* const bytes = static_cast<char*>(scratch);
  Arguments<T> a{};
  a.packs = loss.dims % kPack<T> == 0 && aligned_for_packs(features, dfeatures);
  for (const CosineTarget& target : loss.targets) {
    const int classes = static_cast<int>(target.labels.classes);
    a.targets[a.count++] = {target, a.columns, a.columns + classes};
    a.columns += (classes + 3) / 4 * 4;
    a.packs = a.packs && aligned_for_packs(target.centroids);
  }
  a.weight_parts = static_cast<int>(weight_parts(loss.rows));
  a.dims = static_cast<int>(loss.dims);
  a.eps = loss.eps;
  a.rows = loss.rows;
  a.features = features;
  a.dfeatures = dfeatures;
  a.weights = reinterpret_cast<double*>(bytes);
  a.losses = reinterpret_cast<double*>(bytes + plan.losses);
  a.logits = reinterpret_cast<float*>(bytes + plan.logits);
  add_weights(stream, loss, a.weights);
  launch(plan.columns <= kColumns ? cosine_loss_kernel<T, true> : cosine_loss_kernel<T, false>,
         {plan.blocks, kThreads, Shared::kBytes}, stream, a);
  make_terms(stream, loss, a.weights, a.losses, plan.blocks, terms);
}

template void cosine_loss(Stream, const CosineLoss&, const float*, void*, float*, float*);
template void cosine_loss(Stream, const CosineLoss&, const bfloat16*, void*, float*, bfloat16*);

}  // namespace bareseg
