#include "layers/resnet.h"

namespace bareseg {
namespace {

struct Downsample : Module {
  Downsample(Conv2d& conv, BatchNorm& norm) {
    child("0", conv);
    child("1", norm);
  }
};

}  // namespace

ResidualBlock::ResidualBlock(const Options& o, const ModuleOptions& module, uint64_t& part) {
  struct Layer {
    int64_t in, out, kernel, stride;
  };
  const std::vector<Layer> layers =
      o.bottleneck
          ? std::vector<Layer>{{o.in, o.width, 1, 1}, {o.width, o.width, 3, o.stride}, {o.width, o.out(), 1, 1}}
          : std::vector<Layer>{{o.in, o.width, 3, o.stride}, {o.width, o.width, 3, 1}};
  for (const Layer& layer : layers) {
    const Conv2d::Options conv{.in = layer.in,
                               .out = layer.out,
                               .kernel = layer.kernel,
                               .conv = {.stride = layer.stride,
                                        .padding = layer.kernel / 2 * o.dilation,
                                        .dilation = layer.kernel > 1 ? o.dilation : 1}};
    convs_.push_back(std::make_unique<Conv2d>(conv, weight_draws(module, part), module.device));
    norms_.push_back(std::make_unique<BatchNorm>(layer.out, module.device));
    child(concat("conv", convs_.size()), *convs_.back());
    child(concat("bn", norms_.size()), *norms_.back());
  }
  if (o.stride == 1 && o.in == o.out()) return;
  const Conv2d::Options conv{.in = o.in, .out = o.out(), .kernel = 1, .conv = {.stride = o.stride}};
  shortcut_ = std::make_unique<Conv2d>(conv, weight_draws(module, part), module.device);
  shortcut_norm_ = std::make_unique<BatchNorm>(o.out(), module.device);
  downsample_ = std::make_unique<Downsample>(*shortcut_, *shortcut_norm_);
  child("downsample", *downsample_);
}

Tensor ResidualBlock::forward(const Tensor& x) {
  const Tensor residual = shortcut_ ? shortcut_norm_->forward(*shortcut_, x, {}) : x;
  Tensor y = x;
  for (size_t i = 0; i + 1 < convs_.size(); ++i) y = norms_[i]->forward(*convs_[i], y, {.relu = true});
  return norms_.back()->forward(*convs_.back(), y, {.relu = true, .residual = residual});
}

ResNet::ResNet(int depth, const ModuleOptions& module, uint64_t& part, int output_stride) : bn1_(64, module.device) {
  BS_CHECK(depth == 18 || depth == 34 || depth == 50 || depth == 101, "ResNet: depth must be 18, 34, 50 or 101, got ",
           depth);
  BS_CHECK(output_stride == 8 || output_stride == 16 || output_stride == 32,
           "ResNet: output_stride must be 8, 16 or 32, got ", output_stride);
  const bool bottleneck = depth >= 50;
  const std::array<int, 4> blocks = depth == 18    ? std::array{2, 2, 2, 2}
                                    : depth == 101 ? std::array{3, 4, 23, 3}
                                                   : std::array{3, 4, 6, 3};
  const Conv2d::Options stem{.in = 3, .out = 64, .kernel = 7, .conv = {.stride = 2, .padding = 3}};
  conv1_ = std::make_unique<Conv2d>(stem, weight_draws(module, part), module.device);
  child("conv1", *conv1_);
  child("bn1", bn1_);
  int64_t in = 64, dilation = 1;
  for (size_t s = 0; s < layers_.size(); ++s) {
    Stage& stage = layers_[s];
    const bool strided = s > 0 && (4 << s) <= output_stride, dilated = s > 0 && !strided;
    for (int b = 0; b < blocks[s]; ++b) {
      const ResidualBlock::Options block{.in = in,
                                         .width = int64_t{64} << s,
                                         .stride = strided && b == 0 ? 2 : 1,
                                         .dilation = dilation,
                                         .bottleneck = bottleneck};
      if (dilated && b == 0) dilation *= 2;  // from the block on that follows the missing stride
      stage.blocks.push_back(std::make_unique<ResidualBlock>(block, module, part));
      stage.child(std::to_string(b), *stage.blocks.back());
      in = block.out();
    }
    channels_[s] = in;
    child(concat("layer", s + 1), stage);
  }
}

std::array<Tensor, 4> ResNet::forward(const Tensor& x) {
  BS_CHECK(x.rank() == 4 && (x.dim(3) == 3 || x.dim(3) == 4), "ResNet: x must be [N, H, W, 3 or 4], got ", x.shape());
  Tensor y = bn1_.forward(*conv1_, x, {.relu = true});
  y = max_pool2d(y, {.kernel = 3, .stride = 2, .padding = 1});
  std::array<Tensor, 4> maps;
  for (size_t s = 0; s < layers_.size(); ++s) {
    for (const auto& block : layers_[s].blocks) y = block->forward(y);
    maps[s] = y;
  }
  return maps;
}

}  // namespace bareseg
