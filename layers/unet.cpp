#include "layers/unet.h"

namespace bareseg {
namespace {

Conv2d::Options conv3x3(int64_t in, int64_t out) { return {.in = in, .out = out, .kernel = 3, .conv = {.padding = 1}}; }

}  // namespace

DoubleConv::DoubleConv(int64_t in, int64_t middle, int64_t out, const ModuleOptions& module, uint64_t& part)
    : conv1_(conv3x3(in, middle), weight_draws(module, part), module.device),
      bn1_(middle, module.device),
      conv2_(conv3x3(middle, out), weight_draws(module, part), module.device),
      bn2_(out, module.device) {
  child("conv1", conv1_);
  child("bn1", bn1_);
  child("conv2", conv2_);
  child("bn2", bn2_);
}

Tensor DoubleConv::forward(const Tensor& x) {
  return bn2_.forward(conv2_, bn1_.forward(conv1_, x, {.relu = true}), {.relu = true});
}

UNet::UNet(const Options& o, const ModuleOptions& module) : device_(module.device), features_(o.width) {
  BS_CHECK(o.width > 0, "UNet: width must be positive, got ", o.width);
  uint64_t part = 0;
  const int64_t w = o.width;
  const std::array<int64_t, 5> channels = {w, 2 * w, 4 * w, 8 * w, 8 * w};
  int64_t in = 3;
  for (size_t i = 0; i < down_.size(); ++i) {
    down_[i] = std::make_unique<DoubleConv>(in, channels[i], channels[i], module, part);
    child(concat("down", i), *down_[i]);
    in = channels[i];
  }
  for (size_t i = up_.size(); i-- > 0;) {
    const int64_t out = i > 0 ? channels[i - 1] : w;
    up_[i] = std::make_unique<DoubleConv>(2 * channels[i], channels[i], out, module, part);
    child(concat("up", i), *up_[i]);
  }
}

Tensor UNet::forward(const Tensor& x) {
  BS_CHECK(x.rank() == 4 && (x.dim(3) == 3 || x.dim(3) == 4) && x.dim(1) >= 16 && x.dim(2) >= 16,
           "UNet: x must be [N, H, W, 3 or 4] with H and W of 16 at least, got ", x.shape());
  std::array<Tensor, 5> maps;
  maps[0] = down_[0]->forward(x);
  for (size_t i = 1; i < down_.size(); ++i) {
    maps[i] = down_[i]->forward(max_pool2d(maps[i - 1], {.kernel = 2, .stride = 2}));
  }
  Tensor y = maps[4];
  for (size_t i = up_.size(); i-- > 0;) {
    y = up_[i]->forward(concat_channels({maps[i], resize_bilinear(y, maps[i].dim(1), maps[i].dim(2))}));
  }
  return y;
}

}  // namespace bareseg
