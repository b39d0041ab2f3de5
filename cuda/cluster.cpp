#include "cuda/kernels/cluster.h"
#include "cuda/kernel_backend.h"

namespace bareseg {
namespace {

// Calls f with a pointer to the labels, uint8 or int32.
template <typename F>
void with_labels(const Tensor& labels, F f) {
  if (labels.dtype() == kUInt8)
    f(labels.data<uint8_t>());
  else
    f(labels.data<int32_t>());
}

}  // namespace

void KernelBackend::argmax(const Tensor& x, Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    with_labels(y, [&](auto* label) { argmax_rows(stream(x.device()), x.data<decltype(type)>(), rows, cols, label); });
  });
}

void KernelBackend::count_labels(const Tensor& labels, Tensor& counts) {
  with_labels(labels, [&](const auto* label) {
    bareseg::count_labels(stream(labels.device()), label, labels.count(), counts.count(), counts.data<int64_t>());
  });
}

void KernelBackend::confusion(const Tensor& truth, const Tensor& predicted, Tensor& matrix) {
  with_labels(predicted, [&](const auto* label) {
    count_pairs(stream(truth.device()), truth.data<uint8_t>(), label, truth.count(), matrix.dim(0), matrix.dim(1),
                matrix.data<int64_t>());
  });
}

}  // namespace bareseg
