// k-means over what a network, or the pixels themselves, say of plain images: the final clustering of a run, and the
// baselines.
#pragma once

#include <cstdint>
#include <string>

#include "apps/segmenter.h"
#include "data/loader.h"
#include "layers/fpn.h"

namespace bareseg {

struct FeatureClustering {
  int64_t clusters = 27, init_batches = 20, num_batches = 1, iterations = 20;
  uint64_t seed = 0;
  bool batch_statistics = true;  // of batch norm; running statistics then move
};

/// Mini-batch k-means over the unit features of `images` plain images in a random order; with the statistics of the
/// batch as the authors' repeated clustering (PiCIE section 9, point 5). float32 [K, D].
Tensor cluster_features(SegmentationNetwork& network, Loader& loader, int64_t images, const FeatureClustering& how,
                        DType dtype);

}  // namespace bareseg
