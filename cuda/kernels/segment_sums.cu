// Sums of points by label, where the clusters' sums do not fit a block: a stable counting sort of the points' numbers
// by label, then sums of the segments of equal labels.
//
// Sort: a warp per part of the labels counts them in its row of a table [parts, clusters] (histogram_kernel); a warp
// per cluster turns its column into where each part's points of that label begin among all of that label
// (part_scan_kernel); one block adds up the clusters (cluster_scan_kernel); and each warp goes through its part again,
// 32 labels at a time, a label's place among them being the number of equal ones in lower lanes (scatter_kernel). Sums:
// a warp per piece of the order and 128 dims, 4 per lane, adds the points in order, so that a piece of any mixture of
// labels is the same work. What it adds for the cluster its piece begins with goes to the piece's head, the rest to the
// cluster itself, to which no other piece writes; finish_kernel adds a cluster's heads. Float sums of up to 64 points
// move to double. Memory bound: the points are read once more than for their labels, in runs of dims sizeof(T) bytes,
// and about 20 + 8 bytes per point are moved by the sort.
#include "cuda/kernels/segment_sums.h"

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int64_t kSortResident = 4;   // warps of the sort on a multiprocessor; more would make the table large
constexpr int64_t kPartLabels = 1024;  // at least
constexpr int64_t kResident = 24;      // warps of the sums on a multiprocessor
constexpr int64_t kPiecePoints = 128;  // at least
constexpr int kColumns = 4 * kWarp;    // dims of a warp
constexpr int kFlush = 64;             // points whose sums may stay float
constexpr int kBatch = 4;              // points in flight per warp

constexpr int kSortThreads = 128;
constexpr int kSortWarps = kSortThreads / kWarp;

// The labels of a warp, none for a warp too many, and its row of the table.
struct Part {
  int64_t begin, end;
  int32_t* row;
};
__device__ __forceinline__ Part own_part(int64_t n, int64_t parts, int64_t clusters, int32_t* table) {
  const int64_t part = int64_t{blockIdx.x} * kSortWarps + threadIdx.x / kWarp;
  if (part >= parts) return {0, 0, nullptr};
  return {n * part / parts, n * (part + 1) / parts, table + part * clusters};
}

template <typename Label>
__global__ void __launch_bounds__(kSortThreads)
    histogram_kernel(const Label* __restrict__ labels, int64_t n, int64_t parts, int64_t clusters, int32_t* table) {
  const Part part = own_part(n, parts, clusters, table);
  if (part.row == nullptr) return;
  for (int64_t k = lane_in_warp(); k < clusters; k += kWarp) part.row[k] = 0;
  __syncwarp();
  for (int64_t i = part.begin + lane_in_warp(); i < part.end; i += kWarp) atomicAdd(part.row + labels[i], 1);
}

__global__ void __launch_bounds__(kThreads)
    part_scan_kernel(int32_t* __restrict__ table, int64_t parts, int64_t clusters, int64_t* __restrict__ counts) {
  const int64_t k = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
  if (k >= clusters) return;
  const int lane = lane_in_warp();
  int64_t total = 0;
  for (int64_t first = 0; first < parts; first += kWarp) {
    int32_t* entry = table + (first + lane) * clusters + k;
    const int64_t count = first + lane < parts ? *entry : 0;
    const int64_t upto = warp_scan(count);
    // Of one label a part's points begin below 2^31, or the table could not have counted them.
    if (first + lane < parts) *entry = static_cast<int32_t>(total + upto - count);
    total += warp_shuffle(upto, kWarp - 1);
  }
  if (lane == 0) counts[k] = total;
}

__global__ void __launch_bounds__(kThreads)
    cluster_scan_kernel(const int64_t* __restrict__ counts, int64_t clusters, int64_t* __restrict__ start) {
  BS_SHARED(int64_t, warps, kWarps);
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = lane_in_warp();
  int64_t total = 0;
  for (int64_t first = 0; first < clusters; first += kThreads) {
    const int64_t k = first + threadIdx.x, count = k < clusters ? counts[k] : 0;
    int64_t upto = warp_scan(count);
    if (lane == kWarp - 1) warps[warp] = upto;
    __syncthreads();
    int64_t all = 0;
    for (int w = 0; w < kWarps; ++w) {
      if (w < warp) upto += warps[w];
      all += warps[w];
    }
    if (k < clusters) start[k] = total + upto - count;
    total += all;
    __syncthreads();
  }
  if (threadIdx.x == 0) start[clusters] = total;
}

template <typename Label>
__global__ void __launch_bounds__(kSortThreads)
    scatter_kernel(const Label* __restrict__ labels, int64_t n, int64_t parts, int64_t clusters, int bits,
                   const int64_t* __restrict__ start, int32_t* table, int64_t* __restrict__ order) {
  const Part part = own_part(n, parts, clusters, table);
  const int lane = lane_in_warp();
  for (int64_t first = part.begin; first < part.end; first += kWarp) {
    const int64_t i = first + lane;
    const bool inside = i < part.end;
    const int64_t label = inside ? labels[i] : 0;
    const unsigned equal = warp_match(static_cast<unsigned>(label), bits) & warp_ballot(inside);
    const int below = std::popcount(equal & ((1u << lane) - 1u)), all = std::popcount(equal);
    const int32_t next = part.row[label];
    if (inside) order[start[label] + next + below] = i;
    __syncwarp();
    if (inside && below == all - 1) part.row[label] = next + all;
    __syncwarp();
  }
}

// Four numbers of a row from `column` on; 0 past its end.
template <bool kPacked, typename T>
__device__ __forceinline__ void load_four(const T* row, int64_t column, int64_t dims, float (&values)[4]) {
  if constexpr (kPacked) {
    Pack<T, 4> pack{};
    if (column < dims) pack = load_pack<4>(row + column);
#pragma unroll
    for (int e = 0; e < 4; ++e) values[e] = to_float(pack[e]);
  } else {
#pragma unroll
    for (int e = 0; e < 4; ++e) values[e] = column + e < dims ? load(row + column + e) : 0.0f;
  }
}

// What a lane adds up over the points of one cluster in its piece.
struct Run {
  float center[4], sum[4], inertia;

  __device__ __forceinline__ void begin() {
#pragma unroll
    for (float& value : sum) value = 0.0f;
    inertia = 0.0f;
  }
  __device__ __forceinline__ void add(const float (&x)[4], bool euclidean) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      sum[e] += x[e];
      const float a = euclidean ? x[e] - center[e] : x[e], b = euclidean ? a : -center[e];
      inertia += a * b;
    }
  }
};

template <typename T, bool kPacked>
__device__ __forceinline__ void add_points(Run& run, const T* points, const int64_t* order, int64_t begin, int64_t end,
                                           int64_t column, int64_t dims, bool euclidean) {
  int64_t i = begin;
  for (; i + kBatch <= end; i += kBatch) {
    float x[kBatch][4];
#pragma unroll
    for (int b = 0; b < kBatch; ++b) load_four<kPacked>(points + order[i + b] * dims, column, dims, x[b]);
#pragma unroll
    for (int b = 0; b < kBatch; ++b) run.add(x[b], euclidean);
  }
  for (; i < end; ++i) {
    float x[4];
    load_four<kPacked>(points + order[i] * dims, column, dims, x);
    run.add(x, euclidean);
  }
}

// The cluster that point order[i] belongs to.
__device__ __forceinline__ int64_t cluster_at(const int64_t* start, int64_t clusters, int64_t i) {
  int64_t low = 0, high = clusters;  // start[low] <= i < start[high]
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (start[middle] <= i ? low : high) = middle;
  }
  return low;
}

template <typename T, bool kPacked>
__global__ void __launch_bounds__(kThreads, 3)
    segment_kernel(const T* __restrict__ points, const float* __restrict__ centroids, int64_t n, int64_t dims,
                   int64_t clusters, bool euclidean, const int64_t* __restrict__ start,
                   const int64_t* __restrict__ order, int64_t length, SegmentParts parts) {
  const int64_t piece = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
  const int64_t begin = piece * length, end = begin + length < n ? begin + length : n;
  if (begin >= n) return;
  const int lane = lane_in_warp();
  const int64_t column = int64_t{blockIdx.y} * kColumns + lane * 4;
  double inertia = 0.0;
  int64_t k = cluster_at(start, clusters, begin);
  for (int64_t from = begin; from < end; ++k) {
    const int64_t to = start[k + 1] < end ? start[k + 1] : end;
    if (to == from) continue;
    Run run;
    load_four<kPacked>(centroids + k * dims, column, dims, run.center);
    double sum[4] = {};
    double* out = from == begin ? parts.heads + piece * dims : parts.own + k * dims;
    for (; from < to; from += kFlush) {
      run.begin();
      add_points<T, kPacked>(run, points, order, from, from + kFlush < to ? from + kFlush : to, column, dims,
                             euclidean);
      inertia += static_cast<double>(run.inertia);
#pragma unroll
      for (int e = 0; e < 4; ++e) sum[e] += static_cast<double>(run.sum[e]);
    }
    from = to;
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (column + e < dims) out[column + e] = sum[e];
  }
  inertia = warp_sum(inertia);
  if (lane == 0) parts.inertia[piece * gridDim.y + blockIdx.y] = inertia;
}

// A block of 32 x 8 threads takes 32 of the sums; the last block the inertia, `base` and what `inertias` parts add.
__global__ void __launch_bounds__(kThreads)
    finish_kernel(SegmentParts parts, int64_t length, int64_t dims, int64_t clusters, const int64_t* __restrict__ start,
                  int64_t inertias, double base, ClusterTotals totals) {
  BS_SHARED(double, scratch, kThreads);
  const int self = thread_in_block();
  double total = 0.0;
  if (blockIdx.x == gridDim.x - 1) {
    for (int64_t i = self; i < inertias; i += kThreads) total += parts.inertia[i];
    total = block_sum(total, scratch);
    if (self == 0) *totals.inertia = static_cast<float>(base + total);
    return;
  }
  const int64_t cell = int64_t{blockIdx.x} * kWarp + threadIdx.x;
  if (cell < clusters * dims) {
    const int64_t k = cell / dims, d = cell % dims, begin = start[k], end = start[k + 1];
    if (threadIdx.y == 0 && begin < end && begin % length != 0) total = parts.own[cell];
    for (int64_t piece = ceil_div(begin, length) + threadIdx.y; piece * length < end; piece += kWarps)
      total += parts.heads[piece * dims + d];
  }
  scratch[self] = total;
  __syncthreads();
  if (threadIdx.y != 0 || cell >= clusters * dims) return;
  for (int r = 1; r < kWarps; ++r) total += scratch[r * kWarp + self];
  totals.sums[cell] = static_cast<float>(total);
}

// Points of a piece, from one piece to the next.
int64_t piece_length(int64_t n) { return std::max(ceil_div(n, kResident * multiprocessors()), kPiecePoints); }

}  // namespace

int64_t sort_parts(int64_t n, int64_t clusters) {
  return std::clamp<int64_t>(n / std::max(clusters, kPartLabels), 1, kSortResident * multiprocessors());
}

int64_t segment_pieces(int64_t n) { return ceil_div(n, piece_length(n)); }
int64_t segment_inertias(int64_t n, int64_t dims) { return segment_pieces(n) * ceil_div(dims, kColumns); }

template <typename Label>
void sort_by_label(Stream stream, const Label* labels, int64_t n, int64_t clusters, int32_t* table, int64_t* counts,
                   int64_t* start, int64_t* order) {
  const int64_t parts = sort_parts(n, clusters);
  BS_CHECK(n / parts < INT32_MAX, "sort_by_label: a part of ", n / parts, " labels is too long");
  const int64_t blocks = ceil_div(parts, kSortWarps);
  launch(histogram_kernel<Label>, Grid(blocks, kSortThreads), stream, labels, n, parts, clusters, table);
  launch(part_scan_kernel, Grid(ceil_div(clusters, kWarps), kThreads), stream, table, parts, clusters, counts);
  launch(cluster_scan_kernel, Grid(1, kThreads), stream, counts, clusters, start);
  launch(scatter_kernel<Label>, Grid(blocks, kSortThreads), stream, labels, n, parts, clusters,
         std::bit_width(static_cast<uint64_t>(clusters)), start, table, order);
}

template <typename T>
void sum_segments(Stream stream, const T* points, const float* centroids, int64_t n, int64_t dims, int64_t clusters,
                  bool euclidean, const int64_t* start, const int64_t* order, const SegmentParts& parts,
                  const ClusterTotals& totals) {
  const bool packed = dims % 4 == 0 && aligned_for_packs(points, centroids);
  const dim3 blocks(static_cast<unsigned>(ceil_div(segment_pieces(n), kWarps)),
                    static_cast<unsigned>(ceil_div(dims, kColumns)));
  launch(packed ? segment_kernel<T, true> : segment_kernel<T, false>, Grid(blocks, kThreads), stream, points, centroids,
         n, dims, clusters, euclidean, start, order, piece_length(n), parts);
  launch(finish_kernel, Grid(ceil_div(clusters * dims, kWarp) + 1, dim3(kWarp, kWarps)), stream, parts, piece_length(n),
         dims, clusters, start, segment_inertias(n, dims), euclidean ? 0.0 : static_cast<double>(n), totals);
}

template void sort_by_label(Stream, const uint8_t*, int64_t, int64_t, int32_t*, int64_t*, int64_t*, int64_t*);
template void sort_by_label(Stream, const int32_t*, int64_t, int64_t, int32_t*, int64_t*, int64_t*, int64_t*);
template void sum_segments(Stream, const float*, const float*, int64_t, int64_t, int64_t, bool, const int64_t*,
                           const int64_t*, const SegmentParts&, const ClusterTotals&);
template void sum_segments(Stream, const bfloat16*, const float*, int64_t, int64_t, int64_t, bool, const int64_t*,
                           const int64_t*, const SegmentParts&, const ClusterTotals&);

}  // namespace bareseg
