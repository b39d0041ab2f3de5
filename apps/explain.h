// `bareseg explain`: where the pseudo-labels of one image come from.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "apps/options.h"
#include "apps/run_record.h"
#include "apps/segmenter.h"
#include "data/image.h"

namespace bareseg {

/// Options of `bareseg explain`.
struct ExplainOptions {
  std::string run;     // folder
  std::string image;   // file of a photograph, or
  int64_t index = -1;  // number of a training image
  int64_t draw = -1;   // training image whose random transforms are taken; -1: `index`, or 0 for a file
  std::string data;    // folder in place of the one that the run was trained on
  std::string checkpoint = "last";
  std::string out = "explained";
  DeviceOptions device = {.tune_seconds = 0.0};

  void declare(CLI::App& app);
};

/// What PiCIE makes of one image in one epoch. Views are numbered 0 and 1 here, 1 and 2 where people read.
struct Explanation {
  int64_t epoch = 0, draw = 0;
  int64_t side = 0;                               // of the feature maps
  Image square;                                   // what every transform starts from
  std::array<Image, 2> inputs;                    // of the network
  Image second_moved;                             // the second input in the frame that the maps are compared in
  std::array<Tensor, 2> centroids;                // float32 [K, D]
  std::array<std::vector<int32_t>, 2> labels;     // [side, side], in that frame
  std::array<std::vector<int64_t>, 2> counts;     // pixels of this image in each cluster
  std::array<std::vector<int64_t>, 2> occupancy;  // pixels of all training images
  std::array<std::vector<float>, 2> weights;      // of clusters in the loss; empty: all 1
  /// [view of the features][view of centroids and labels]
  std::array<std::array<double, 2>, 2> loss{};
  std::array<std::array<std::vector<float>, 2>, 2> pixel_loss;  // cross-entropy of each place, without weights
  std::vector<int64_t> match;  // cluster of view 0 that each cluster of view 1 overlaps with, one to one
  double agreement = 0.0;      // percent of places where matched clusters are the same

  double within() const { return 0.5 * (loss[0][0] + loss[1][1]); }
  double across() const { return 0.5 * (loss[0][1] + loss[1][0]); }
};

/// With the network and the centroids of a checkpoint, batch norm in evaluation mode as in labelling. `image` of any
/// size. @throws Error when the run is not one of train picie, or lacks what is needed.
Explanation explain_image(const RunRecord& run, const Segmenter& segmenter, const CheckpointExtra& extra,
                          const Image& image, int64_t draw, DType dtype);

/// Writes index.html, explanation.json and the pictures below options.out.
int explain(const ExplainOptions& options);

/// The parts of that. Numbers up to 255 as a picture of side `side`; and the page (explain_page.cpp).
LabelMap label_map(const std::vector<int32_t>& labels, int64_t side);
std::string explanation_html(const Explanation& e, const Segmenter& segmenter, const std::string& title);

}  // namespace bareseg
