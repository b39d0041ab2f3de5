// The task as the shipped kernels take it.
#pragma once

#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "cuda/kernels/cosine_loss.h"

namespace bareseg::cosine_ladder {

struct Targets {
  CosineTarget each[kTargets];

  explicit Targets(const LossCase& c) {
    for (int t = 0; t < kTargets; ++t) {
      each[t].centroids = c.centroids + t * kClusters * kDims;
      each[t].labels.narrow = c.labels + t * c.rows;
      each[t].labels.class_weights = c.class_weights + t * kClusters;
      each[t].labels.classes = kClusters;
    }
  }
};

}  // namespace bareseg::cosine_ladder
