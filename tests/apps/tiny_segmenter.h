// A small random segmenter for tests of commands.
#pragma once

#include "apps/segmenter.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace bareseg {

inline constexpr int64_t kTinyClusters = 5, kTinyResolution = 32;

/// Untrained ResNet-18 with two classifiers of 5 and 7 clusters. Clusters 0 to 4 stand for classes 2, 0, none, 1, 0.
inline Segmenter tiny_segmenter() {
  Segmenter s;
  s.resolution = kTinyResolution;
  s.class_names = {"sky", "stone wall", "tree"};
  s.cluster_classes = {2, 0, -1, 1, 0};
  s.network = make_network({}, {.seed = 3});
  for (const int64_t clusters : {kTinyClusters, int64_t{7}}) {
    const Random random(5, Draws::test, static_cast<uint64_t>(clusters));
    s.classifiers.push_back({l2_normalize(random_normal({clusters, s.network->features()}, random))});
  }
  return s;
}

}  // namespace bareseg
