#include "data/base_crop.h"

#include "engine/error.h"
#include "engine/pillow.h"

namespace bareseg {
namespace {

// round(over / 2) as Python rounds: half to even.
int64_t half_of(int64_t over) {
  const int64_t half = over / 2;
  return over % 2 == 0 ? half : half + half % 2;
}

}  // namespace

BaseGeometry base_geometry(int64_t height, int64_t width, int64_t side) {
  BS_CHECK(height > 0 && width > 0, "base_crop: the image must not be empty, got ", width, "x", height);
  BS_CHECK(side > 0, "base_crop: side must be positive, got ", side);
  BaseGeometry g{.height = side, .width = side};
  if (width < height) {
    g.height = side * height / width;
  } else {
    g.width = side * width / height;
  }
  g.top = half_of(g.height - side);
  g.left = half_of(g.width - side);
  return g;
}

Image base_crop(const Image& image, int64_t side) {
  const BaseGeometry g = base_geometry(image.height, image.width, side);
  Image square{.width = side, .height = side, .rgb = std::vector<uint8_t>(static_cast<size_t>(side * side * 3))};
  pillow::resize_bilinear(image.rgb.data(), image.height, image.width, 3, g.height, g.width,
                          {.row = g.top, .col = g.left, .height = side, .width = side}, square.rgb.data());
  return square;
}

LabelMap base_crop(const LabelMap& labels, int64_t side) {
  const BaseGeometry g = base_geometry(labels.height, labels.width, side);
  LabelMap square{.width = side, .height = side, .classes = std::vector<uint8_t>(static_cast<size_t>(side * side))};
  pillow::resize_nearest(labels.classes.data(), labels.height, labels.width, g.height, g.width,
                         {.row = g.top, .col = g.left, .height = side, .width = side}, square.classes.data());
  return square;
}

}  // namespace bareseg
