// The one thing that is read of a photograph's EXIF record: how the camera was held.
#pragma once

#include <cstdint>
#include <span>

#include "data/image.h"

namespace bareseg {

/// Value 1 .. 8 of the tag Orientation in a JPEG (APP1 segment) or PNG (eXIf chunk); 1, upright, where there is none
/// or it makes no sense. Reads within `bytes` whatever they hold.
int exif_orientation(std::span<const uint8_t> bytes);

/// The picture as it should be seen. 2 mirrored, 3 half turn, 4 upside down mirror, 5 transposed, 6 to be turned 90
/// degrees clockwise, 7 transposed along the other diagonal, 8 to be turned 90 degrees anticlockwise.
Image apply_orientation(const Image& image, int orientation);

}  // namespace bareseg
