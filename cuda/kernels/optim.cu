// Steps of SGD and Adam in place, with torch's order of operations, over many tensors at once.
//
//   SGD    g += decay p;  m = g + momentum m;  p -= lr m, or lr (g + momentum m) with Nesterov
//   Adam   g += decay p (Adam) or p *= 1 - lr decay (AdamW);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//          p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
//
// The tensors of a network are cut into chunks of 4096 elements; block b takes chunk b and finds its tensor by
// bisection in a table that travels in the kernel's arguments. What changes from step to step lies in device memory,
// so that a recorded launch finds it. Neighbouring threads take
// neighbouring packs of 4 elements, the tail of a tensor one element each. Memory bound: 28 bytes per element for Adam
// (reads p, g, m, v; writes p, m, v), 20 for SGD with momentum, 12 without; 2 less with bfloat16 gradients, 2 more
// where it writes the parameters as bfloat16, too. Small networks are bound by the launch instead, of which there is
// one per 60 tensors.
#include "cuda/kernels/optim.h"

#include <algorithm>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kChunk = 4096;
constexpr int kTableSize = 60;
constexpr int kStepPack = 4;  // elements that a thread takes at a time

struct Entry {
  OptimTensor tensor;
  int first_chunk;
  bool packs;  // all pointers are aligned
};
struct Table {
  Entry entries[kTableSize];
  int count;
};

// operator() takes one element. v, and m without has_m, are not there: what it leaves in them goes nowhere.
struct SgdElement {
  using Numbers = SgdStep;
  SgdStep o;

  __device__ __forceinline__ void operator()(float& p, float g, bool has_m, float& m, float&) const {
    g += o.weight_decay * p;
    if (has_m) {
      m = o.first ? g : g + o.momentum * m;
      g = o.nesterov ? g + o.momentum * m : m;
    }
    p -= o.lr * g;
  }
};

struct AdamElement {
  using Numbers = AdamFactors;
  AdamFactors f;

  __device__ __forceinline__ void operator()(float& p, float g, bool, float& m, float& v) const {
    p *= f.decay_param;
    g += f.decay_gradient * p;
    m = f.beta1 * m + f.one_minus_beta1 * g;
    v = f.beta2 * v + f.one_minus_beta2 * g * g;
    p -= f.step_size * m / (sqrtf(v) * f.inv_correction2 + f.eps);
  }
};

static_assert(sizeof(Table) + sizeof(void*) <= 4096, "arguments of a kernel");

// kCount elements from i on.
template <int kCount, typename G, typename Element>
__device__ __forceinline__ void step_elements(const OptimTensor& t, int64_t i, const Element& element) {
  float p[kCount], g[kCount], m[kCount] = {}, v[kCount] = {};
  load_floats(t.param + i, p);
  load_floats(static_cast<const G*>(t.grad) + i, g);
  if (t.m != nullptr) load_floats(t.m + i, m);
  if (t.v != nullptr) load_floats(t.v + i, v);
#pragma unroll
  for (int j = 0; j < kCount; ++j) element(p[j], g[j], t.m != nullptr, m[j], v[j]);
  store_floats(t.param + i, p);
  if (t.narrow != nullptr) store_floats(t.narrow + i, p);
  if (t.m != nullptr) store_floats(t.m + i, m);
  if (t.v != nullptr) store_floats(t.v + i, v);
}

template <typename G, typename Element>
__device__ __forceinline__ void step_chunk(const Entry& entry, int64_t begin, const Element& element) {
  const int64_t end = min(entry.tensor.count, begin + kChunk);
  const int64_t packed = entry.packs ? begin + (end - begin) / kStepPack * kStepPack : begin;
  for (int64_t i = begin + kStepPack * thread_in_block(); i < packed; i += kStepPack * kThreads) {
    step_elements<kStepPack, G>(entry.tensor, i, element);
  }
  for (int64_t i = packed + thread_in_block(); i < end; i += kThreads) step_elements<1, G>(entry.tensor, i, element);
}

template <typename Element>
__global__ void __launch_bounds__(kThreads) step_kernel(const Table table, const typename Element::Numbers* numbers) {
  const Element element{*numbers};
  const int chunk = static_cast<int>(blockIdx.x);
  int low = 0, high = table.count;  // the last entry that begins at or before the chunk is in [low, high)
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.entries[middle].first_chunk <= chunk ? low : high) = middle;
  }
  const Entry& entry = table.entries[low];
  const int64_t begin = (chunk - entry.first_chunk) * kChunk;
  if (entry.tensor.grad_type == kBFloat16)
    step_chunk<bfloat16>(entry, begin, element);
  else
    step_chunk<float>(entry, begin, element);
}

template <typename Element>
void step_all(Stream stream, std::span<const OptimTensor> tensors, const typename Element::Numbers* numbers) {
  while (!tensors.empty()) {
    Table table{};
    int64_t chunks = 0;
    for (const OptimTensor& t : tensors.first(std::min<size_t>(tensors.size(), kTableSize))) {
      const bool packs = aligned_for_packs(t.param, static_cast<const char*>(t.grad), t.m, t.v, t.narrow);
      table.entries[table.count++] = {t, static_cast<int>(chunks), packs};
      chunks += ceil_div(t.count, kChunk);
    }
    launch(step_kernel<Element>, {chunks, kThreads}, stream, table, numbers);
    tensors = tensors.subspan(static_cast<size_t>(table.count));
  }
}

}  // namespace

void sgd_step(Stream stream, std::span<const OptimTensor> tensors, const SgdStep* step) {
  step_all<SgdElement>(stream, tensors, step);
}

void adam_step(Stream stream, std::span<const OptimTensor> tensors, const AdamFactors* factors) {
  step_all<AdamElement>(stream, tensors, factors);
}

}  // namespace bareseg
