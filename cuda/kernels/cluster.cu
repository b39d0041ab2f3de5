// Labels and their counts.
//   argmax        y[row] = first column of the maximum. 1 to 32 lanes share a row, so that each has at least one pack
//   or
//                 four numbers; neighbouring rows lie one after the other, so a warp reads whole lines.
//   count_labels  counts[label_i] += 1
//   count_pairs   matrix[truth_i, predicted_i] += 1 where truth_i < classes
// Counting: a thread takes 16 labels at a time and adds runs of equal ones, which images are made of, at once; a block
// counts in shared memory, or in global memory where there are too many counters. Integer sums need no order.
// Memory bound, each input read once: cols sizeof(T) + sizeof(Label) per row; 1 or 4 bytes per label, 1 more per truth.
#include "cuda/kernels/cluster.h"

#include <algorithm>
#include <bit>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;
constexpr int kGroup = 16;                // labels a thread takes at a time
constexpr int64_t kResident = 8;          // blocks on a multiprocessor
constexpr int64_t kSharedBins = 8 << 10;  // counters of a block

template <typename T, typename Label, int N>
__global__ void __launch_bounds__(kThreads)
    argmax_kernel(const T* __restrict__ x, int64_t rows, int64_t cols, int lanes, Label* __restrict__ y) {
  const int64_t row = (int64_t{blockIdx.x} * kThreads + threadIdx.x) / lanes;
  const int own = static_cast<int>(threadIdx.x) & (lanes - 1);
  float best = -INFINITY;
  int64_t index = 0;
  for (int64_t c = own * N; c < cols && row < rows; c += lanes * N) {
    const Pack<T, N> pack = load_pack<N>(x + row * cols + c);
#pragma unroll
    for (int e = 0; e < N; ++e) {
      float value = to_float(pack[e]);
      if (c + e == 0 && value != value) value = INFINITY;
      index = value > best ? c + e : index;
      best = value > best ? value : best;
    }
  }
  for (int mask = lanes / 2; mask > 0; mask /= 2) {
    const float other = warp_shuffle_xor(best, mask);
    const int64_t other_index = warp_shuffle_xor(index, mask);
    const bool better = other > best || (other == best && other_index < index);
    best = better ? other : best;
    index = better ? other_index : index;
  }
  if (own == 0 && row < rows) y[row] = static_cast<Label>(index);
}

// Labels [first, first + count) as int, count <= kGroup; in packs where the group is whole and aligned.
template <typename Label>
__device__ __forceinline__ void load_group(const Label* labels, int64_t first, int count, bool packed,
                                           int (&group)[kGroup]) {
  if (packed && count == kGroup) {
#pragma unroll
    for (int i = 0; i < kGroup; i += kPack<Label>) {
      const Pack<Label, kPack<Label>> pack = load_pack<kPack<Label>>(labels + first + i);
#pragma unroll
      for (int e = 0; e < kPack<Label>; ++e) group[i + e] = static_cast<int>(pack[e]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) group[i] = i < count ? static_cast<int>(labels[first + i]) : 0;
  }
}

struct Counting {
  const uint8_t* truth;  // or null: bins are the labels themselves
  int64_t n, classes, clusters;
  bool packed;
};

template <typename Label, bool kShared>
__global__ void __launch_bounds__(kThreads)
    count_kernel(const Label* __restrict__ labels, Counting c, unsigned long long* total) {
  const SharedArray<unsigned> own = dynamic_shared<unsigned>();  // a block sees fewer than 2^32 of any n
  const int64_t bins = c.classes * c.clusters;
  if constexpr (kShared) {
    for (int64_t bin = threadIdx.x; bin < bins; bin += kThreads) own[bin] = 0;
    __syncthreads();
  }
  const auto add = [&](int64_t bin, unsigned run) {
    if (bin < 0) return;
    if constexpr (kShared)
      atomicAdd(&own[bin], run);
    else
      atomicAdd(total + bin, static_cast<unsigned long long>(run));
  };
  for (int64_t first = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kGroup; first < c.n;
       first += int64_t{gridDim.x} * kThreads * kGroup) {
    const int count = static_cast<int>(c.n - first < kGroup ? c.n - first : kGroup);
    int label[kGroup], truth[kGroup] = {};
    load_group(labels, first, count, c.packed, label);
    if (c.truth != nullptr) load_group(c.truth, first, count, c.packed, truth);
    int64_t bin = -1;
    unsigned run = 0;
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      const int64_t next = i < count && truth[i] < c.classes ? truth[i] * c.clusters + label[i] : -1;
      if (next != bin) {
        add(bin, run);
        bin = next;
        run = 0;
      }
      ++run;
    }
    add(bin, run);
  }
  if constexpr (kShared) {
    __syncthreads();
    for (int64_t bin = threadIdx.x; bin < bins; bin += kThreads)
      if (own[bin] > 0) atomicAdd(total + bin, static_cast<unsigned long long>(own[bin]));
  }
}

template <typename Label>
void count(Stream stream, const Label* labels, const Counting& c, int64_t* total) {
  const int64_t bins = c.classes * c.clusters,
                blocks = std::min(ceil_div(c.n, kThreads * kGroup), kResident * multiprocessors());
  const bool shared = bins <= kSharedBins;
  launch(shared ? count_kernel<Label, true> : count_kernel<Label, false>,
         Grid(blocks, kThreads, shared ? static_cast<size_t>(bins) * sizeof(unsigned) : 0), stream, labels, c,
         reinterpret_cast<unsigned long long*>(total));
}

}  // namespace

template <typename T, typename Label>
void argmax_rows(Stream stream, const T* x, int64_t rows, int64_t cols, Label* y) {
  const bool packed = cols % kPack<T> == 0 && aligned_for_packs(x);
  const uint64_t shares = static_cast<uint64_t>(ceil_div(cols, packed ? kPack<T> : 4));
  const int64_t lanes = static_cast<int64_t>(std::min<uint64_t>(std::bit_ceil(shares), kWarp));
  launch(packed ? argmax_kernel<T, Label, kPack<T>> : argmax_kernel<T, Label, 1>,
         Grid(ceil_div(rows * lanes, kThreads), kThreads), stream, x, rows, cols, lanes, y);
}

template <typename Label>
void count_labels(Stream stream, const Label* labels, int64_t n, int64_t clusters, int64_t* counts) {
  count(stream, labels, {nullptr, n, 1, clusters, aligned_for_packs(labels)}, counts);
}

template <typename Label>
void count_pairs(Stream stream, const uint8_t* truth, const Label* predicted, int64_t n, int64_t classes,
                 int64_t clusters, int64_t* matrix) {
  count(stream, predicted, {truth, n, classes, clusters, aligned_for_packs(truth, predicted)}, matrix);
}

template void argmax_rows(Stream, const float*, int64_t, int64_t, uint8_t*);
template void argmax_rows(Stream, const float*, int64_t, int64_t, int32_t*);
template void argmax_rows(Stream, const bfloat16*, int64_t, int64_t, uint8_t*);
template void argmax_rows(Stream, const bfloat16*, int64_t, int64_t, int32_t*);
template void count_labels(Stream, const uint8_t*, int64_t, int64_t, int64_t*);
template void count_labels(Stream, const int32_t*, int64_t, int64_t, int64_t*);
template void count_pairs(Stream, const uint8_t*, const uint8_t*, int64_t, int64_t, int64_t, int64_t*);
template void count_pairs(Stream, const uint8_t*, const int32_t*, int64_t, int64_t, int64_t, int64_t*);

}  // namespace bareseg
