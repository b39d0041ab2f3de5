#include "layers/fpn.h"

namespace bareseg {

FpnDecoder::FpnDecoder(const std::array<int64_t, 4>& channels, int64_t out, const ModuleOptions& module,
                       uint64_t& part) {
  for (size_t i = laterals_.size(); i-- > 0;) {
    const Conv2d::Options options{
        .in = channels[3 - i], .out = out, .kernel = 1, .bias = true, .init = Conv2d::Init::uniform_fan_in};
    laterals_[i] = std::make_unique<Conv2d>(options, weight_draws(module, part), module.device);
    child(concat("layer", i + 1), *laterals_[i]);
  }
}

Tensor FpnDecoder::forward(const std::array<Tensor, 4>& maps) const {
  Tensor p = laterals_[0]->forward(maps[3]);
  for (size_t i = 1; i < laterals_.size(); ++i) {
    const Tensor lateral = laterals_[i]->forward(maps[3 - i]);
    p = resize_bilinear(p, lateral.dim(1), lateral.dim(2), lateral);
  }
  return p;
}

ResNetFpn::ResNetFpn(const Options& o, const ModuleOptions& module)
    : device_(module.device),
      features_(o.out > 0 ? o.out : (o.depth < 50 ? 128 : 256)),
      backbone_(o.depth, module, part_),
      decoder_(backbone_.channels(), features_, module, part_) {
  child("backbone", backbone_);
  child("decoder", decoder_);
}

}  // namespace bareseg
