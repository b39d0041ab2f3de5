// Pictures to look at: label maps in colour, overlays on photographs, captioned grids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/image.h"

namespace bareseg {

/// Each class in its colour: palette[3 * class .. 3 * class + 2]. kIgnoreLabel is black.
/// @throws Error when a class has no colour.
Image colourise(const LabelMap& labels, const std::vector<uint8_t>& palette);

/// (1 - opacity) * image + opacity * colour of the class, rounded; kIgnoreLabel leaves the image as it is.
/// @throws Error when the sizes differ, opacity is not in [0, 1] or a class has no colour.
Image overlay(const Image& image, const LabelMap& labels, const std::vector<uint8_t>& palette, float opacity);

/// Pillow's bilinear resize. @throws Error when the image is empty or a side of `size` is not positive.
Image resized(const Image& image, ImageSize size);
/// Pillow's nearest resize, on the same terms.
LabelMap resized(const LabelMap& labels, ImageSize size);

/// Every pixel `factor` times in both directions. @throws Error when factor < 1.
Image upscale_nearest(const Image& image, int64_t factor);

/// Images in rows of `columns`, `gap` white pixels between and around them; every cell is as large as the largest
/// image. `captions` is empty or has one text for each of the first images: black on white above its image, printable
/// ASCII (anything else shows as '?'), cut where the cell ends.
/// @throws Error without images, with fewer images than captions, when columns < 1 or gap < 0.
Image side_by_side(const std::vector<Image>& images, int64_t columns, const std::vector<std::string>& captions = {},
                   int64_t gap = 4);

/// Height in pixels of one line of captions.
inline constexpr int64_t kCaptionHeight = 11;

/// Writes `text` with a built-in 5x7 font whose upper left corner is at (row, column); what lies outside is cut.
void draw_text(Image& image, int64_t row, int64_t column, const std::string& text);

}  // namespace bareseg
