// DeepLabV3 (Chen et al. 2017): a ResNet whose last stages are dilated in place of strided, and atrous spatial pyramid
// pooling; names, layers and start as torchvision's deeplabv3_resnet50, whose published weights load.
#pragma once

#include <array>

#include "layers/network.h"
#include "layers/resnet.h"

namespace bareseg {

/// Atrous spatial pyramid pooling: a 1x1 convolution, 3x3 convolutions at three dilations, and the mean of the map,
/// side by side, joined by a 1x1 convolution. Each is followed by batch norm and ReLU, the last by dropout. Names
/// "convs.0.0" (convolution), "convs.0.1" (its norm), ..., "convs.4.1" and "convs.4.2" of the mean, "project.0".
/// A recorded step (engine/step_graph.h) may pass through it once: its dropout draws once for each replay.
class Aspp : public Module {
 public:
  struct Options {
    int64_t in = 0, out = 256;
    std::array<int64_t, 3> dilations = {12, 24, 36};
    float dropout = 0.5f;
  };
  Aspp(const Options& options, const ModuleOptions& module, uint64_t& part);
  /// x [N, H, W, in] -> [N, H, W, out]; in training N > 1, for the statistics of the mean.
  Tensor forward(const Tensor& x);

 private:
  struct Branch : Module {
    std::unique_ptr<Conv2d> conv;
    std::unique_ptr<BatchNorm> norm;
    Tensor forward(const Tensor& x) { return norm->forward(*conv, x, {.relu = true}); }
    using Module::child;
  };
  /// `index`: name of the convolution; that of the norm is the next number.
  void make(Branch& branch, const Conv2d::Options& conv, int index, const ModuleOptions& module, uint64_t& part);

  struct List : Module {
    using Module::child;
  };
  float dropout_;
  uint64_t seed_;
  Tensor draw_;  // what the dropout of this forward pass draws, on the device
  std::array<Branch, 5> branches_;
  Branch project_;
  List convs_;
};

/// Names "backbone.*" and "classifier.0" to "classifier.2"; torchvision's "classifier.4", the 1x1 convolution that
/// makes the classes, is the caller's.
class DeepLabV3 : public SegmentationNetwork {
 public:
  struct Options {
    int depth = 50;
    int output_stride = 8;  // 8 (torchvision's) or 16, with half the dilations: a quarter of the work of the last stage
    float dropout = 0.5f;
  };
  explicit DeepLabV3(const Options& options, const ModuleOptions& module = {});

  /// x as of SegmentationNetwork, in training N > 1. Returns [N, ceil(H / s), ceil(W / s), features()], s the
  /// output stride.
  Tensor forward(const Tensor& x) override;
  int64_t features() const override { return kFeatures; }
  Device device() const override { return device_; }
  static constexpr int64_t kFeatures = 256;

 private:
  struct Head : Module {
    using Module::child;
  };
  uint64_t part_ = 0;
  Device device_;
  ResNet backbone_;
  Aspp aspp_;
  Conv2d conv_;
  BatchNorm norm_;
  Head head_;
};

}  // namespace bareseg
