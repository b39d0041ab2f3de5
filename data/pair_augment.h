// Random views of an image together with its label map, for training on labels: scale, crop, flip, colours. One view is
// a pure function of (seed, pass, image), in integer arithmetic after the draws.
#pragma once

#include <cstdint>

#include "data/image.h"
#include "engine/augment_params.h"

namespace bareseg {

struct PairAugment {
  int64_t height = 0, width = 0;            // of the view
  int64_t short_side = 0;                   // length of an image's shorter side at scale 1
  bool square = false;                      // views of the image's centre square, as base_crop() cuts it
  double min_scale = 1.0, max_scale = 1.0;  // drawn between them
  bool hflip = false;                       // every other view, by chance
  double jitter = 0.0;     // brightness, contrast and saturation factors within 1 +- this, each of every other view
  double hue_range = 0.0;  // hue shifts within +- this fraction of the colour circle, in every other view
  uint64_t seed = 1;

  /// @throws Error when a number is out of range.
  void check() const;
};

/// What of an image its views are made from: the whole, or the centre square at `short_side`.
Image pair_source(const PairAugment& how, Image image);
LabelMap pair_source(const PairAugment& how, LabelMap labels);

/// An image with its labels, as pair_source() gave them.
struct PairSource {
  int64_t height = 0, width = 0;
  const uint8_t* rgb = nullptr;      // [height, width, 3]
  const uint8_t* classes = nullptr;  // [height, width]
};

/// Where a view lies in the scaled source, and its colours.
struct PairDraw {
  int64_t height = 0, width = 0;  // of the scaled source
  int64_t row = 0, col = 0;       // of the view in it; negative where the scaled source is smaller than the view
  bool flip = false;
  AugmentParams colours;
};
/// Of image number `image` in pass `pass`, both below 2^24.
PairDraw draw_pair(const PairAugment& how, int64_t height, int64_t width, int64_t image, uint64_t pass);

/// The view: rgb uint8 [how.height, how.width, 3] by Pillow's bilinear resize, classes uint8 [how.height, how.width] by
/// its nearest. Beyond the source's edges pixels have the mean colour of engine/augment_params.h, and no class.
void augment_pair(const PairAugment& how, const PairSource& source, const PairDraw& draw, uint8_t* rgb,
                  uint8_t* classes);

}  // namespace bareseg
