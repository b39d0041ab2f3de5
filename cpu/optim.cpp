// Optimizer steps in place, with torch's order of operations. Memory bound: each reads and writes every slot once.
#include <cmath>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kBlock = 8192;  // elements per leaf call

// Calls leaf(begin, end) over blocks of [0, n), in parallel where there are several.
template <typename Leaf>
void for_blocks(int64_t n, const Leaf& leaf) {
#pragma omp parallel for if (n > 2 * kBlock)
  for (int64_t b = 0; b < ceil_div(n, kBlock); ++b) leaf(b * kBlock, std::min(n, (b + 1) * kBlock));
}

template <typename T>
BS_CLONES void sgd_plain(float* __restrict param, const T* __restrict grad, int64_t n, float lr, float weight_decay) {
  for (int64_t i = 0; i < n; ++i) param[i] -= lr * (load(grad + i) + weight_decay * param[i]);
}

// The step that starts the buffer puts the gradient itself into it.
template <bool kNesterov, bool kFirst, typename T>
BS_CLONES void sgd_momentum(float* __restrict param, const T* __restrict grad, float* __restrict m, int64_t n,
                            const SgdStep& step) {
  const float lr = step.lr, momentum = step.momentum, weight_decay = step.weight_decay;
  for (int64_t i = 0; i < n; ++i) {
    const float g = load(grad + i) + weight_decay * param[i];
    float velocity = g;
    if constexpr (!kFirst) velocity += momentum * m[i];
    m[i] = velocity;
    param[i] -= lr * (kNesterov ? g + momentum * velocity : velocity);
  }
}

template <typename T>
BS_CLONES void adam_block(float* __restrict param, const T* __restrict grad, float* __restrict m, float* __restrict v,
                          int64_t n, const AdamFactors& factors) {
  const AdamFactors f = factors;  // by value: the stores below cannot change it
  for (int64_t i = 0; i < n; ++i) {
    const float p = param[i] * f.decay_param;
    const float g = load(grad + i) + f.decay_gradient * p;
    m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g;
    v[i] = f.beta2 * v[i] + f.one_minus_beta2 * g * g;
    param[i] = p - f.step_size * m[i] / (std::sqrt(v[i]) * f.inv_correction2 + f.eps);
  }
}

// The same elements as bfloat16, while they are in a cache.
BS_CLONES void narrow_block(const float* __restrict param, bfloat16* __restrict narrow, int64_t n) {
  for (int64_t i = 0; i < n; ++i) store(narrow + i, param[i]);
}

bfloat16* narrow_or_null(const OptimSlot& slot) {
  return slot.narrow.defined() ? slot.narrow.data<bfloat16>() : nullptr;
}

}  // namespace

void CpuBackend::sgd(std::span<const OptimSlot> slots, const Tensor& numbers) {
  const SgdStep step = *static_cast<const SgdStep*>(numbers.raw());
  for (const OptimSlot& slot : slots) {
    dispatch_float(slot.grad.dtype(), [&](auto type) {
      using T = decltype(type);
      float *param = slot.param.data<float>(), *m = slot.m.defined() ? slot.m.data<float>() : nullptr;
      const T* grad = slot.grad.data<T>();
      bfloat16* narrow = narrow_or_null(slot);
      const auto leaf = step.nesterov ? (step.first ? sgd_momentum<true, true, T> : sgd_momentum<true, false, T>)
                                      : (step.first ? sgd_momentum<false, true, T> : sgd_momentum<false, false, T>);
      for_blocks(slot.param.count(), [=](int64_t begin, int64_t end) {
        if (m != nullptr)
          leaf(param + begin, grad + begin, m + begin, end - begin, step);
        else
          sgd_plain(param + begin, grad + begin, end - begin, step.lr, step.weight_decay);
        if (narrow != nullptr) narrow_block(param + begin, narrow + begin, end - begin);
      });
    });
  }
}

void CpuBackend::adam(std::span<const OptimSlot> slots, const Tensor& numbers) {
  const AdamFactors factors = *static_cast<const AdamFactors*>(numbers.raw());
  for (const OptimSlot& slot : slots) {
    dispatch_float(slot.grad.dtype(), [&](auto type) {
      using T = decltype(type);
      float *param = slot.param.data<float>(), *m = slot.m.data<float>(), *v = slot.v.data<float>();
      const T* grad = slot.grad.data<T>();
      bfloat16* narrow = narrow_or_null(slot);
      for_blocks(slot.param.count(), [=](int64_t begin, int64_t end) {
        adam_block(param + begin, grad + begin, m + begin, v + begin, end - begin, factors);
        if (narrow != nullptr) narrow_block(param + begin, narrow + begin, end - begin);
      });
    });
  }
}

}  // namespace bareseg
