// The steps of PiCIE that training takes and `bareseg explain` shows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/augment_plan.h"
#include "data/loader.h"
#include "layers/fpn.h"

namespace bareseg {

/// A view as the network gets it.
struct View {
  int number = 0;      // 0 or 1
  bool plain = false;  // without its changes of colour
};
/// Views of a loader's batch, whose base crops have side `square`, made together on `device`: of each of `views`
/// float32 or bfloat16 [N, side, side, C], normalised, C the device's image_channels(). All share one piece of memory.
/// @throws Error as EpochPlan::params() and augment() do.
std::vector<Tensor> view_inputs(const EpochPlan& plan, const Batch& batch, int64_t square, std::span<const View> views,
                                int64_t side, DType dtype, Device device);

/// Where the frame that both views are compared in lies in maps of a view, side x side: the windows of
/// crop_resize_flip(); undefined where it is all of them. View 1 gets the geometry that the image of view 0 had before
/// the network.
Tensor final_frame(const EpochPlan& plan, const std::vector<int64_t>& indexes, int view, int64_t side, Device device);
/// A map of view 0 or 1 in that frame. map [N, H, H, C].
Tensor in_final_frame(const EpochPlan& plan, const Tensor& map, const std::vector<int64_t>& indexes, int view);

}  // namespace bareseg
