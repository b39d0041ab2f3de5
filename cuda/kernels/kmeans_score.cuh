// Scores of a tile of points against panels of 32 centroids by tensor cores, for the kernels of kmeans.cu.
//
// A product in float32 of numbers that are sums of three bfloat16 needs six products of their terms, or three when the
// points are bfloat16 themselves; what is left out lies below the last bit. Small products are added up apart from the
// large one, whose rounding would be larger than they are.
#pragma once

#include "cuda/device/async.cuh"
#include "cuda/device/mma.cuh"
#include "cuda/device/rows.cuh"

namespace bareseg {

inline constexpr int kWarpPoints = 32;  // of a tile, one per lane
inline constexpr int kPanel = 32;       // centroids
inline constexpr int kStep = 32;        // dims taken at once: two products deep
inline constexpr int kTerms = 3;        // bfloat16 per float

__device__ __forceinline__ constexpr int whole_steps(int dims) { return (dims + kStep - 1) / kStep * kStep; }

// rows[r][c] = from[r * dims + c] for r < valid and c < columns, 0 in the rest of `count` rows of whole steps. Copies
// may be under way on return.
template <typename T>
__device__ __forceinline__ void stage_points(const Rows<T>& rows, const T* from, int dims, int columns, int count,
                                             int valid, bool packed) {
  const int step = packed ? kPack<T> : 1, per_row = whole_steps(columns) / step;
  const int threads = threads_in_block(), row_step = threads / per_row, piece_step = threads % per_row;
  int row = thread_in_block() / per_row, piece = thread_in_block() % per_row;
#pragma unroll 4
  while (row < count) {
    const int column = piece * step;
    const bool inside = row < valid && column < columns;
    const T* source = from + row * dims + column;
    if (!packed)
      *rows.at(row, column) = inside ? *source : T(0.0f);
    else if (inside)
      copy_async(rows.at(row, column), source);
    else
      store_pack<kPack<T>>(rows.at(row, column), {});
    row += row_step;
    piece += piece_step;
    if (piece >= per_row) {
      piece -= per_row;
      ++row;
    }
  }
}

// The centroids of some panels as the sum of three bfloat16.
struct Panels {
  Rows<bfloat16> terms;  // [kTerms * count] rows
  int count;             // centroids, those past the last one 0
  SharedArray<float> bias;

  __device__ __forceinline__ SharedArray<bfloat16> at(int term, int centroid, int column) const {
    return terms.at(term * count + centroid, column);
  }
};

// Columns [0, columns) of `valid` rows, from the first of which `from` points to some column.
__device__ __forceinline__ void stage_centroids(const Panels& panels, const float* from, int dims, int columns,
                                                int valid, bool packed) {
  const int per_row = whole_steps(columns) / 4;
  for (int i = thread_in_block(); i < panels.count * per_row; i += threads_in_block()) {
    const int row = i / per_row, column = i % per_row * 4;
    Pack<float, 4> value{};
    if (packed && row < valid && column < columns) {
      value = load_pack<4>(from + row * dims + column);
    } else {
#pragma unroll
      for (int e = 0; e < 4; ++e)
        if (row < valid && column + e < columns) value[e] = from[row * dims + column + e];
    }
    uint32_t low[kTerms], high[kTerms];
    split_pair(value[0], value[1], low);
    split_pair(value[2], value[3], high);
#pragma unroll
    for (int term = 0; term < kTerms; ++term)
      store_pack<4>(panels.at(term, row, column), std::bit_cast<Pack<bfloat16, 4>>(uint2{low[term], high[term]}));
  }
}

// What is added to a scaled product to make a score: |c_k|^2 or 0; absent centroids never win.
__device__ __forceinline__ void stage_bias(const Panels& panels, const float* centroids, int dims, int valid,
                                           bool euclidean) {
  const int lane = lane_in_warp();
  for (int row = thread_in_block() / kWarp; row < panels.count; row += threads_in_block() / kWarp) {
    float norm = 0.0f;
    if (euclidean && row < valid)
      for (int d = lane; d < dims; d += kWarp) norm += centroids[row * dims + d] * centroids[row * dims + d];
    norm = warp_sum(norm);
    if (lane == 0) panels.bias[row] = row < valid ? norm : INFINITY;
  }
}

// Eight dims of a row as four pairs of bfloat16 per term. `second` is where the second pack of a float row lies.
template <typename T>
inline constexpr int kPointTerms = sizeof(T) == 2 ? 1 : kTerms;
__device__ __forceinline__ void load_pairs(SharedArray<bfloat16> at, uint32_t (&pairs)[1][4]) {
  const uint4 word = std::bit_cast<uint4>(load_pack<8>(at));
  pairs[0][0] = word.x;
  pairs[0][1] = word.y;
  pairs[0][2] = word.z;
  pairs[0][3] = word.w;
}
__device__ __forceinline__ void load_pairs(SharedArray<float> first, SharedArray<float> second,
                                           uint32_t (&pairs)[kTerms][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const Pack<float, 4> value = load_pack<4>(half == 0 ? first : second);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      uint32_t terms[kTerms];
      split_pair(value[2 * i], value[2 * i + 1], terms);
#pragma unroll
      for (int term = 0; term < kTerms; ++term) pairs[term][2 * half + i] = terms[term];
    }
  }
}

// Products of the warp's 32 points with a panel; kLarge for the first terms alone. Of mma.cuh's 16 x 8 results, m
// points by n centroids: point 16 m + g (d[0], d[1]) or 16 m + g + 8, centroid 8 n + 2 t or 2 t + 1.
enum { kLarge, kSmall };
struct Products {
  float sum[2][2][4][4] = {};  // [large or small][m][n]
};

// Adds dims [0, columns). A product's sixteen dims may come in any order, the same for both sides: lane t takes dims
// 8 t to 8 t + 7 of a step, one pack, the first half in the first product.
template <typename T>
__device__ __forceinline__ void multiply(const Rows<T>& points, int first_point, const Panels& panels,
                                         int first_centroid, int columns, Products& products) {
  const int g = lane_in_warp() / 4, t = lane_in_warp() % 4;
#pragma unroll 1
  for (int column = 8 * t; column < whole_steps(columns); column += kStep) {
    // Eight rows on the columns lie exchanged alike.
    const SharedArray<T> point = points.at(first_point + g, column);
    const SharedArray<bfloat16> centroid = panels.at(0, first_centroid + g, column);
    uint32_t x[2][2][kPointTerms<T>][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (sizeof(T) == 2)
        load_pairs(point + 8 * i * points.length, x[i / 2][i % 2]);
      else
        load_pairs(point + 8 * i * points.length, points.at(first_point + g, column + 4) + 8 * i * points.length,
                   x[i / 2][i % 2]);
    }
#pragma unroll
    for (int term = kTerms - 1; term >= 0; --term) {
      uint32_t c[4][1][4];
#pragma unroll
      for (int n = 0; n < 4; ++n) load_pairs(centroid + (8 * n + term * panels.count) * panels.terms.length, c[n]);
#pragma unroll
      for (int other = kPointTerms<T> - 1; other >= 0; --other) {
        if (term + other >= kTerms) continue;  // below the last bit of the largest product
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
          for (int i = 0; i < 8; ++i) {  // none waits for the one before
            const int m = i % 2, n = i / 2;
            const uint32_t(&low)[4] = x[m][0][other], (&high)[4] = x[m][1][other];
            multiply_add(products.sum[term + other == 0 ? kLarge : kSmall][m][n],
                         {low[2 * half], high[2 * half], low[2 * half + 1], high[2 * half + 1]},
                         {c[n][0][2 * half], c[n][0][2 * half + 1]});
          }
      }
    }
  }
}

// The best centroids so far of the lane's four points g, g + 8, g + 16, g + 24.
struct Best {
  float score[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
  int index[4] = {};
};

// Compares centroids `first` and following of the warp's products, whose biases are given.
__device__ __forceinline__ void compare(const Products& products, SharedArray<float> bias, float scale, int first,
                                        Best& best) {
#pragma unroll
  for (int n = 0; n < 4; ++n)
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int k = 8 * n + lane_in_warp() % 4 * 2 + e;
      const float add = bias[k];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int cell = i % 2 * 2 + e;
        const float score = scale * (products.sum[kLarge][i / 2][n][cell] + products.sum[kSmall][i / 2][n][cell]) + add;
        const bool less = score < best.score[i];  // false for NaN
        best.score[i] = less ? score : best.score[i];
        best.index[i] = less ? first + k : best.index[i];
      }
    }
}

// Two candidates become the better one; the lowest index among equals.
__device__ __forceinline__ void keep_better(float& score, int& index, float other_score, int other_index) {
  const bool better = other_score < score || (other_score == score && other_index < index);
  score = better ? other_score : score;
  index = better ? other_index : index;
}

// A lane's own point among its warp's 32, and that point's label. The four lanes that compared a point's centroids
// exchange halves of what they have, twice, so that each ends with one of their four points.
__device__ __forceinline__ int own_point() { return lane_in_warp() % 4 * 8 + lane_in_warp() / 4; }
__device__ __forceinline__ int own_label(const Best& best) {
  const bool odd = lane_in_warp() % 2 != 0, high = lane_in_warp() % 4 / 2 != 0;
  float score[2];
  int index[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    score[i] = odd ? best.score[2 * i + 1] : best.score[2 * i];
    index[i] = odd ? best.index[2 * i + 1] : best.index[2 * i];
    const float other = warp_shuffle_xor(odd ? best.score[2 * i] : best.score[2 * i + 1], 1);
    keep_better(score[i], index[i], other, warp_shuffle_xor(odd ? best.index[2 * i] : best.index[2 * i + 1], 1));
  }
  float own_score = high ? score[1] : score[0];
  int own_index = high ? index[1] : index[0];
  const float other = warp_shuffle_xor(high ? score[0] : score[1], 2);
  keep_better(own_score, own_index, other, warp_shuffle_xor(high ? index[0] : index[1], 2));
  return own_index;
}

}  // namespace bareseg
