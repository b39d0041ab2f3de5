// PiCIE (Cho et al., CVPR 2021): pixel features learnt without labels, by clustering the pixels of two views of every
// image and predicting each view's clusters from the other.
#pragma once

#include "apps/cluster_options.h"

namespace bareseg {

/// Defaults of a named preset: coco, cityscapes, camvid, demo; "" for the program's. @throws Error on other names.
ClusterOptions picie_preset(const std::string& name);

}  // namespace bareseg
