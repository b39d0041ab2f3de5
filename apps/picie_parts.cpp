#include "apps/picie_parts.h"

#include "engine/augment.h"
#include "engine/ops.h"

namespace bareseg {

std::vector<Tensor> view_inputs(const EpochPlan& plan, const Batch& batch, int64_t square, std::span<const View> views,
                                int64_t side, DType dtype, Device device) {
  std::vector<AugmentParams> params;
  for (const View& view : views) {
    for (const int64_t index : batch.indexes) {
      const AugmentParams p = plan.params(index, view.number, square);
      params.push_back(view.plain ? AugmentParams{.shape = p.shape, .window = p.window} : p);
    }
  }
  const Tensor images = batch.images.to(device);
  const int64_t channels = backend(device).image_channels();
  const Tensor all = batch.sources.empty() ? augment(images, params, side, dtype, channels)
                                           : augment(images, batch.sources, square, params, side, dtype, channels);
  std::vector<Tensor> inputs;
  for (int64_t first = 0; first < all.dim(0); first += batch.size()) {
    inputs.push_back(all.rows(first, first + batch.size()));
  }
  return inputs;
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
