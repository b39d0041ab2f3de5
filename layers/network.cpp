#include "layers/network.h"

#include "layers/fpn.h"

namespace bareseg {

std::unique_ptr<SegmentationNetwork> make_network(const NetworkOptions& o, const ModuleOptions& module) {
  BS_CHECK(o.architecture == "resnet-fpn", "network: expected the architecture resnet-fpn, got '", o.architecture, "'");
  return std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = o.depth}, module);
}

}  // namespace bareseg
