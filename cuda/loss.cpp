#include "cuda/kernel_backend.h"
#include "cuda/kernels/cross_entropy.h"

namespace bareseg {

void KernelBackend::cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights,
                                  int64_t ignore, Tensor& loss, Tensor& weight_sum) {
  const int64_t classes = logits.dim(-1), rows = logits.count() / classes;
  const Tensor scratch = Tensor::empty({kCrossEntropyScratch}, kUInt8, logits.device());
  dispatch_float(logits.dtype(), [&](auto type) {
    bareseg::cross_entropy(stream(logits.device()), logits.data<decltype(type)>(),
                           labelled_rows(labels, class_weights, classes, ignore), rows, scratch.raw(),
                           loss.data<float>(), weight_sum.data<float>());
  });
}

void KernelBackend::cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                                           const Tensor& class_weights, int64_t ignore, const Tensor& weight_sum,
                                           Tensor& dlogits) {
  const int64_t classes = logits.dim(-1), rows = logits.count() / classes;
  dispatch_float(logits.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::cross_entropy_backward(stream(logits.device()), dloss.data<float>(), logits.data<T>(),
                                    labelled_rows(labels, class_weights, classes, ignore), rows,
                                    weight_sum.data<float>(), dlogits.data<T>());
  });
}

}  // namespace bareseg
