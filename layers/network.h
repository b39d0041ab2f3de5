// What every network that segments has in common, and their construction by name.
#pragma once

#include <memory>
#include <string>

#include "layers/module.h"

namespace bareseg {

/// Gives every cell of a map over an image a vector of features, which a classifier turns into scores.
class SegmentationNetwork : public Module {
 public:
  /// x float [N, H, W, 3], normalised RGB, or with a fourth channel, which weighs 0; H and W > 0. Returns
  /// [N, h, w, features()], h and w at most H and W.
  virtual Tensor forward(const Tensor& x) = 0;
  virtual int64_t features() const = 0;
  /// Where the parameters are.
  virtual Device device() const = 0;
};

/// What has to be known to build a network that weights of a file fit into.
struct NetworkOptions {
  std::string architecture = "resnet-fpn";  // or "deeplabv3", "unet"
  int depth = 18;                           // resnet-fpn, deeplabv3: layers of the ResNet
  int output_stride = 8;                    // deeplabv3: 8 or 16
  int64_t width = 64;                       // unet: channels at full resolution
};

/// @throws Error on an architecture that is not known.
std::unique_ptr<SegmentationNetwork> make_network(const NetworkOptions& options, const ModuleOptions& module = {});

}  // namespace bareseg
