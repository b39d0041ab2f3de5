// The loops of Pillow's resize and blur that a compiler does not vectorise well, for x86. Each does the first outputs
// of a row, says how many, and leaves the others to the plain loop beside its call: all of them on another processor.
// out overlaps no input.
#pragma once

#include <cstdint>

#include "engine/pillow.h"

namespace bareseg::pillow::avx2 {

/// A row [width, 3] resized by `taps` to `length` pixels.
int64_t resize_rgb_row(const uint8_t* in, int64_t width, const Taps& taps, int64_t length, uint8_t* out);

/// out[i] = the four weights over in[2 i] ... in[2 i + 3], for `length` outputs.
int64_t halve_row(const uint8_t* in, const int32_t* weights, int64_t length, uint8_t* out);

/// out[x] = the weights over `count` rows `stride` bytes apart, for `width` outputs.
int64_t resize_column(const uint8_t* in, int64_t stride, const int32_t* weights, int64_t count, int64_t width,
                      uint8_t* out);

/// out[x] = the box over taps[0][x] ... taps[2 * radius + 2][x], for n outputs; radius 0 and 1, which photographs are
/// blurred with.
int64_t box_pass(const Box& box, const uint8_t* const* taps, int64_t n, uint8_t* out);

}  // namespace bareseg::pillow::avx2
