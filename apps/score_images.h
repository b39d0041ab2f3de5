// Labelled images of a data set through a network, counted by class and cluster.
#pragma once

#include <string>
#include <vector>

#include "apps/inference.h"
#include "apps/options.h"

namespace bareseg {

/// What the network sees, and what is scored; docs/evaluation.md has the reasons.
struct ScoringOptions {
  /// crop: the short side is resized to `side`, the centre square is taken, and so of the label map.
  /// full: the short side is resized to `side`; the label map keeps its size.
  /// fit:  the same with the long side.
  std::string protocol = "crop";
  int64_t side = 320;
  int64_t label_side = 0;  // short side of the label maps; 0: crop: `side`, else their own
  InferenceOptions inference = {};
  DType dtype = kFloat32;
  int64_t batch = 16;  // of squares that take one version of the image and no CRF
  LoadOptions load = {};
};

struct Scored {
  std::vector<Histogram> histograms;  // truth by cluster, one for each classifier
  int64_t images = 0;                 // that could be read; the others are named in the log
};

/// One pass over the images for all classifiers.
/// @throws Error when the data set has no labels, an option cannot be read or, with load.strict, an image.
Scored score_images(SegmentationNetwork& network, const std::vector<Classifier>& classifiers, const Dataset& data,
                    const ScoringOptions& options);

}  // namespace bareseg
