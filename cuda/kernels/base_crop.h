// Launchers of base_crop.cu: images of any sizes become squares, by Pillow's bilinear resize.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// The taps of a resize along one axis, where they lie in a table of int32: `side` first places, then `taps` times
/// `side` weights.
struct CropAxis {
  int32_t taps = 0;
  int64_t at = 0;
};

/// One image. The square needs its rows [first_row, first_row + rows).
struct CropImage {
  int64_t pixels = 0, middle = 0;  // bytes before its pixels, and before its rows of the result of base_crop_rows()
  int64_t width = 0, first_row = 0, rows = 0;
  CropAxis across, down;
};

/// Resizes rows: middle holds the needed rows of every image, [rows, side, 3] each.
void base_crop_rows(Stream stream, const uint8_t* pixels, const CropImage* images, const int32_t* tables, int64_t count,
                    int64_t side, uint8_t* middle);
/// Resizes columns of these: y [count, side, side, 3].
void base_crop_columns(Stream stream, const uint8_t* middle, const CropImage* images, const int32_t* tables,
                       int64_t count, int64_t side, uint8_t* y);

}  // namespace bareseg
