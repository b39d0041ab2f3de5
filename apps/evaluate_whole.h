// Scores on whole images of any size.
#pragma once

#include "apps/segmenter.h"
#include "data/dataset.h"

namespace bareseg {

/// Pixels of a labelled data set by class and cluster of one classifier: each image goes through the network with its
/// shorter side at `res` and is scored at the size of its label map. Unreadable images are left out with a warning and
/// counted in `skipped`.
Histogram evaluate_whole(const Segmenter& segmenter, int64_t classifier, const Dataset& dataset, int64_t res,
                         DType dtype, int64_t* skipped = nullptr);

}  // namespace bareseg
