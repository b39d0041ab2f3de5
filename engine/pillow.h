// Pillow's 8-bit image arithmetic (PiCIE sections 5.3 and 5.4), bit for bit. Host code shared by the CPU backend and
// the data readers. All images are interleaved rows, top to bottom; input and output do not overlap unless said so.
#pragma once

#include <cstdint>

namespace bareseg::pillow {

/// Image.resize(BILINEAR): antialiased triangle filter, horizontal pass first, 8-bit intermediate.
/// Only the window [row, row + window_height) x [col, col + window_width) of the result is computed and written.
struct ResizeWindow {
  int64_t row = 0, col = 0, height = 0, width = 0;
};
void resize_bilinear(const uint8_t* in, int64_t height, int64_t width, int64_t channels, int64_t out_height,
                     int64_t out_width, const ResizeWindow& window, uint8_t* out);

/// Image.resize(NEAREST) of one-channel 8-bit data, the same window.
void resize_nearest(const uint8_t* in, int64_t height, int64_t width, int64_t out_height, int64_t out_width,
                    const ResizeWindow& window, uint8_t* out);

}  // namespace bareseg::pillow
