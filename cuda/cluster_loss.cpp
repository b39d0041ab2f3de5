#include <vector>

#include "cuda/kernel_backend.h"
#include "cuda/kernels/cosine_loss.h"

namespace bareseg {

void KernelBackend::cosine_cluster_loss(const Tensor& features, std::span<const ClusterTarget> targets, float eps,
                                        Tensor& terms, Tensor& dfeatures) {
  const int64_t dims = features.dim(-1);
  std::vector<CosineTarget> each;
  for (const ClusterTarget& target : targets) {
    each.push_back(
        {target.centroids.data<float>(), labelled_rows(target.labels, target.class_weights, target.centroids.dim(0))});
  }
  const CosineLoss loss{.targets = each, .rows = features.count() / dims, .dims = dims, .eps = eps};
  const Tensor scratch = Tensor::empty({cosine_loss_scratch(loss)}, kUInt8, features.device());
  dispatch_float(features.dtype(), [&](auto type) {
    using T = decltype(type);
    cosine_loss(stream(features.device()), loss, features.data<T>(), scratch.raw(), terms.data<float>(),
                dfeatures.defined() ? dfeatures.data<T>() : nullptr);
  });
}

}  // namespace bareseg
