// ResNet (He et al. 2016) without its classifier, in torchvision's names and its "v1.5" form, where the 3x3 convolution
// of a bottleneck carries the stride. Specification: PiCIE sections 3.1, 3.2, 3.4.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "layers/conv.h"

namespace bareseg {

/// One residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1 where `bottleneck`.
class ResidualBlock : public Module {
 public:
  struct Options {
    int64_t in = 0, width = 0, stride = 1;
    int64_t dilation = 1;  // of the 3x3 convolutions
    bool bottleneck = false;
    int64_t out() const { return bottleneck ? 4 * width : width; }
  };
  /// Each convolution draws its weights from the next part of the stream; `part` is advanced.
  ResidualBlock(const Options& options, const ModuleOptions& module, uint64_t& part);
  Tensor forward(const Tensor& x);

 private:
  std::vector<std::unique_ptr<Conv2d>> convs_;
  std::vector<std::unique_ptr<BatchNorm>> norms_;
  std::unique_ptr<Module> downsample_;  // names "downsample.0" and "downsample.1"
  std::unique_ptr<Conv2d> shortcut_;
  std::unique_ptr<BatchNorm> shortcut_norm_;
};

class ResNet : public Module {
 public:
  /// depth 18, 34, 50 or 101; output_stride 8, 16 or 32. Stages that would go beyond that stride are dilated instead,
  /// as by torchvision's replace_stride_with_dilation, for all depths. Draws weights from parts `part` onwards and
  /// advances it.
  ResNet(int depth, const ModuleOptions& module, uint64_t& part, int output_stride = 32);

  /// x float [N, H, W, 3], normalised RGB, or with a fourth channel, which weighs 0; H and W > 0. Returns res2 to res5,
  /// at strides 4, 8, 16 and 32 (rounded up), or output_stride where that is less.
  std::array<Tensor, 4> forward(const Tensor& x);
  /// Channels of res2 to res5.
  const std::array<int64_t, 4>& channels() const { return channels_; }

 private:
  struct Stage : Module {
    std::vector<std::unique_ptr<ResidualBlock>> blocks;
    using Module::child;
  };
  std::unique_ptr<Conv2d> conv1_;
  BatchNorm bn1_;
  std::array<Stage, 4> layers_;
  std::array<int64_t, 4> channels_{};
};

}  // namespace bareseg
