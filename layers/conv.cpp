#include "layers/conv.h"

#include <cmath>

#include "engine/step_graph.h"

namespace bareseg {

Conv2d::Conv2d(const Options& o, Random random, Device device) : options_(o) {
  const Shape shape{o.out, o.kernel, o.kernel, o.in / o.conv.groups};
  const float area = static_cast<float>(o.kernel * o.kernel);
  if (o.init == Init::kaiming_normal_fan_out) {
    const float std = std::sqrt(2.0f / (area * static_cast<float>(o.out)));
    weight_ = random_normal(shape, random, kFloat32, device, std);
  } else {
    const float bound = 1.0f / std::sqrt(area * static_cast<float>(shape.dim(3)));
    weight_ = random_uniform(shape, -bound, bound, random, kFloat32, device);
    if (o.bias) bias_ = random_uniform({o.out}, -bound, bound, random.split(), kFloat32, device);
  }
  parameter("weight", weight_, Layout::ohwi);
  if (!o.bias) return;
  if (!bias_.defined()) bias_ = Tensor::zeros({o.out}, kFloat32, device);
  parameter("bias", bias_);
}

BatchNorm::BatchNorm(int64_t channels, Device device)
    : weight_(Tensor::full({channels}, 1.0, kFloat32, device)),
      bias_(Tensor::zeros({channels}, kFloat32, device)),
      running_mean_(Tensor::zeros({channels}, kFloat32, device)),
      running_var_(Tensor::full({channels}, 1.0, kFloat32, device)),
      batches_(Tensor::from<int64_t>({0}, Shape{})) {
  parameter("weight", weight_);
  parameter("bias", bias_);
  buffer("running_mean", running_mean_);
  buffer("running_var", running_var_);
  buffer("num_batches_tracked", batches_);
}

Tensor BatchNorm::forward(const Tensor& x, const Fused& fused) {
  if (training()) {
    each_step([this] {
      ++*batches_.data<int64_t>();
      folded_ = {};
    });
  }
  return batch_norm(x, weight_, bias_, running_mean_, running_var_, {.training = training(), .relu = fused.relu},
                    fused.residual);
}

Tensor BatchNorm::forward(const Conv2d& conv, const Tensor& x, const Fused& fused) {
  BS_CHECK(!conv.options().bias, "BatchNorm: the convolution before it has a bias");
  if (training() || grad_enabled()) return forward(conv.forward(x), fused);
  const FoldedConv& f = folded(conv, x.dtype());
  return conv2d_fused(x, f.w, {.bias = f.bias, .residual = fused.residual, .relu = fused.relu}, conv.options().conv);
}

const FoldedConv& BatchNorm::folded(const Conv2d& conv, DType dtype) {
  // Versions only grow. Statistics change in training, which lets go what was folded, or with the weights when loaded.
  const uint64_t version = conv.weight().version() + weight_.version() + bias_.version();
  if (!folded_.w.defined() || folded_.w.dtype() != dtype || folded_version_ != version) {
    folded_ =
        fold_batch_norm(conv.weight(), weight_, bias_, running_mean_, running_var_, BatchNormOptions{}.eps, dtype);
    folded_version_ = version;
  }
  return folded_;
}

}  // namespace bareseg
