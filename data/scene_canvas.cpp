#include "data/scene_canvas.h"

namespace bareseg::scene {

Canvas::Canvas(int64_t size, float roll)
    : size_(size),
      unit_(kUnits / static_cast<float>(size)),
      cos_(std::cos(roll)),
      sin_(std::sin(roll)),
      colours_(static_cast<size_t>(size * size)),
      labels_(static_cast<size_t>(size * size), Label::sky) {}

void Canvas::pixel_range(const Box& box, int64_t range[4]) const {
  float low_x = kUnits, high_x = 0, low_y = kUnits, high_y = 0;
  for (const Point corner : {Point{box.left, box.top}, Point{box.right, box.top}, Point{box.left, box.bottom},
                             Point{box.right, box.bottom}}) {
    const float sx = corner.x - kUnits / 2, sy = corner.y - kUnits / 2;
    const float px = sx * cos_ - sy * sin_ + kUnits / 2, py = sx * sin_ + sy * cos_ + kUnits / 2;
    low_x = std::min(low_x, px), high_x = std::max(high_x, px);
    low_y = std::min(low_y, py), high_y = std::max(high_y, py);
  }
  const auto pixel = [&](float units) {
    return std::clamp(static_cast<int64_t>(std::clamp(units, -kUnits, 2 * kUnits) / unit_), int64_t{0}, size_);
  };
  range[0] = pixel(low_y), range[1] = std::min(pixel(high_y) + 1, size_);
  range[2] = pixel(low_x), range[3] = std::min(pixel(high_x) + 1, size_);
}

size_t Canvas::nearest(const Point& p) const {
  const float sx = p.x - kUnits / 2, sy = p.y - kUnits / 2;
  const auto pixel = [&](float units) {
    return std::clamp(static_cast<int64_t>(std::clamp(units, 0.0f, kUnits) / unit_), int64_t{0}, size_ - 1);
  };
  const int64_t col = pixel(sx * cos_ - sy * sin_ + kUnits / 2), row = pixel(sx * sin_ + sy * cos_ + kUnits / 2);
  return static_cast<size_t>(row * size_ + col);
}

}  // namespace bareseg::scene
