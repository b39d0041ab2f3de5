#include "apps/picie_parts.h"

#include <numeric>

#include "engine/augment.h"
#include "engine/ops.h"

namespace bareseg {

Tensor view_input(const EpochPlan& plan, const Tensor& images, const std::vector<int64_t>& indexes, int view,
                  int64_t side, DType dtype, bool plain) {
  std::vector<AugmentParams> params;
  for (const int64_t index : indexes) {
    const AugmentParams p = plan.params(index, view, images.dim(1));
    params.push_back(plain ? AugmentParams{.window = p.window} : p);
  }
  return augment(images, params, plan.config().options(view), side, dtype);
}

Tensor in_final_frame(const EpochPlan& plan, const Tensor& map, const std::vector<int64_t>& indexes, int view) {
  const AugmentConfig& config = plan.config();
  if (view == 0 || !(config.crop || config.hflip || config.vflip)) return map;
  std::vector<CropWindow> windows;
  for (const int64_t index : indexes) windows.push_back(plan.window(index, map.dim(1)));
  return crop_resize_flip(map, windows, map.dim(1));
}

Tensor class_weights(const std::string& kind, const std::vector<int64_t>& counts, Device device) {
  if (kind == "none") return {};
  const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  std::vector<float> weights;
  for (const int64_t n : counts) {
    const double share = static_cast<double>(n) / total;
    weights.push_back(static_cast<float>(kind == "frequency" ? share : n > 0 ? 1.0 / share : 0.0));
  }
  return Tensor::from(weights, {static_cast<int64_t>(weights.size())}, device);
}

}  // namespace bareseg
