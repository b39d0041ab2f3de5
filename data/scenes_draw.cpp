#include "data/scenes_draw.h"

#include <numbers>

#include "data/scene_camera.h"
#include "data/scene_canvas.h"
#include "data/scene_materials.h"
#include "data/scene_objects.h"

namespace bareseg::scene {
namespace {

constexpr float kOut = 1.5f * kUnits;  // beyond every picture edge, however it is rolled
constexpr float kLead = 50.0f;         // the ground is looked at from high enough that its texture keeps its scale
constexpr float kTurfLead = 150.0f;

/// Ground from the horizon to the lower edge: a far part, a near part, and strips of road or water over both.
struct GroundPlan {
  Label far = Label::ground, near = Label::ground;
  float split = kOut;  // units below the horizon where `near` begins
  float lane = 0.0f;   // half width of the strip to the vanishing point, 100 units below the horizon; 0: none
  float bend = 0.0f;   // how far the strip leaves the vertical
  Label lane_label = Label::road;
  float cross_top = kOut, cross_bottom = kOut;  // road from side to side
};

class Painter {
 public:
  Painter(Canvas& canvas, Dice& dice);
  void compose();

 private:
  void street();
  void avenue();
  void countryside();
  void waterside();
  void close_up();

  void backdrop(float mountains);
  void paint_rocks();
  void skyline(float scale);
  void ground(const GroundPlan& plan);
  Colour road(const Point& plane, float lateral) const;
  void trees(int count, float nearest, float farthest, float height);
  void vehicles(int count, float top, float bottom, float length);
  void persons(int count, float top, float bottom, float height);
  /// Where the i-th of `count` things stands, between `top` and `bottom` units below the horizon, farthest first.
  Point place(int i, int count, float top, float bottom);
  /// Units of picture per unit of ground, `t` units below the horizon.
  static float depth(float t) { return (t + 0.5f * kLead) / 90.0f; }

  Canvas& canvas_;
  Dice& dice_;
  Light light_;
  float horizon_, vanish_;
  Sky sky_;
  Meadow meadow_;
  Asphalt asphalt_;
  Water water_;
  Foliage foliage_, other_foliage_;
};

Painter::Painter(Canvas& canvas, Dice& dice)
    : canvas_(canvas),
      dice_(dice),
      light_{dice.uniform(-1.0f, 1.0f), -dice.uniform(0.4f, 1.0f)},
      horizon_(dice.uniform(15.0f, 110.0f)),
      vanish_(dice.uniform(30.0f, 130.0f)),
      sky_(dice),
      meadow_(dice),
      asphalt_(dice),
      water_(dice),
      foliage_(dice),
      other_foliage_(dice) {}

void Painter::backdrop(float mountains) {
  const Box all{-kOut, -kOut, kOut, kOut};
  canvas_.paint(all, [&](const Point& p, Colour& colour, Label& label) {
    colour = sky_.at(p, horizon_);
    label = Label::sky;
  });
  const int ranges = dice_.chance(mountains) ? 1 + dice_.below(2) : 0;
  for (int i = 0; i < ranges; ++i) {
    const Slope slope(dice_);
    const Noise ridge = dice_.noise();
    const float near = i == 0 ? 1.0f : 0.55f;
    const float height = near * dice_.uniform(0.5f, 1.1f) * std::max(horizon_, 40.0f);
    const float wave = dice_.uniform(25.0f, 60.0f), haze = i + 1 < ranges ? dice_.uniform(0.1f, 0.45f) : 0.0f;
    canvas_.paint(
        {-kOut, horizon_ - 1.6f * height, kOut, horizon_ + 1.0f}, [&](const Point& p, Colour& colour, Label& label) {
          const float x = p.x / wave;
          const float peak =
              1.0f - std::abs(ridge.at(x, 0.5f)) + 0.3f * ridge.at(3.1f * x, 4.5f) + 0.1f * ridge.at(11.0f * x, 9.5f);
          if (horizon_ - p.y > height * peak) return;
          colour = mix(slope.at(p), sky_.haze(), haze);
          label = Label::mountain;
        });
  }
}

void Painter::paint_rocks() {
  const Slope slope(dice_);
  canvas_.paint({-kOut, -kOut, kOut, horizon_ + 1.0f}, [&](const Point& p, Colour& colour, Label& label) {
    colour = slope.at(p);
    label = Label::mountain;
  });
}

void Painter::skyline(float scale) {
  float x = -dice_.uniform(0.0f, 60.0f);
  while (x < kUnits + 20.0f) {
    const float width = dice_.uniform(22.0f, 60.0f) * scale;
    const float height = std::max(dice_.uniform(0.35f, 1.1f) * horizon_, 25.0f);
    if (dice_.chance(0.85f))
      paint_building(canvas_, dice_, light_, {x, horizon_ - height, x + width, horizon_ + 2.0f}, scale);
    x += width + (dice_.chance(0.3f) ? dice_.uniform(2.0f, 25.0f) : 0.0f);
  }
}

Colour Painter::road(const Point& plane, float lateral) const {
  const float side = std::abs(lateral);
  const float dash = plane.y / 22.0f;
  if (side > 0.88f && side < 0.94f) return asphalt_.marking();
  if (side < 0.035f && dash - std::floor(dash) < 0.55f) return asphalt_.marking();
  return asphalt_.at(plane) * (side > 0.97f ? 0.65f : 1.0f);
}

void Painter::ground(const GroundPlan& plan) {
  const Noise shore = dice_.noise();
  const float wave = dice_.uniform(0.0f, 8.0f), lighter = dice_.uniform(0.85f, 1.1f);
  canvas_.paint({-kOut, horizon_, kOut, kOut}, [&](const Point& p, Colour& colour, Label& label) {
    const float t = p.y - horizon_, d = t + kLead;
    const Point plane{(p.x - vanish_) * 90.0f / d, 90.0f * std::log(d / kLead)};
    label = t > plan.split + wave * shore.at(p.x / 30.0f, 0.5f) ? plan.near : plan.far;
    float lateral = 0.5f;
    const float lane = plan.lane * (t + 3.0f) / 100.0f;
    if (lane > 0.0f) {
      lateral = (p.x - vanish_ - plan.bend * t) / lane;
      const float ragged = plan.lane_label == Label::water ? 1.0f + 0.15f * shore.at(p.y / 9.0f, 3.5f) : 1.0f;
      if (std::abs(lateral) < ragged) label = plan.lane_label;
    }
    if (t >= plan.cross_top && t < plan.cross_bottom) {
      label = Label::road;
      lateral = 2.0f * (t - plan.cross_top) / (plan.cross_bottom - plan.cross_top) - 1.0f;
      colour = road({plane.y, plane.x}, lateral);
    } else if (label == Label::road) {
      colour = std::abs(lateral) < 1.0f && lane > 0.0f ? road(plane, lateral) : asphalt_.at(plane);
    } else if (label == Label::water) {
      const float ripple = water_.ripple(plane);
      const Colour mirrored = canvas_.colour({p.x + 2.0f * ripple, horizon_ - 0.8f * t - 4.0f * ripple - 1.0f});
      colour = water_.at(ripple, mirrored);
    } else {
      const float turf = t + kTurfLead;  // upright strokes: converge less than the ground does
      colour = meadow_.at({(p.x - vanish_) * 200.0f / turf, 90.0f * std::log(d / kLead)});
    }
    colour = colour * mix({lighter, 0, 0}, {1.0f, 0, 0}, ramp(0.0f, 90.0f, t)).r;
  });
}

void Painter::trees(int count, float nearest, float farthest, float height) {
  for (int i = 0; i < count; ++i) {
    const float t = farthest + (nearest - farthest) * static_cast<float>(i + 1) / static_cast<float>(count);
    const Point foot{dice_.uniform(-10.0f, kUnits + 10.0f), horizon_ + t};
    const Foliage& foliage = dice_.chance(0.7f) ? foliage_ : other_foliage_;
    if (canvas_.label(foot) == Label::water) continue;
    paint_tree(canvas_, dice_, light_, foliage, foot, height * depth(t) * dice_.uniform(0.7f, 1.3f));
  }
}

void Painter::vehicles(int count, float top, float bottom, float length) {
  for (int i = 0; i < count; ++i) {
    const Point foot = place(i, count, top, bottom);
    if (canvas_.label(foot) == Label::water) continue;
    paint_vehicle(canvas_, dice_, light_, foot, length * depth(foot.y - horizon_));
  }
}

void Painter::persons(int count, float top, float bottom, float height) {
  for (int i = 0; i < count; ++i) {
    const Point foot = place(i, count, top, bottom);
    if (canvas_.label(foot) == Label::water) continue;
    paint_person(canvas_, dice_, light_, foot, height * depth(foot.y - horizon_));
  }
}

Point Painter::place(int i, int count, float top, float bottom) {
  const float t =
      top + (bottom - top) * (static_cast<float>(i) + dice_.uniform(0.2f, 1.0f)) / static_cast<float>(count);
  const float x = dice_.uniform(5.0f, kUnits - 5.0f);
  return {x, horizon_ + t};
}

void Painter::street() {
  horizon_ = dice_.uniform(40.0f, 105.0f);
  backdrop(0.3f);
  if (dice_.chance(0.5f)) skyline(0.7f);
  GroundPlan plan{.lane = dice_.uniform(50.0f, 110.0f), .bend = dice_.uniform(-0.3f, 0.3f)};
  if (dice_.chance(0.4f)) plan.far = plan.near = Label::road;
  ground(plan);
  const int sides = dice_.below(4);  // left, right, or both
  for (const float side : {-1.0f, 1.0f}) {
    if (sides < 2 && (sides == 0) == (side > 0.0f)) continue;
    paint_street_side(
        canvas_, dice_, light_,
        {{vanish_, horizon_}, side, dice_.uniform(6.0f, 30.0f), dice_.uniform(0.5f, 2.2f), dice_.uniform(0.25f, 0.6f)});
  }
  const float depth_limit = kUnits - horizon_;
  trees(dice_.below(4), 0.7f * depth_limit, 8.0f, dice_.uniform(60.0f, 110.0f));
  vehicles(1 + dice_.below(4), 5.0f, depth_limit, 62.0f);
  persons(dice_.below(5), 10.0f, depth_limit, 58.0f);
}

void Painter::avenue() {
  horizon_ = dice_.uniform(45.0f, 110.0f);
  backdrop(0.3f);
  skyline(dice_.uniform(0.8f, 1.3f));
  const float top = dice_.uniform(2.0f, 25.0f);
  ground({.cross_top = top, .cross_bottom = top + dice_.uniform(20.0f, 70.0f)});
  trees(1 + dice_.below(4), top, 1.0f, dice_.uniform(90.0f, 150.0f));
  vehicles(1 + dice_.below(4), top + 4.0f, top + 35.0f, 62.0f);
  persons(dice_.below(6), top + 10.0f, kUnits - horizon_, 60.0f);
  if (dice_.chance(0.3f)) {
    const float y = dice_.uniform(125.0f, 145.0f);
    paint_hedge(canvas_, dice_, light_, foliage_, {-kOut, y, kOut, kOut});
  }
}

void Painter::countryside() {
  horizon_ = dice_.uniform(20.0f, 105.0f);
  backdrop(0.95f);
  GroundPlan plan;
  if (dice_.chance(0.35f)) plan.far = Label::water, plan.split = dice_.uniform(15.0f, 60.0f);
  if (dice_.chance(0.5f)) plan.lane = dice_.uniform(20.0f, 70.0f), plan.bend = dice_.uniform(-0.9f, 0.9f);
  if (dice_.chance(0.3f)) plan.lane_label = Label::water;
  ground(plan);
  if (dice_.chance(0.35f)) {
    const float height = dice_.uniform(6.0f, 25.0f), at = horizon_ + dice_.uniform(0.0f, 8.0f);
    paint_hedge(canvas_, dice_, light_, other_foliage_, {-kOut, at - height, kOut, at});
  }
  for (int i = dice_.below(3); i > 0; --i) {
    const float x = dice_.uniform(0.0f, 130.0f), foot = horizon_ + dice_.uniform(2.0f, 25.0f);
    const Box wall{x, foot - dice_.uniform(18.0f, 40.0f), x + dice_.uniform(25.0f, 60.0f), foot};
    paint_building(canvas_, dice_, light_, wall, dice_.uniform(0.8f, 1.2f));
  }
  trees(1 + dice_.below(5), 0.6f * (kUnits - horizon_), 2.0f, dice_.uniform(60.0f, 130.0f));
  vehicles(dice_.below(2), 20.0f, 60.0f, 55.0f);
  persons(dice_.below(3), 25.0f, kUnits - horizon_, 60.0f);
}

void Painter::waterside() {
  horizon_ = dice_.uniform(15.0f, 100.0f);
  backdrop(0.6f);
  const bool town = dice_.chance(0.5f);
  if (town) skyline(dice_.uniform(0.8f, 1.1f));
  if (!town && dice_.chance(0.6f)) {
    const float height = dice_.uniform(8.0f, 30.0f);
    paint_hedge(canvas_, dice_, light_, foliage_, {-kOut, horizon_ - height, kOut, horizon_ + 3.0f});
  }
  GroundPlan plan{.far = Label::water, .near = Label::ground};
  if (dice_.chance(0.6f)) {
    plan.split = dice_.uniform(0.35f, 0.9f) * (kUnits - horizon_);
    plan.near = dice_.chance(0.5f) ? Label::road : Label::ground;
  }
  ground(plan);
  if (plan.split < kUnits) {
    vehicles(dice_.below(3), plan.split + 8.0f, kUnits - horizon_, 58.0f);
    persons(dice_.below(5), plan.split + 8.0f, kUnits - horizon_, 58.0f);
    trees(dice_.below(3), plan.split + 20.0f, plan.split + 5.0f, dice_.uniform(70.0f, 110.0f));
  }
}

void Painter::close_up() {
  horizon_ = dice_.uniform(85.0f, 135.0f);
  backdrop(0.0f);
  const int subject = dice_.below(4);
  if (subject == 0) {  // a facade without sky
    paint_building(canvas_, dice_, light_, {-kOut, -60.0f, kOut, horizon_ + 1.0f}, dice_.uniform(1.0f, 1.5f));
  } else if (subject == 1) {  // a wood
    paint_hedge(canvas_, dice_, light_, other_foliage_, {-kOut, -40.0f, kOut, horizon_ + 3.0f});
  } else if (subject == 2) {  // land or water to the upper edge, seen from above
    horizon_ = -dice_.uniform(5.0f, 40.0f);
  } else {
    paint_rocks();
  }
  GroundPlan plan;
  const int cover = dice_.below(3);
  plan.far = plan.near = cover == 0 ? Label::road : cover == 1 ? Label::water : Label::ground;
  if (subject == 2) {
    plan.split = dice_.uniform(60.0f, 150.0f);
    plan.near = dice_.chance(0.5f) ? Label::ground : Label::road;
  }
  ground(plan);
  const float low = kUnits - horizon_, high = subject == 2 ? 45.0f : 4.0f;
  if (dice_.chance(0.6f)) vehicles(1 + dice_.below(3), high, low, 55.0f);
  if (dice_.chance(0.7f)) persons(1 + dice_.below(5), high + 8.0f, low, subject == 2 ? 40.0f : 75.0f);
  if (dice_.chance(0.5f)) trees(1 + dice_.below(2), 0.7f * low, high, subject == 2 ? 60.0f : 120.0f);
}

void Painter::compose() {
  const int kind = dice_.below(20);
  if (kind < 3) {
    street();
  } else if (kind < 5) {
    avenue();
  } else if (kind < 9) {
    countryside();
  } else if (kind < 11) {
    waterside();
  } else {
    close_up();
  }
}

}  // namespace

Picture draw_scene(uint64_t seed, uint64_t number, int64_t size) {
  Dice dice(Random(seed, Draws::scenes, number));
  const float roll = dice.uniform(-0.5f, 0.5f);
  Canvas canvas(size, roll);
  Painter(canvas, dice).compose();
  return take_photograph(canvas, dice);
}

}  // namespace bareseg::scene
