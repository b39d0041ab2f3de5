// The square every image becomes before anything random happens to it (PiCIE section 5.1).
#pragma once

#include <cstdint>

#include "data/image.h"

namespace bareseg {

/// Size after the resize, and the centre square's corner in it.
struct BaseGeometry {
  int64_t height = 0, width = 0, top = 0, left = 0;
};

/// The shorter side becomes `side`, the longer trunc(side * longer / shorter); the square's offset is half of what is
/// over, rounded half to even.
/// @throws Error when a size is not positive.
BaseGeometry base_geometry(int64_t height, int64_t width, int64_t side);

/// Pillow's bilinear resize, then the centre square [side, side]. Only the square is computed.
/// @throws Error when the image is empty or side is not positive.
Image base_crop(const Image& image, int64_t side);
/// The same square of a label map, by Pillow's nearest resize.
LabelMap base_crop(const LabelMap& labels, int64_t side);

}  // namespace bareseg
