// What a network in training makes of a few images, to look at while it learns.
#pragma once

#include <vector>

#include "apps/segmenter.h"
#include "data/image.h"

namespace bareseg {

/// Up to four images from all over a data set, each beside its segmentation by the first classifier and, where there
/// are labels, the truth. Images that cannot be shown are left out, which the log says.
std::vector<Image> sample_pictures(const Segmenter& segmenter, const Dataset& data, DType dtype);

}  // namespace bareseg
