#include "apps/picie_parts.h"

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
  const int64_t channels = backend(images.device()).image_channels();
  return augment(images, params, plan.config().options(view), side, dtype, channels);
}

Tensor final_frame(const EpochPlan& plan, const std::vector<int64_t>& indexes, int view, int64_t side, Device device) {
  const AugmentConfig& config = plan.config();
  if (view == 0 || !(config.crop || config.hflip || config.vflip)) return {};
  std::vector<CropWindow> windows;
  for (const int64_t index : indexes) windows.push_back(plan.window(index, side));
  return window_table(windows, side, side, device);
}

Tensor in_final_frame(const EpochPlan& plan, const Tensor& map, const std::vector<int64_t>& indexes, int view) {
  const Tensor frame = final_frame(plan, indexes, view, map.dim(1), map.device());
  return frame.defined() ? crop_resize_flip(map, frame, map.dim(1)) : map;
}

}  // namespace bareseg
