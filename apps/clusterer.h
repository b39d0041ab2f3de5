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

/// Loads what a file of weights has of the network: a backbone of torchvision's names, or names of ours, of the
/// authors' checkpoints or of torchvision's DeepLabV3, whose own classifier goes to `head` where one is given and has
/// as many classes. @throws Error when parts of the network are missing, or a shape differs.
void load_initial_weights(SegmentationNetwork& network, const std::string& file, Classifier* head = nullptr);

}  // namespace bareseg
