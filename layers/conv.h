// Convolution and batch norm as modules.
#pragma once

#include "engine/ops.h"
#include "engine/random.h"
#include "layers/module.h"

namespace bareseg {

/// torch.nn.Conv2d over [N, H, W, C]. Parameters: weight [out, K, K, in / groups], bias [out].
class Conv2d : public Module {
 public:
  enum class Init {
    kaiming_normal_fan_out,  // N(0, 2 / (K^2 out)): ResNet's
    uniform_fan_in,          // weight and bias U(-1, 1) / sqrt(K^2 in / groups): torch's default
  };
  struct Options {
    int64_t in = 0, out = 0, kernel = 1;
    ConvOptions conv = {};
    bool bias = false;
    Init init = Init::kaiming_normal_fan_out;
  };
  /// `random` gives the weights, then the bias.
  Conv2d(const Options& options, Random random, Device device = {});
  Tensor forward(const Tensor& x) const { return conv2d(x, weight_, bias_, options_.conv); }
  const Options& options() const { return options_; }
  const Tensor& weight() const { return weight_; }

 private:
  Options options_;
  Tensor weight_, bias_;
};

/// torch.nn.BatchNorm2d over the last dimension, eps 1e-5, momentum 0.1, with ReLU and residual fused.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(int64_t channels, Device device = {});
  struct Fused {
    bool relu = false;
    Tensor residual = {};  // added before the ReLU
  };
  Tensor forward(const Tensor& x, const Fused& fused);
  /// forward(conv.forward(x), fused) of a convolution without a bias. In evaluation without gradients it is one
  /// convolution, whose weights have this norm folded in; they are kept until `conv` or this changes.
  Tensor forward(const Conv2d& conv, const Tensor& x, const Fused& fused);
  /// Batches seen in training.
  int64_t batches_tracked() const { return *batches_.data<int64_t>(); }

 private:
  const FoldedConv& folded(const Conv2d& conv, DType dtype);

  FoldedConv folded_;
  uint64_t folded_version_ = 0;
  Tensor weight_, bias_, running_mean_, running_var_;
  Tensor batches_;  // num_batches_tracked, int64 [], on the host
};

}  // namespace bareseg
