#include "data/scene_materials.h"

namespace bareseg::scene {
namespace {

struct Tint {
  float share;  // of the scenes
  float hue[2], saturation[2], value[2];
};

template <size_t N>
Colour draw(Dice& dice, const Tint (&tints)[N]) {
  float choice = dice.uniform(0.0f, 1.0f);
  for (const Tint& tint : tints) {
    choice -= tint.share;
    if (choice >= 0.0f) continue;
    const float hue = dice.uniform(tint.hue[0], tint.hue[1]);
    const float saturation = dice.uniform(tint.saturation[0], tint.saturation[1]);
    return pigment(hue, saturation, dice.uniform(tint.value[0], tint.value[1]));
  }
  return dice.any_colour();  // what the shares leave
}

constexpr Tint kSkyTints[] = {{0.40f, {0.52f, 0.66f}, {0.25f, 0.75f}, {0.55f, 0.95f}},   // day
                              {0.25f, {0.50f, 0.70f}, {0.00f, 0.12f}, {0.45f, 0.95f}},   // overcast
                              {0.20f, {-0.06f, 0.13f}, {0.25f, 0.70f}, {0.55f, 0.95f}},  // dusk
                              {0.10f, {0.58f, 0.78f}, {0.20f, 0.60f}, {0.15f, 0.40f}}};  // night
constexpr Tint kSlopeTints[] = {{0.25f, {0.20f, 0.42f}, {0.15f, 0.55f}, {0.25f, 0.60f}},
                                {0.25f, {0.02f, 0.12f}, {0.15f, 0.55f}, {0.30f, 0.75f}},
                                {0.25f, {0.55f, 0.70f}, {0.05f, 0.45f}, {0.35f, 0.80f}},
                                {0.20f, {0.00f, 1.00f}, {0.00f, 0.08f}, {0.40f, 0.95f}}};
constexpr Tint kLeafTints[] = {{0.40f, {0.20f, 0.40f}, {0.35f, 0.75f}, {0.30f, 0.65f}},
                               {0.25f, {-0.02f, 0.15f}, {0.45f, 0.85f}, {0.45f, 0.90f}},
                               {0.15f, {0.80f, 1.00f}, {0.02f, 0.35f}, {0.60f, 0.95f}},
                               {0.10f, {0.40f, 0.60f}, {0.10f, 0.40f}, {0.25f, 0.60f}}};
constexpr Tint kMeadowTints[] = {{0.35f, {0.18f, 0.38f}, {0.30f, 0.75f}, {0.35f, 0.75f}},
                                 {0.25f, {0.08f, 0.16f}, {0.25f, 0.70f}, {0.50f, 0.92f}},
                                 {0.18f, {0.02f, 0.09f}, {0.25f, 0.60f}, {0.25f, 0.60f}},
                                 {0.12f, {0.52f, 0.66f}, {0.00f, 0.15f}, {0.70f, 0.95f}}};
constexpr Tint kRoadTints[] = {{0.55f, {0.00f, 1.00f}, {0.00f, 0.15f}, {0.22f, 0.75f}},
                               {0.20f, {0.00f, 0.12f}, {0.10f, 0.50f}, {0.35f, 0.85f}},
                               {0.10f, {0.52f, 0.70f}, {0.10f, 0.35f}, {0.30f, 0.75f}}};
constexpr Tint kWaterTints[] = {{0.45f, {0.45f, 0.62f}, {0.25f, 0.75f}, {0.25f, 0.75f}},
                                {0.25f, {0.22f, 0.42f}, {0.20f, 0.60f}, {0.25f, 0.60f}},
                                {0.20f, {0.05f, 0.14f}, {0.20f, 0.60f}, {0.30f, 0.70f}}};

}  // namespace

Sky::Sky(Dice& dice) : clouds_(dice.noise()) {
  top_ = draw(dice, kSkyTints);
  low_ = mix(top_, dice.chance(0.3f) ? draw(dice, kSkyTints) : Colour{0.92f, 0.92f, 0.90f}, dice.uniform(0.1f, 0.7f));
  cover_ = dice.chance(0.6f) ? dice.uniform(0.2f, 0.9f) : 0.0f;
  stretch_ = dice.uniform(1.5f, 3.5f);
  scale_ = dice.uniform(18.0f, 40.0f);
}

Colour Sky::at(const Point& p, float horizon) const {
  const Colour clear = mix(low_, top_, ramp(-20.0f, 120.0f, horizon - p.y));
  if (cover_ == 0.0f) return clear;
  const float x = p.x / (scale_ * stretch_), y = p.y / scale_;
  const float cloud = clouds_.at(x, y) + 0.4f * clouds_.at(2.1f * x + 7.3f, 2.1f * y + 1.7f);
  const Colour white = mix(low_, {0.95f, 0.95f, 0.95f}, 0.6f);
  return mix(clear, white, cover_ * ramp(-0.2f, 0.9f, cloud));
}

Slope::Slope(Dice& dice) : ridge_(dice.noise()), fine_(dice.noise()) {
  colour_ = draw(dice, kSlopeTints);
  wave_ = dice.uniform(13.0f, 19.0f);
  light_ = dice.chance(0.5f) ? 1.0f : -1.0f;
  contrast_ = dice.uniform(0.45f, 0.65f);
}

Colour Slope::at(const Point& p) const {
  // Facets are long along one diagonal, which the light comes across.
  const float along = (p.x * light_ + p.y) * 0.7071f, across = (p.x * light_ - p.y) * 0.7071f;
  const float x = along / (2.4f * wave_), y = across / wave_;
  const float fold = 2.0f * std::abs(ridge_.at(x, y) + 0.3f * ridge_.at(2.3f * x + 5.0f, 2.3f * y)) - 0.55f;
  const float rough = fine_.at(along / 9.0f, across / 3.5f);
  return colour_ * (1.0f + contrast_ * (0.8f * std::clamp(fold, -1.0f, 1.0f) + 0.35f * rough));
}

Facade::Facade(Dice& dice) : grain_(dice.noise()) {
  wall_ = dice.any_colour();
  roof_ = dice.any_colour();
  const bool dark_windows = wall_.r + wall_.g + wall_.b > 0.9f;
  window_ = dark_windows ? pigment(dice.uniform(0.5f, 0.7f), dice.uniform(0.0f, 0.5f), dice.uniform(0.05f, 0.30f))
                         : pigment(dice.uniform(0.05f, 0.65f), dice.uniform(0.0f, 0.5f), dice.uniform(0.75f, 1.0f));
  frame_ = dice.chance(0.5f) ? Colour{0.95f, 0.95f, 0.93f} : wall_ * 0.6f;
  step_x_ = dice.uniform(8.5f, 13.0f);
  step_y_ = dice.uniform(9.5f, 14.0f);
  window_x_ = dice.uniform(0.45f, 0.62f);
  window_y_ = dice.uniform(0.45f, 0.65f);
  brick_ = dice.chance(0.5f) ? dice.uniform(0.06f, 0.14f) : 0.0f;
}

Colour Facade::at(float across, float down) const {
  const float gx = across / step_x_, gy = (down - 2.0f) / step_y_;
  const float cx = std::floor(gx), cy = std::floor(gy);
  const float wx = std::abs(gx - cx - 0.5f) * 2.0f, wy = std::abs(gy - cy - 0.5f) * 2.0f;
  const int32_t ix = static_cast<int32_t>(cx), iy = static_cast<int32_t>(cy);
  if (down > 2.0f && wx < window_x_ && wy < window_y_) {
    const bool bar = wx < 0.10f || (gy - cy > 0.42f && gy - cy < 0.48f);
    const float lit = 1.0f + 0.35f * grain_.cell(ix, iy) + 0.25f * (0.5f - (gy - cy));
    return bar ? frame_ * 0.8f : window_ * lit;
  }
  if (down > 2.0f && wx < window_x_ + 0.14f && wy < window_y_ + 0.14f) return frame_;
  float shade = 1.0f + 0.08f * grain_.at(across / 5.0f, down / 5.0f);
  if (brick_ > 0.0f) {
    const float course = std::floor(down / 1.6f);
    const float stone = across / 3.6f + 0.5f * course;
    if (down / 1.6f - course < 0.25f || stone - std::floor(stone) < 0.15f) shade += brick_;
  }
  if (wy > 0.92f) shade -= 0.22f;  // ledge between floors
  return wall_ * shade;
}

Colour Facade::roof(float across, float down) const {
  const float row = down / 3.0f, tile = across / 4.0f + 0.5f * std::floor(row);
  const float edge = row - std::floor(row) < 0.35f ? -0.3f : 0.0f;
  return roof_ * (0.95f + edge + 0.12f * grain_.cell(static_cast<int32_t>(std::floor(tile)), -7));
}

Foliage::Foliage(Dice& dice) : leaves_(dice.noise()), twigs_(dice.noise()) {
  colour_ = draw(dice, kLeafTints);
  flowers_ = dice.any_colour();
  flowering_ = dice.chance(0.15f) ? 0.6f : 2.0f;
  size_ = dice.uniform(4.6f, 6.2f);
  contrast_ = dice.uniform(0.65f, 0.95f);
}

Colour Foliage::at(const Point& p, float lit) const {
  const float x = p.x / size_, y = p.y / size_;
  const float clump = leaves_.at(x, y);
  const float leaf = twigs_.at(2.1f * x, 2.1f * y);
  const float gap = ramp(-0.55f, 0.35f, clump + 0.5f * leaf);  // dark between the clumps
  const float shade = 1.0f + 0.22f * lit + contrast_ * (gap - 0.55f) + 0.18f * leaf;
  if (leaf > flowering_) return flowers_ * shade;
  return Colour{colour_.r * (1.0f + 0.12f * clump), colour_.g, colour_.b * (1.0f - 0.15f * clump)} * shade;
}

Meadow::Meadow(Dice& dice) : blades_(dice.noise()), tufts_(dice.noise()), patch_(dice.noise()) {
  colour_ = draw(dice, kMeadowTints);
  patches_ = mix(colour_, draw(dice, kMeadowTints), dice.uniform(0.0f, 0.6f));
  width_ = dice.uniform(2.2f, 3.0f);
  height_ = dice.uniform(9.0f, 14.0f);
  contrast_ = dice.uniform(0.28f, 0.42f);
}

Colour Meadow::at(const Point& p) const {
  const float blade = blades_.at(p.x / width_, p.y / height_);
  const float tuft = tufts_.at(p.x / (0.5f * width_), p.y / (0.6f * height_));
  const float patch = ramp(-0.3f, 0.5f, patch_.at(p.x / 45.0f, p.y / 30.0f));
  return mix(colour_, patches_, patch) * (1.0f + contrast_ * (blade + 0.5f * tuft));
}

Asphalt::Asphalt(Dice& dice) : grain_(dice.noise()), cracks_(dice.noise()) {
  colour_ = draw(dice, kRoadTints);
  marking_ = dice.chance(0.75f) ? Colour{0.95f, 0.95f, 0.92f} : Colour{0.95f, 0.78f, 0.2f};
  contrast_ = dice.uniform(0.10f, 0.17f);
}

Colour Asphalt::at(const Point& p) const {
  const float grain = grain_.at(p.x / 1.5f, p.y / 1.5f) + 0.6f * grain_.at(p.x / 2.6f + 9.0f, p.y / 2.6f);
  const float crack = std::abs(cracks_.at(p.x / 28.0f, p.y / 20.0f)) < 0.025f ? -0.3f : 0.0f;
  return colour_ * (1.0f + contrast_ * grain + crack);
}

Water::Water(Dice& dice) : waves_(dice.noise()), chop_(dice.noise()) {
  colour_ = draw(dice, kWaterTints);
  length_ = dice.uniform(17.0f, 26.0f);
  wave_ = dice.uniform(2.6f, 3.6f);
  clarity_ = dice.uniform(0.35f, 0.8f);
  contrast_ = dice.uniform(0.28f, 0.45f);
}

float Water::ripple(const Point& p) const {
  const float swell = waves_.at(p.x / length_, p.y / wave_);
  return std::clamp(0.9f * swell + 0.45f * chop_.at(p.x / (0.5f * length_), p.y / (0.55f * wave_)), -1.0f, 1.0f);
}

Colour Water::at(float ripple, const Colour& mirrored) const {
  const Colour surface = mix(colour_, mirrored, clarity_) * (1.0f + contrast_ * ripple);
  return ripple > 0.72f ? mix(surface, {1.0f, 1.0f, 1.0f}, 0.3f) : surface;
}

}  // namespace bareseg::scene
