// Weighted softmax cross-entropy over rows of logits z:
//   loss = sum w[label] (log sum e^(z - max z) - (z[label] - max z)) / sum w[label]
//   dz   = dloss w[label] / (sum w) (e^(z - max z) / sum e^(z - max z) - one-hot(label))
//
// Eight lanes per row up to 64 classes, a warp above; lanes stride over the row. Rows of 27 classes begin anywhere, so
// accesses are element by element, eight of them a sector of 32 bytes; what the second look at a row needs is in L1.
// Sums are double: per row's lanes, per block, then over blocks, all in a fixed order.
// Memory bound: reads the logits once, and the backward pass writes as much: 4 (8) bytes per class and row, half of
// that in bfloat16. The fused loss of cosine_loss.cu has no logits to read.
#include "cuda/kernels/cross_entropy.h"

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kFewClasses = 64;
constexpr int kFewLanes = 8;

struct Partial {
  double loss, weight;
};
constexpr int64_t kMaxBlocks = kCrossEntropyScratch / static_cast<int64_t>(sizeof(Partial));

// A row with its softmax, in each lane of the group that works on it. Groups past the last row look at it again, as
// their warp's sums need all lanes; `there` is false for them.
template <typename T, int kLanes>
struct Row {
  bool there;
  int64_t number;
  const T* z;
  int lane;
  float highest, sum;  // probability of k: e^(z[k] - highest) / sum

  // Row `group` of those that begin at `first`, counted in groups of lanes of the block.
  __device__ __forceinline__ Row(const T* logits, int64_t classes, int64_t first, int64_t rows) {
    number = first + thread_in_block() / kLanes;
    there = number < rows;
    if (!there) number = rows - 1;
    z = logits + number * classes;
    lane = thread_in_block() % kLanes;
    highest = load(z);
    for (int64_t k = lane; k < classes; k += kLanes) highest = fmaxf(highest, load(z + k));
    highest = warp_max<kLanes>(highest);
    sum = 0.0f;
    for (int64_t k = lane; k < classes; k += kLanes) sum += expf(load(z + k) - highest);
    sum = warp_sum<kLanes>(sum);
  }
};

template <typename T, int kLanes>
__global__ void __launch_bounds__(kThreads)
    entropy_kernel(const T* __restrict__ logits, const LabelledRows labels, int64_t rows, Partial* partials) {
  constexpr int kRows = kThreads / kLanes;
  BS_SHARED(double, scratch, kWarp);
  Partial own{};
  for (int64_t first = int64_t{blockIdx.x} * kRows; first < rows; first += int64_t{gridDim.x} * kRows) {
    const Row<T, kLanes> row(logits, labels.classes, first, rows);
    const float weight = labels.weight(row.number);
    if (!row.there || row.lane != 0 || weight == 0.0f) continue;
    const float hit = load(row.z + labels.label(row.number)) - row.highest;
    own.loss += static_cast<double>(weight) * static_cast<double>(logf(row.sum) - hit);
    own.weight += static_cast<double>(weight);
  }
  own.loss = block_sum(own.loss, scratch);
  own.weight = block_sum(own.weight, scratch);
  if (threadIdx.x == 0) partials[blockIdx.x] = own;
}

// One warp adds up what the blocks left.
__global__ void __launch_bounds__(kWarp)
    total_kernel(const Partial* partials, int64_t count, float* loss, float* weight_sum) {
  Partial total{};
  for (int64_t i = threadIdx.x; i < count; i += kWarp) {
    total.loss += partials[i].loss;
    total.weight += partials[i].weight;
  }
  total.loss = warp_sum(total.loss);
  total.weight = warp_sum(total.weight);
  if (threadIdx.x > 0) return;
  *loss = total.weight == 0.0 ? 0.0f : static_cast<float>(total.loss / total.weight);
  *weight_sum = static_cast<float>(total.weight);
}

template <typename T, int kLanes>
__global__ void __launch_bounds__(kThreads)
    entropy_backward_kernel(const float* dloss, const T* __restrict__ logits, const LabelledRows labels, int64_t rows,
                            const float* weight_sum, T* __restrict__ dlogits) {
  const float total = *weight_sum, factor = total == 0.0f ? 0.0f : *dloss / total;
  const Row<T, kLanes> row(logits, labels.classes, int64_t{blockIdx.x} * (kThreads / kLanes), rows);
  if (!row.there) return;
  const float weight = labels.weight(row.number);
  const int64_t label = labels.label(row.number);
  const float by = factor * weight, scale = by / row.sum;
  T* out = dlogits + row.number * labels.classes;
  for (int64_t k = row.lane; k < labels.classes; k += kLanes) {
    const float value = expf(load(row.z + k) - row.highest) * scale - (k == label ? by : 0.0f);
    store(out + k, weight == 0.0f ? 0.0f : value);  // whatever the logits of a row that does not count
  }
}

}  // namespace

template <typename T>
void cross_entropy(Stream stream, const T* logits, const LabelledRows& labels, int64_t rows, void* scratch, float* loss,
                   float* weight_sum) {
  const bool few = labels.classes <= kFewClasses;
  const int64_t blocks = std::min(ceil_div(rows, kThreads / (few ? kFewLanes : kWarp)), kMaxBlocks);
  Partial* partials = static_cast<Partial*>(scratch);
  launch(few ? entropy_kernel<T, kFewLanes> : entropy_kernel<T, kWarp>, {blocks, kThreads}, stream, logits, labels,
         rows, partials);
  launch(total_kernel, {1, kWarp}, stream, partials, blocks, loss, weight_sum);
}

template <typename T>
void cross_entropy_backward(Stream stream, const float* dloss, const T* logits, const LabelledRows& labels,
                            int64_t rows, const float* weight_sum, T* dlogits) {
  const bool few = labels.classes <= kFewClasses;
  launch(few ? entropy_backward_kernel<T, kFewLanes> : entropy_backward_kernel<T, kWarp>,
         {ceil_div(rows, kThreads / (few ? kFewLanes : kWarp)), kThreads}, stream, dloss, logits, labels, rows,
         weight_sum, dlogits);
}

template void cross_entropy(Stream, const float*, const LabelledRows&, int64_t, void*, float*, float*);
template void cross_entropy(Stream, const bfloat16*, const LabelledRows&, int64_t, void*, float*, float*);
template void cross_entropy_backward(Stream, const float*, const float*, const LabelledRows&, int64_t, const float*,
                                     float*);
template void cross_entropy_backward(Stream, const float*, const bfloat16*, const LabelledRows&, int64_t, const float*,
                                     bfloat16*);

}  // namespace bareseg
