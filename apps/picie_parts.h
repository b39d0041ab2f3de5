// The steps of PiCIE that training takes and `bareseg explain` shows.
#pragma once

#include <cstdint>
#include <vector>

#include "data/augment_plan.h"
#include "layers/fpn.h"

namespace bareseg {

/// A view as the network gets it: images uint8 [N, S, S, 3], `indexes` their numbers in the plan. `plain` leaves the
/// colours as they are. Returns dtype [N, side, side, 3], normalised.
Tensor view_input(const EpochPlan& plan, const Tensor& images, const std::vector<int64_t>& indexes, int view,
                  int64_t side, DType dtype, bool plain = false);

/// A map of view 0 or 1 in the frame that both views are compared in: view 1 gets the geometry that the image of view 0
/// had before the network. map [N, H, H, C].
Tensor in_final_frame(const EpochPlan& plan, const Tensor& map, const std::vector<int64_t>& indexes, int view);

}  // namespace bareseg
