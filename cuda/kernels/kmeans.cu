// Nearest centroids of points, and with the same read of a point what it adds to its cluster:
//   label_i = argmin_k |c_k|^2 - 2 <x_i, c_k>   (euclidean)   or   argmin_k -<x_i, c_k>
//   sums_k = sum of x_i, counts_k = number of i, inertia = sum of |x_i - c_k|^2 or of 1 - <x_i, c_k>, over label_i = k
//
// A block of 128 threads holds a tile of 128 points in shared memory, and goes on to further tiles; its centroids are
// read once (while they fit). Labels: a warp scores its 32 points against panels of 32 centroids with tensor cores.
// Centroids, and points that are float, are sums of three bfloat16; the products of their terms that matter in float32
// are six, or three for bfloat16 points. Small products are added up apart from the large one. A lane then compares 8
// centroids for each of 4 points, and the four lanes of a point meet.
// Totals: the tile's points are sorted by label; each warp walks 32 of them in that order with its lanes along the
// dims, adds up runs of equal labels in registers, and adds a run to its cluster in shared memory. A run that may have
// begun with the warp before goes to a place of its own, which is added after all warps are done; so no two threads
// ever add to the same number, and the order of adding is fixed. Every few tiles the float sums move to the block's
// double sums in global memory, which a second kernel adds up block by block.
//
// Bytes: dims sizeof(T) read and the label written per point, once. For n = 819,200, dims = 128, clusters = 27 and
// int32 labels an H200 (4.3 TB/s) needs 98 us in float and 50 us in bfloat16, beside 76 and 38 us of tensor cores at
// two thirds of their 790 TFLOP/s: bound by memory. With more than one panel of centroids the products bind. Ladder:
// bench/ladder/kmeans.
#include "cuda/kernels/kmeans.h"

#include <algorithm>

#include "cuda/kernels/kmeans_score.cuh"

namespace bareseg {
namespace {

constexpr int kTile = 128;                        // points of the largest tile, and threads
constexpr int kChunk = 128;                       // dims in shared memory while centroids stream through it
constexpr int kMaxClusters = 64, kMaxDims = 256;  // of the fused kernel
constexpr int kRow = 4 * kWarp;                   // dims that a warp's lanes walk at once, 4 each
constexpr int kFlush = 8;                         // tiles whose sums may stay float

// Blocks that share a multiprocessor's registers: as many as tiles of so many dims leave room for in shared memory.
template <typename T>
constexpr int resident_blocks(int64_t dims) {
  return sizeof(T) == 2 && dims <= kRow ? 3 : 2;
}

template <typename T>
struct Problem {
  const T* points;
  const float* centroids;
  int64_t n;
  int dims, clusters;
  bool euclidean;
  bool packed_points, packed_centroids;  // rows are whole packs of 16 bytes, aligned
  LabelsOut labels;
};

template <typename T>
__device__ __forceinline__ void store_label(const Problem<T>& p, int64_t point, int label) {
  if (p.labels.narrow != nullptr)
    p.labels.narrow[point] = static_cast<uint8_t>(label);
  else if (p.labels.wide != nullptr)
    p.labels.wide[point] = label;
}

// Points of the tile at `first`; the block's next tile is `step` points on.
template <typename T>
__device__ __forceinline__ int points_in_tile(const Problem<T>& p, int64_t first, int tile) {
  return static_cast<int>(p.n - first < tile ? p.n - first : tile);
}
template <typename T>
__device__ __forceinline__ void prefetch_tile(const Problem<T>& p, int64_t first, int tile) {
  if (first < p.n)
    prefetch_to_l2(p.points + first * p.dims,
                   points_in_tile(p, first, tile) * p.dims * static_cast<int64_t>(sizeof(T)));
}

// Labels alone, for any number of centroids and dims. Panels and chunks of dims stream through shared memory, but what
// would come again stays: the tile when its dims are one chunk, the centroids when they are one panel and chunk.
template <typename T>
__global__ void __launch_bounds__(kTile, resident_blocks<T>(kChunk)) labels_kernel(const Problem<T> p) {
  BS_SHARED(float, bias, kPanel);
  const int chunk = min(p.dims, kChunk);
  const size_t points_bytes = sizeof(T) * static_cast<size_t>(kTile * Rows<T>::stride(chunk));
  const Rows<T> points{dynamic_shared<T>(0, points_bytes), Rows<T>::stride(chunk)};
  const Panels panels{{dynamic_shared<bfloat16>(points_bytes), Rows<bfloat16>::stride(chunk)}, kPanel, bias};
  const int warp_first = thread_in_block() / kWarp * kWarpPoints;
  const bool one_chunk = p.dims <= kChunk, one_panel = p.clusters <= kPanel;
  bool loaded = false;
  for (int64_t first = int64_t{blockIdx.x} * kTile; first < p.n; first += int64_t{gridDim.x} * kTile) {
    const int count = points_in_tile(p, first, kTile);
    Best best;
    for (int panel = 0; panel < p.clusters; panel += kPanel) {
      const float* rows = p.centroids + int64_t{panel} * p.dims;
      const int valid = min(kPanel, p.clusters - panel);
      Products products;
      for (int d = 0; d < p.dims; d += kChunk) {
        const int columns = min(p.dims - d, kChunk);
        __syncthreads();
        if (!one_chunk || panel == 0)
          stage_points(points, p.points + first * p.dims + d, p.dims, columns, kTile, count, p.packed_points);
        if (!(one_chunk && one_panel && loaded)) {
          stage_centroids(panels, rows + d, p.dims, columns, valid, p.packed_centroids);
          if (d == 0) stage_bias(panels, rows, p.dims, valid, p.euclidean);
          loaded = true;
        }
        wait_for_copies();
        __syncthreads();
        if (one_chunk && panel == 0) prefetch_tile(p, first + int64_t{gridDim.x} * kTile, kTile);
        multiply(points, warp_first, panels, 0, columns, products);
      }
      compare(products, bias, p.euclidean ? -2.0f : -1.0f, panel, best);
    }
    const int point = warp_first + own_point(), label = own_label(best);
    if (point < count) store_label(p, first + point, label);
  }
}

// The fused kernel's dynamic shared memory: sizes in elements, places in bytes.
struct FusedShape {
  int points_stride, terms_stride, width, centroids;  // width: of a row of sums
  size_t terms, sums, heads, bytes;

  template <typename T>
  BS_HOST_DEVICE static FusedShape of(int tile, int64_t dims, int clusters) {
    FusedShape s{};
    s.points_stride = Rows<T>::stride(dims);
    s.terms_stride = Rows<bfloat16>::stride(dims);
    s.width = static_cast<int>(ceil_div(dims, 4) * 4);
    s.centroids = static_cast<int>(ceil_div(clusters, kPanel)) * kPanel;
    s.terms = sizeof(T) * static_cast<size_t>(tile * s.points_stride);
    s.sums = s.terms + sizeof(bfloat16) * static_cast<size_t>(kTerms * s.centroids * s.terms_stride);
    s.heads = s.sums + sizeof(float) * static_cast<size_t>(clusters * s.width);
    s.bytes = s.heads + sizeof(float) * static_cast<size_t>(tile / kWarpPoints * s.width);
    return s;
  }
};

// What the threads of a block work on together.
template <typename T>
struct Workspace {
  Rows<T> points;
  Panels panels;
  int width, clusters, warps;
  SharedArray<float> sums, heads;  // [clusters, width], [warps, width]
  SharedArray<int> counts;         // [warps, kMaxClusters] points of each label, then where they begin in `order`
  SharedArray<int> order, label;   // [tile] points by label, and the label of each of those
  SharedArray<int> start;          // [clusters + 1] of each label in `order`
  SharedArray<int> head;           // [warps] cluster of the warp's row of heads, or -1
};

// The label of the lane's own point, kMaxClusters for none; writes it out.
template <typename T>
__device__ __forceinline__ int label_tile(const Problem<T>& p, const Workspace<T>& w, int64_t first, int count) {
  const int warp_first = thread_in_block() / kWarp * kWarpPoints;
  Best best;
  for (int panel = 0; panel < w.panels.count; panel += kPanel) {
    Products products;
    multiply(w.points, warp_first, w.panels, panel, p.dims, products);
    compare(products, w.panels.bias + panel, p.euclidean ? -2.0f : -1.0f, panel, best);
  }
  const int point = warp_first + own_point(), label = own_label(best);
  if (point >= count) return kMaxClusters;
  store_label(p, first + point, label);
  return label;
}

// Begins of each label in `order`, for each warp and in all, by the first warp. Lane i has labels 2 i and 2 i + 1,
// whose numbers of points are added to `members`.
template <typename T>
__device__ __forceinline__ void scan_counts(const Workspace<T>& w, int64_t (&members)[2]) {
  const int lane = lane_in_warp();
  int total[2] = {};
  for (int warp = 0; warp < w.warps; ++warp)
    for (int i = 0; i < 2; ++i) total[i] += w.counts[warp * kMaxClusters + 2 * lane + i];
  const int upto = warp_scan(total[0] + total[1]);
  int begin = upto - total[0] - total[1];
  for (int i = 0; i < 2; ++i) {
    if (2 * lane + i <= w.clusters) w.start[2 * lane + i] = begin;
    for (int warp = 0; warp < w.warps; ++warp) {
      const int count = w.counts[warp * kMaxClusters + 2 * lane + i];
      w.counts[warp * kMaxClusters + 2 * lane + i] = begin;
      begin += count;
    }
    members[i] += total[i];
  }
  if (lane == kWarp - 1 && w.clusters == kMaxClusters) w.start[kMaxClusters] = upto;
}

// Sorts the tile by label. The lane's point has `label`, kMaxClusters for none.
template <typename T>
__device__ __forceinline__ void sort_tile(const Workspace<T>& w, int label, int64_t (&members)[2]) {
  const int warp = thread_in_block() / kWarp, lane = lane_in_warp();
  const unsigned same = warp_match(static_cast<unsigned>(label), std::bit_width(unsigned{kMaxClusters})),
                 below = same & ((1u << lane) - 1u);
  const SharedArray<int> counts = w.counts + warp * kMaxClusters;
  counts[lane] = 0;
  counts[lane + kWarp] = 0;
  __syncwarp();
  if (below == 0 && label < kMaxClusters) counts[label] = std::popcount(same);
  __syncthreads();
  if (warp == 0) scan_counts(w, members);
  __syncthreads();
  if (label < kMaxClusters) {
    const int place = counts[label] + std::popcount(below);
    w.order[place] = warp * kWarpPoints + own_point();
    w.label[place] = label;
  }
  __syncthreads();
}

__device__ __forceinline__ void load_four(const Rows<float>& rows, int row, int column, float (&values)[4]) {
  const Pack<float, 4> pack = load_pack<4>(rows.at(row, column));
#pragma unroll
  for (int e = 0; e < 4; ++e) values[e] = pack[e];
}
__device__ __forceinline__ void load_four(const Rows<bfloat16>& rows, int row, int column, float (&values)[4]) {
  const Pack<bfloat16, 4> pack = load_pack<4>(rows.at(row, column));
#pragma unroll
  for (int e = 0; e < 4; ++e) values[e] = to_float(pack[e]);
}

// Adds points order[begin, end), all of cluster k, to `sum`; returns their share of the inertia. Columns of the thread:
// 4 lane + v kRow + e.
template <typename T, int kVectors>
__device__ __forceinline__ float walk_run(const Workspace<T>& w, int k, int begin, int end, bool euclidean,
                                          float (&sum)[kVectors][4]) {
  float inertia = 0.0f;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const int column = lane_in_warp() * 4 + v * kRow;
    if (column >= w.width) continue;
    float c[4] = {}, x[4];
#pragma unroll
    for (int term = 0; term < kTerms; ++term) {
      load_four(w.panels.terms, term * w.panels.count + k, column, x);
#pragma unroll
      for (int e = 0; e < 4; ++e) c[e] += x[e];  // exact
    }
    for (int i = begin; i < end; ++i) {
      load_four(w.points, w.order[i], column, x);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        sum[v][e] += x[e];
        const float a = euclidean ? x[e] - c[e] : x[e], b = euclidean ? a : -c[e];
        inertia += a * b;
      }
    }
  }
  return inertia;
}

// Adds the warp's 32 of the tile's sorted points to the clusters' sums; the first run goes to the warp's head instead.
template <typename T, int kVectors>
__device__ __forceinline__ float walk_tile(const Workspace<T>& w, int count, bool euclidean) {
  const int warp = thread_in_block() / kWarp, lane = lane_in_warp();
  const int begin = warp * kWarpPoints, end = min(begin + kWarpPoints, count);
  float inertia = 0.0f;
  int head = -1;
  for (int from = begin; from < end;) {
    const int k = w.label[from], to = min(w.start[k + 1], end);
    float sum[kVectors][4] = {};
    inertia += walk_run<T, kVectors>(w, k, from, to, euclidean, sum);
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
      const int column = lane * 4 + v * kRow;
      if (column >= w.width) continue;
      const SharedArray<float> place = (head < 0 ? w.heads + warp * w.width : w.sums + k * w.width) + column;
      Pack<float, 4> total{};
      if (head >= 0) total = load_pack<4>(place);
#pragma unroll
      for (int e = 0; e < 4; ++e) total[e] += sum[v][e];
      store_pack<4>(place, total);
    }
    if (head < 0) head = k;
    from = to;
  }
  if (lane == 0) w.head[warp] = head;
  return inertia;
}

template <typename T>
__device__ __forceinline__ void add_heads(const Workspace<T>& w) {
  for (int column = thread_in_block(); column < w.width; column += threads_in_block())
    for (int warp = 0; warp < w.warps; ++warp)
      if (w.head[warp] >= 0) w.sums[w.head[warp] * w.width + column] += w.heads[warp * w.width + column];
}

// Moves the float sums to the block's double sums, which are `begun` or not yet written.
template <typename T>
__device__ __forceinline__ void flush_sums(const Workspace<T>& w, double* to, bool begun) {
  for (int i = thread_in_block(); i < w.clusters * w.width; i += threads_in_block()) {
    to[i] = (begun ? to[i] : 0.0) + static_cast<double>(w.sums[i]);
    w.sums[i] = 0.0f;
  }
}

template <typename T, int kVectors>
__global__ void __launch_bounds__(kTile, resident_blocks<T>(kVectors* kRow))
    accumulate_kernel(const Problem<T> p, const FusedShape shape, double* __restrict__ part_sums,
                      int64_t* __restrict__ part_counts, double* __restrict__ part_inertia) {
  BS_SHARED(float, bias, kMaxClusters);
  BS_SHARED(int, counts, kTile / kWarp * kMaxClusters);
  BS_SHARED(int, order, kTile);
  BS_SHARED(int, label_at, kTile);
  BS_SHARED(int, start, kMaxClusters + 1);
  BS_SHARED(int, head, kTile / kWarp);
  BS_SHARED(double, scratch, kWarp);
  const int thread = thread_in_block(), tile = threads_in_block();
  const Workspace<T> w{{dynamic_shared<T>(0, shape.terms), shape.points_stride},
                       {{dynamic_shared<bfloat16>(shape.terms, shape.sums), shape.terms_stride}, shape.centroids, bias},
                       shape.width,
                       p.clusters,
                       tile / kWarp,
                       dynamic_shared<float>(shape.sums, shape.heads),
                       dynamic_shared<float>(shape.heads),
                       counts,
                       order,
                       label_at,
                       start,
                       head};
  stage_centroids(w.panels, p.centroids, p.dims, p.dims, p.clusters, p.packed_centroids);
  stage_bias(w.panels, p.centroids, p.dims, p.clusters, p.euclidean);
  for (int i = thread; i < p.clusters * w.width; i += tile) w.sums[i] = 0.0f;
  double* block_sums = part_sums + int64_t{blockIdx.x} * p.clusters * w.width;
  double inertia = 0.0;
  int64_t members[2] = {};  // of clusters 2 lane and 2 lane + 1, in the first warp
  int tiles = 0;
  for (int64_t first = int64_t{blockIdx.x} * tile; first < p.n; first += int64_t{gridDim.x} * tile) {
    const int count = points_in_tile(p, first, tile);
    stage_points(w.points, p.points + first * p.dims, p.dims, p.dims, tile, count, p.packed_points);
    wait_for_copies();
    __syncthreads();
    prefetch_tile(p, first + int64_t{gridDim.x} * tile, tile);
    sort_tile(w, label_tile(p, w, first, count), members);
    inertia += static_cast<double>(walk_tile<T, kVectors>(w, count, p.euclidean));
    __syncthreads();
    add_heads(w);
    if (++tiles % kFlush != 0) continue;
    __syncthreads();
    flush_sums(w, block_sums, tiles > kFlush);
  }
  __syncthreads();
  if (tiles % kFlush != 0) flush_sums(w, block_sums, tiles > kFlush);
  for (int i = 0; i < 2; ++i)
    if (2 * thread + i < p.clusters) part_counts[int64_t{blockIdx.x} * p.clusters + 2 * thread + i] = members[i];
  inertia = block_sum(inertia, scratch);
  if (thread == 0) part_inertia[blockIdx.x] = inertia;
}

constexpr int kColumns = 32, kRows = 8;  // of a block of finish_kernel

// Sum of part[r * width + column] over r < parts, of which each of the block's rows of threads takes every eighth; in
// the threads with y = 0.
template <typename V>
__device__ __forceinline__ V column_total(const V* __restrict__ part, int64_t parts, int64_t width, int64_t column) {
  BS_SHARED(V, scratch, kRows * kColumns);
  V total = 0;
  if (column < width) {
#pragma unroll 8
    for (int64_t r = threadIdx.y; r < parts; r += kRows) total += part[r * width + column];
  }
  scratch[threadIdx.y * kColumns + threadIdx.x] = total;
  __syncthreads();
  for (int r = 1; r < kRows && threadIdx.y == 0; ++r) total += scratch[r * kColumns + threadIdx.x];
  return total;
}

// Totals over blocks: the first blocks of the grid add up sums, the next counts, the last the inertia.
__global__ void __launch_bounds__(kColumns* kRows)
    finish_kernel(FusedParts part, int64_t parts, int64_t cells, int64_t clusters, int64_t dims, double base,
                  ClusterTotals totals) {
  const int64_t width = cells / clusters, sum_blocks = ceil_div(cells, kColumns);
  const int64_t count_blocks = ceil_div(clusters, kColumns);
  const int64_t column = int64_t{blockIdx.x} * kColumns + threadIdx.x;
  if (blockIdx.x < sum_blocks) {
    const double total = column_total(part.sums, parts, cells, column);
    const int64_t k = column / width, d = column % width;
    if (threadIdx.y == 0 && column < cells && d < dims) totals.sums[k * dims + d] = static_cast<float>(total);
  } else if (blockIdx.x < sum_blocks + count_blocks) {
    const int64_t k = column - sum_blocks * kColumns;
    const int64_t total = column_total(part.counts, parts, clusters, k);
    if (threadIdx.y == 0 && k < clusters) totals.counts[k] = total;
  } else {
    const double total = column_total(part.inertia, parts, 1, threadIdx.x);
    if (threadIdx.x == 0 && threadIdx.y == 0) *totals.inertia = static_cast<float>(base + total);
  }
}

template <typename T>
Problem<T> problem(const T* points, const float* centroids, int64_t n, int64_t dims, int64_t clusters, bool euclidean,
                   const LabelsOut& labels) {
  BS_CHECK(clusters <= INT32_MAX && dims <= INT32_MAX / kTile, "kmeans: a kernel does not take ", clusters,
           " clusters of ", dims, " dims");
  return {points,
          centroids,
          n,
          static_cast<int>(dims),
          static_cast<int>(clusters),
          euclidean,
          dims % kPack<T> == 0 && aligned_for_packs(points),
          dims % kPack<float> == 0 && aligned_for_packs(centroids),
          labels};
}

// The same, for a kernel with so much dynamic shared memory.
template <typename T>
int64_t resident_blocks(int64_t dims, size_t bytes) {
  constexpr size_t kReserved = 1 << 10, kStatic = 3 << 10;  // per block, by the system and by declared arrays
  const size_t room = (max_shared_bytes() + kReserved) / (bytes + kStatic + kReserved);
  return std::min<int64_t>(resident_blocks<T>(dims), static_cast<int64_t>(room));
}

}  // namespace

template <typename T>
void kmeans_labels(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims, int64_t clusters,
                   bool euclidean, const LabelsOut& labels) {
  const int64_t chunk = std::min<int64_t>(dims, kChunk);
  const size_t bytes = sizeof(T) * static_cast<size_t>(kTile * Rows<T>::stride(chunk)) +
                       sizeof(bfloat16) * static_cast<size_t>(kTerms * kPanel * Rows<bfloat16>::stride(chunk));
  const int64_t blocks = std::min(ceil_div(n, kTile), resident_blocks<T>(chunk, bytes) * multiprocessors());
  launch(labels_kernel<T>, Grid(blocks, kTile, bytes), stream,
         problem(points, centroids, n, dims, clusters, euclidean, labels));
}

template <typename T>
FusedPlan plan_kmeans_fused(int64_t n, int64_t dims, int64_t clusters) {
  if (clusters > kMaxClusters || dims > kMaxDims) return {};
  // As many points at once as a multiprocessor has room for; of equals the more blocks, which hide each other's waits.
  // With less than a whole tile it would idle more than a second pass over the points costs.
  FusedPlan plan;
  int64_t most = kTile;
  for (const int tile : {kTile, kTile / 2}) {
    const FusedShape shape = FusedShape::of<T>(tile, dims, static_cast<int>(clusters));
    const int64_t resident = resident_blocks<T>(dims, shape.bytes);
    if (resident * tile < most) continue;
    most = resident * tile;
    plan = {std::min(ceil_div(n, tile), resident * multiprocessors()), tile, clusters * shape.width};
  }
  return plan;
}

template <typename T>
void kmeans_accumulate_fused(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims,
                             int64_t clusters, bool euclidean, const LabelsOut& labels, const FusedPlan& plan,
                             const FusedParts& parts, const ClusterTotals& totals) {
  const Problem<T> p = problem(points, centroids, n, dims, clusters, euclidean, labels);
  const FusedShape shape = FusedShape::of<T>(plan.tile, dims, p.clusters);
  launch(dims <= kRow ? accumulate_kernel<T, 1> : accumulate_kernel<T, 2>,
         Grid(plan.blocks, dim3(static_cast<unsigned>(plan.tile)), shape.bytes), stream, p, shape, parts.sums,
         parts.counts, parts.inertia);
  const int64_t blocks = ceil_div(plan.cells, kColumns) + ceil_div(clusters, kColumns) + 1;
  launch(finish_kernel, Grid(blocks, dim3(kColumns, kRows)), stream, parts, plan.blocks, plan.cells, clusters, dims,
         euclidean ? 0.0 : static_cast<double>(n), totals);
}

template void kmeans_labels(Stream, const float*, const float*, int64_t, int64_t, int64_t, bool, const LabelsOut&);
template void kmeans_labels(Stream, const bfloat16*, const float*, int64_t, int64_t, int64_t, bool, const LabelsOut&);
template FusedPlan plan_kmeans_fused<float>(int64_t, int64_t, int64_t);
template FusedPlan plan_kmeans_fused<bfloat16>(int64_t, int64_t, int64_t);
template void kmeans_accumulate_fused(Stream, const float*, const float*, int64_t, int64_t, int64_t, bool,
                                      const LabelsOut&, const FusedPlan&, const FusedParts&, const ClusterTotals&);
template void kmeans_accumulate_fused(Stream, const bfloat16*, const float*, int64_t, int64_t, int64_t, bool,
                                      const LabelsOut&, const FusedPlan&, const FusedParts&, const ClusterTotals&);

}  // namespace bareseg
