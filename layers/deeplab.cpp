#include "layers/deeplab.h"

#include "engine/backend.h"
#include "engine/step_graph.h"

namespace bareseg {
namespace {

/// torch's default convolution, without bias, that keeps the size of the map.
Conv2d::Options same_size(int64_t in, int64_t out, int64_t kernel, int64_t dilation = 1) {
  return {.in = in,
          .out = out,
          .kernel = kernel,
          .conv = {.padding = kernel / 2 * dilation, .dilation = dilation},
          .init = Conv2d::Init::uniform_fan_in};
}

}  // namespace

Aspp::Aspp(const Options& o, const ModuleOptions& module, uint64_t& part)
    : dropout_(o.dropout), seed_(module.seed), draw_(Tensor::empty({2}, kInt64, module.device)) {
  make(branches_[0], same_size(o.in, o.out, 1), 0, module, part);
  for (size_t i = 0; i < 3; ++i) make(branches_[i + 1], same_size(o.in, o.out, 3, o.dilations[i]), 0, module, part);
  make(branches_[4], same_size(o.in, o.out, 1), 1, module, part);  // number 0 is the mean, in torchvision
  make(project_, same_size(5 * o.out, o.out, 1), 0, module, part);
  for (size_t i = 0; i < branches_.size(); ++i) convs_.child(std::to_string(i), branches_[i]);
  child("convs", convs_);
  child("project", project_);
}

void Aspp::make(Branch& branch, const Conv2d::Options& conv, int index, const ModuleOptions& module, uint64_t& part) {
  branch.conv = std::make_unique<Conv2d>(conv, weight_draws(module, part), module.device);
  branch.norm = std::make_unique<BatchNorm>(conv.out, module.device);
  branch.child(std::to_string(index), *branch.conv);
  branch.child(std::to_string(index + 1), *branch.norm);
}

Tensor Aspp::forward(const Tensor& x) {
  std::vector<Tensor> maps;
  for (size_t i = 0; i < 4; ++i) maps.push_back(branches_[i].forward(x));
  maps.push_back(resize_bilinear(branches_[4].forward(global_avg_pool(x)), x.dim(1), x.dim(2)));
  Tensor y = project_.forward(concat_channels(maps));
  if (!training() || dropout_ == 0.0f) return y;
  // Numbered by the batches that the norm has seen, which checkpoints keep: a resumed run draws what is next.
  each_step([this] {
    const Random random(seed_, Draws::dropout, static_cast<uint64_t>(project_.norm->batches_tracked()));
    const std::array<uint64_t, 2> draw = {random.seed(), random.subsequence()};
    backend(draw_.device()).copy_from_host(draw.data(), draw_);
  });
  return dropout(y, dropout_, draw_);
}

DeepLabV3::DeepLabV3(const Options& o, const ModuleOptions& module)
    : device_(module.device),
      backbone_(o.depth, module, part_, o.output_stride),
      aspp_({.in = backbone_.channels()[3],
             .out = kFeatures,
             .dilations = o.output_stride == 8 ? std::array<int64_t, 3>{12, 24, 36} : std::array<int64_t, 3>{6, 12, 18},
             .dropout = o.dropout},
            module, part_),
      conv_(same_size(kFeatures, kFeatures, 3), weight_draws(module, part_), module.device),
      norm_(kFeatures, module.device) {
  BS_CHECK(o.output_stride == 8 || o.output_stride == 16, "DeepLabV3: output_stride must be 8 or 16, got ",
           o.output_stride);
  child("backbone", backbone_);
  head_.child("0", aspp_);
  head_.child("1", conv_);
  head_.child("2", norm_);
  child("classifier", head_);
}

Tensor DeepLabV3::forward(const Tensor& x) {
  return norm_.forward(conv_, aspp_.forward(backbone_.forward(x)[3]), {.relu = true});
}

}  // namespace bareseg
