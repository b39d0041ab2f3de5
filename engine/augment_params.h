// What one image's augmentation is: plain numbers, drawn by data/augment_plan.h and carried out by every backend with
// the same bits. Specification: PiCIE section 5. Arithmetic: engine/pillow_math.h for the 8-bit colours, blur and
// resize, engine/augment_math.h for the rest.
#pragma once

#include <cstdint>

namespace bareseg {

/// A window of an image or map, then flips (width reversed, height reversed).
struct CropWindow {
  int32_t row = 0, col = 0, height = 0, width = 0;
  bool flip_horizontal = false, flip_vertical = false;
};

/// An image as decoded, among others in one piece of memory, and the square of it that all else begins with: Pillow's
/// bilinear resize of the whole, then a window.
struct SourceImage {
  int64_t offset = 0, height = 0, width = 0;  // its RGB bytes [height, width, 3] lie `offset` bytes from the first
  int64_t out_height = 0, out_width = 0;      // after the resize
  int64_t row = 0, col = 0;                   // of the square's corner in that
};

/// One view of one image. The colour chain is applied in this order on 8-bit RGB, each op only where its flag is set;
/// the coloured square then becomes the network's input by its shape.
struct AugmentParams {
  enum class Shape : uint8_t {
    pillow,  // Pillow's antialiased bilinear resize on 8 bits, then normalised and flipped (view 2, and view 1
             // uncropped)
    window,  // normalised, then window -> bilinear (align_corners = false, no antialias) -> flips, in float32 (view 1)
  };

  bool brightness = false, contrast = false, saturation = false, hue = false, grey = false, blur = false;
  float brightness_factor = 1.0f, contrast_factor = 1.0f, saturation_factor = 1.0f;
  int32_t hue_shift = 0;  // added to the 8-bit hue modulo 256
  float blur_radius = 0.0f;
  Shape shape = Shape::pillow;
  CropWindow window;  // in pixels of the square; Shape::pillow reads only its flips
};

/// ImageNet statistics of the 0..1 RGB values: network input = (value / 255 - mean) / std.
inline constexpr float kImageMean[3] = {0.485f, 0.456f, 0.406f};
inline constexpr float kImageStd[3] = {0.229f, 0.224f, 0.225f};

}  // namespace bareseg
