// What scenes are painted with: colours, lattice noise, and a canvas in scene units, whatever the picture's size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/random.h"

namespace bareseg::scene {

enum class Label : uint8_t { sky, mountain, building, vegetation, ground, road, water, vehicle, person };
inline constexpr int kClasses = 9;

/// Sides of the picture in scene units; x to the right, y down, both from the upper left corner.
inline constexpr float kUnits = 160.0f;

struct Colour {
  float r = 0, g = 0, b = 0;
  Colour operator*(float s) const { return {r * s, g * s, b * s}; }
  Colour operator+(const Colour& o) const { return {r + o.r, g + o.g, b + o.b}; }
};

inline Colour mix(const Colour& a, const Colour& b, float t) { return a * (1.0f - t) + b * t; }

/// Paint of the scenes: hue in turns, saturation and value in 0..1, mixed with three parts of middle grey. So muted,
/// the colours of different classes differ less than the light and dark of one class's texture does.
inline Colour pigment(float hue, float saturation, float value) {
  const auto channel = [&](float offset) {
    const float turn = hue + offset;
    const float k = (turn - std::floor(turn)) * 6.0f;
    return value * (1.0f - saturation * std::clamp(std::min(k, 4.0f - k), 0.0f, 1.0f));
  };
  return mix({0.5f, 0.5f, 0.5f}, {channel(5.0f / 6.0f), channel(3.0f / 6.0f), channel(1.0f / 6.0f)}, 0.25f);
}

inline float ramp(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3.0f - 2.0f * t);
}

/// Smooth value noise over an integer lattice of hashed numbers, in [-1, 1].
class Noise {
 public:
  explicit Noise(uint32_t salt) : salt_(salt) {}

  float cell(int32_t x, int32_t y) const {
    uint32_t h = static_cast<uint32_t>(x) * 0x27D4EB2Du ^ static_cast<uint32_t>(y) * 0x165667B1u ^ salt_;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    h = (h ^ h >> 12) * 0x297A2D39u;
    return static_cast<float>(static_cast<int32_t>(h ^ h >> 15)) * 0x1p-31f;
  }
  float at(float x, float y) const {
    const float fx = std::floor(x), fy = std::floor(y);
    const int32_t ix = static_cast<int32_t>(fx), iy = static_cast<int32_t>(fy);
    const float u = smooth(x - fx), v = smooth(y - fy);
    const float top = cell(ix, iy) + u * (cell(ix + 1, iy) - cell(ix, iy));
    const float bottom = cell(ix, iy + 1) + u * (cell(ix + 1, iy + 1) - cell(ix, iy + 1));
    return top + v * (bottom - top);
  }

 private:
  static float smooth(float t) { return t * t * (3.0f - 2.0f * t); }
  uint32_t salt_;
};

/// A point in scene units, and what is painted there.
struct Point {
  float x, y;
};
struct Box {
  float left, top, right, bottom;
};

/// The picture while it is painted, back to front. Scene coordinates are the picture's, rolled about its centre.
class Canvas {
 public:
  Canvas(int64_t size, float roll);

  int64_t size() const { return size_; }
  /// Calls shade(Point, Colour& colour, Label& label) for every pixel of which the centre lies in `box`; it may leave
  /// colour and label as they are.
  template <typename Shade>
  void paint(const Box& box, Shade shade) {
    int64_t range[4];
    pixel_range(box, range);
    for (int64_t row = range[0]; row < range[1]; ++row) {
      for (int64_t col = range[2]; col < range[3]; ++col) {
        const Point p = scene_point(row, col);
        if (p.x < box.left || p.x >= box.right || p.y < box.top || p.y >= box.bottom) continue;
        const size_t i = static_cast<size_t>(row * size_ + col);
        shade(p, colours_[i], labels_[i]);
      }
    }
  }
  /// What is painted at a point, at the nearest pixel where it lies outside the picture.
  const Colour& colour(const Point& p) const { return colours_[nearest(p)]; }
  Label label(const Point& p) const { return labels_[nearest(p)]; }

  std::vector<Colour>& colours() { return colours_; }
  const std::vector<Label>& labels() const { return labels_; }

 private:
  Point scene_point(int64_t row, int64_t col) const {
    const float px = (static_cast<float>(col) + 0.5f) * unit_ - kUnits / 2;
    const float py = (static_cast<float>(row) + 0.5f) * unit_ - kUnits / 2;
    return {px * cos_ + py * sin_ + kUnits / 2, py * cos_ - px * sin_ + kUnits / 2};
  }
  void pixel_range(const Box& box, int64_t range[4]) const;
  size_t nearest(const Point& p) const;

  int64_t size_;
  float unit_, cos_, sin_;  // scene units per pixel, roll
  std::vector<Colour> colours_;
  std::vector<Label> labels_;
};

/// One scene's random numbers.
class Dice {
 public:
  explicit Dice(const Random& random) : random_(random) {}
  float uniform(float low, float high) { return random_.uniform(low, high); }
  bool chance(float probability) { return random_.uniform() < probability; }
  int below(int n) { return static_cast<int>(random_.uniform() * static_cast<float>(n)); }
  Noise noise() { return Noise(random_.next_u32()); }
  /// From grey to as vivid as paint gets.
  Colour any_colour() {
    const float saturation = uniform(0.0f, 1.0f);
    const float hue = uniform(0.0f, 1.0f);
    return pigment(hue, saturation * saturation * 0.85f, uniform(0.18f, 0.95f));
  }

 private:
  Random random_;
};

}  // namespace bareseg::scene
