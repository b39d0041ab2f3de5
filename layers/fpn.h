// The network of PiCIE: ResNet and a feature pyramid decoder without smoothing convolutions (section 3.3).
#pragma once

#include "layers/network.h"
#include "layers/resnet.h"

namespace bareseg {

/// p5 = L1(res5); p4 = up(p5) + L2(res4); p3 = up(p4) + L3(res3); p2 = up(p3) + L4(res2), L* 1x1 convolutions with
/// bias, up = bilinear to the other operand's size. Names layer4, layer3, layer2, layer1, in this order.
class FpnDecoder : public Module {
 public:
  FpnDecoder(const std::array<int64_t, 4>& channels, int64_t out, const ModuleOptions& module, uint64_t& part);
  /// maps res2 to res5; returns p2 [N, H2, W2, out].
  Tensor forward(const std::array<Tensor, 4>& maps) const;

 private:
  std::array<std::unique_ptr<Conv2d>, 4> laterals_;  // [0] reads res5
};

/// Names "backbone.*" and "decoder.*", as in the authors' checkpoints (section 4) without "module.".
class ResNetFpn : public SegmentationNetwork {
 public:
  struct Options {
    int depth = 18;
    int64_t out = 0;  // channels of the features; 0: 128 for depth 18 and 34, 256 otherwise
  };
  explicit ResNetFpn(const Options& options, const ModuleOptions& module = {});

  /// x as of SegmentationNetwork. Returns features [N, ceil(H / 4), ceil(W / 4), features()], not normalised.
  Tensor forward(const Tensor& x) override { return decoder_.forward(backbone_.forward(x)); }
  int64_t features() const override { return features_; }
  ResNet& backbone() { return backbone_; }
  Device device() const override { return device_; }

 private:
  uint64_t part_ = 0;
  Device device_;
  int64_t features_;
  ResNet backbone_;
  FpnDecoder decoder_;
};

}  // namespace bareseg
