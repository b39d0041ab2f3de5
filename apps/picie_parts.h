// The steps of PiCIE that training takes and `bareseg explain` shows.
#pragma once

#include <cstdint>
#include <vector>

#include "data/augment_plan.h"
#include "layers/fpn.h"

namespace bareseg {

/// A view as the network gets it: images uint8 [N, S, S, 3], `indexes` their numbers in the plan. `plain` leaves the
/// colours as they are. Returns dtype [N, side, side, C], normalised, C the device's image_channels().
Tensor view_input(const EpochPlan& plan, const Tensor& images, const std::vector<int64_t>& indexes, int view,
                  int64_t side, DType dtype, bool plain = false);

/// Where the frame that both views are compared in lies in maps of a view, side x side: the windows of
/// crop_resize_flip(); undefined where it is all of them. View 1 gets the geometry that the image of view 0 had before
/// the network.
Tensor final_frame(const EpochPlan& plan, const std::vector<int64_t>& indexes, int view, int64_t side, Device device);
/// A map of view 0 or 1 in that frame. map [N, H, H, C].
Tensor in_final_frame(const EpochPlan& plan, const Tensor& map, const std::vector<int64_t>& indexes, int view);

}  // namespace bareseg
