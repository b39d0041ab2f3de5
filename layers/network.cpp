#include "layers/network.h"

#include "layers/deeplab.h"
#include "layers/fpn.h"
#include "layers/unet.h"

namespace bareseg {

std::unique_ptr<SegmentationNetwork> make_network(const NetworkOptions& o, const ModuleOptions& module) {
  if (o.architecture == "resnet-fpn") return std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = o.depth}, module);
  if (o.architecture == "deeplabv3") {
    return std::make_unique<DeepLabV3>(DeepLabV3::Options{.depth = o.depth, .output_stride = o.output_stride}, module);
  }
  if (o.architecture == "unet") return std::make_unique<UNet>(UNet::Options{.width = o.width}, module);
  fail_at(__FILE__, __LINE__, "network: expected the architecture resnet-fpn, deeplabv3 or unet, got '", o.architecture,
          "'");
}

}  // namespace bareseg
