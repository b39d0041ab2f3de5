// U-Net (Ronneberger et al. 2015) as it is used today: convolutions keep the size, each is followed by batch norm, and
// maps are enlarged bilinearly, which fits any size.
#pragma once

#include <array>

#include "layers/conv.h"
#include "layers/network.h"

namespace bareseg {

/// Twice: 3x3 convolution without bias, batch norm, ReLU. Names "conv1", "bn1", "conv2", "bn2".
class DoubleConv : public Module {
 public:
  DoubleConv(int64_t in, int64_t middle, int64_t out, const ModuleOptions& module, uint64_t& part);
  Tensor forward(const Tensor& x);

 private:
  Conv2d conv1_;
  BatchNorm bn1_;
  Conv2d conv2_;
  BatchNorm bn2_;
};

/// Five levels with w = width. Down: double convolutions 3 -> w -> 2w -> 4w -> 8w -> 8w, maps halved by max pooling
/// before all but the first. Up, from the lowest: the map is enlarged to the size of the level above and set beside
/// what that level had on the way down; double convolutions 16w -> 8w -> 4w, 8w -> 4w -> 2w, 4w -> 2w -> w, 2w -> w ->
/// w. Names "down0" to "down4" and "up3" to "up0". With w = 64: 17,262,912 parameters.
class UNet : public SegmentationNetwork {
 public:
  struct Options {
    int64_t width = 64;
  };
  explicit UNet(const Options& options, const ModuleOptions& module = {});

  /// x as of SegmentationNetwork, H and W of 16 at least. Returns [N, H, W, width].
  Tensor forward(const Tensor& x) override;
  int64_t features() const override { return features_; }
  Device device() const override { return device_; }

 private:
  Device device_;
  int64_t features_;
  std::array<std::unique_ptr<DoubleConv>, 5> down_;
  std::array<std::unique_ptr<DoubleConv>, 4> up_;
};

}  // namespace bareseg
