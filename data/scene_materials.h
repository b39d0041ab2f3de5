// Surfaces of the scenes: each class has a texture of its own and hardly a colour of its own.
#pragma once

#include "data/scene_canvas.h"

namespace bareseg::scene {

/// Each material is drawn once per scene or object and then evaluated at points of its own plane, in scene units at the
/// distance where one unit of the plane is one unit of the picture.
class Sky {
 public:
  explicit Sky(Dice& dice);
  Colour at(const Point& p, float horizon) const;
  Colour haze() const { return low_; }

 private:
  Colour top_, low_;
  Noise clouds_;
  float cover_, stretch_, scale_;
};

/// Rock and slopes: ridges that face the light or turn away from it.
class Slope {
 public:
  explicit Slope(Dice& dice);
  Colour at(const Point& p) const;

 private:
  Colour colour_;
  Noise ridge_, fine_;
  float wave_, light_, contrast_;
};

/// Walls with rows of windows.
class Facade {
 public:
  explicit Facade(Dice& dice);
  /// `across` from the left edge, `down` from the eaves.
  Colour at(float across, float down) const;
  Colour roof(float across, float down) const;

 private:
  Colour wall_, window_, frame_, roof_;
  Noise grain_;
  float step_x_, step_y_, window_x_, window_y_, brick_;
};

class Foliage {
 public:
  explicit Foliage(Dice& dice);
  /// `lit` in [-1, 1]: how far the surface turns to the light.
  Colour at(const Point& p, float lit) const;

 private:
  Colour colour_, flowers_;
  Noise leaves_, twigs_;
  float size_, contrast_, flowering_;
};

/// Grass, soil, straw, snow: upright strokes.
class Meadow {
 public:
  explicit Meadow(Dice& dice);
  Colour at(const Point& p) const;

 private:
  Colour colour_, patches_;
  Noise blades_, tufts_, patch_;
  float width_, height_, contrast_;
};

/// Asphalt: grain and cracks; markings are painted by the road.
class Asphalt {
 public:
  explicit Asphalt(Dice& dice);
  Colour at(const Point& p) const;
  Colour marking() const { return marking_; }

 private:
  Colour colour_, marking_;
  Noise grain_, cracks_;
  float contrast_;
};

/// Ripples over what is mirrored.
class Water {
 public:
  explicit Water(Dice& dice);
  /// Height of the ripples in [-1, 1].
  float ripple(const Point& p) const;
  Colour at(float ripple, const Colour& mirrored) const;

 private:
  Colour colour_;
  Noise waves_, chop_;
  float length_, wave_, clarity_, contrast_;
};

}  // namespace bareseg::scene
