#include <vector>

#include "cuda/kernel_backend.h"
#include "cuda/kernels/optim.h"

namespace bareseg {
namespace {

float* data_or_null(const Tensor& x) { return x.defined() ? x.data<float>() : nullptr; }

std::vector<OptimTensor> tensors_of(std::span<const OptimSlot> slots) {
  std::vector<OptimTensor> tensors;
  for (const OptimSlot& slot : slots) {
    tensors.push_back({.param = slot.param.data<float>(),
                       .grad = slot.grad.raw(),
                       .m = data_or_null(slot.m),
                       .v = data_or_null(slot.v),
                       .narrow = slot.narrow.defined() ? slot.narrow.data<bfloat16>() : nullptr,
                       .count = slot.param.count(),
                       .grad_type = slot.grad.dtype()});
  }
  return tensors;
}

}  // namespace

void KernelBackend::sgd(std::span<const OptimSlot> slots, const Tensor& step) {
  sgd_step(stream(step.device()), tensors_of(slots), static_cast<const SgdStep*>(step.raw()));
}

void KernelBackend::adam(std::span<const OptimSlot> slots, const Tensor& step) {
  adam_step(stream(step.device()), tensors_of(slots), static_cast<const AdamFactors*>(step.raw()));
}

}  // namespace bareseg
