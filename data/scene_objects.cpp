#include "data/scene_objects.h"

namespace bareseg::scene {
namespace {

void paint_shadow(Canvas& canvas, const Point& foot, float half_width, float half_height) {
  const Box box{foot.x - half_width, foot.y - half_height, foot.x + half_width, foot.y + half_height};
  canvas.paint(box, [&](const Point& p, Colour& colour, Label&) {
    const float dx = (p.x - foot.x) / half_width, dy = (p.y - foot.y) / half_height;
    colour = colour * (1.0f - 0.6f * ramp(1.0f, 0.5f, dx * dx + dy * dy));
  });
}

bool inside_ellipse(float x, float y, float radius_x, float radius_y) {
  const float u = x / radius_x, v = y / radius_y;
  return u * u + v * v < 1.0f;
}

}  // namespace

void paint_building(Canvas& canvas, Dice& dice, const Light& light, const Box& wall, float scale) {
  const Facade facade(dice);
  const float width = wall.right - wall.left;
  const float side = dice.chance(0.5f) ? dice.uniform(0.15f, 0.35f) * width : 0.0f;  // width of the side wall
  const bool side_left = dice.chance(0.5f);
  const float edge = side_left ? wall.left + side : wall.right - side;
  const float gable = dice.chance(0.4f) ? dice.uniform(0.2f, 0.5f) * std::min(width, 50.0f * scale) : 0.0f;
  const Box box{wall.left - 1, wall.top - gable, wall.right + 1, wall.bottom};
  canvas.paint(box, [&](const Point& p, Colour& colour, Label& label) {
    const float down = (p.y - wall.top) / scale, across = (p.x - wall.left) / scale;
    if (p.y < wall.top) {
      const float slope = std::min(p.x - wall.left, wall.right - p.x) + 1.0f;
      if (slope * 1.6f < wall.top - p.y) return;
      colour = facade.roof(across, down) * (1.0f - 0.15f * light.x);
    } else {
      if (p.x < wall.left || p.x >= wall.right) return;
      const bool on_side = side > 0.0f && (side_left ? p.x < edge : p.x >= edge);
      const float turned = side_left ? -light.x : light.x;
      colour = on_side ? facade.at((p.x - edge) / (0.6f * scale), down) * (0.72f + 0.18f * turned)
                       : facade.at(across, down) * (0.95f - 0.1f * turned);
    }
    label = Label::building;
  });
}

void paint_street_side(Canvas& canvas, Dice& dice, const Light& light, const StreetSide& street) {
  constexpr int kHouses = 8;
  const float lead = dice.uniform(25.0f, 60.0f);  // how far the wall turns towards the eye
  const float shade = 0.92f - 0.2f * street.side * light.x;
  // Along the street the wall is measured by the logarithm of the distance from the vanishing point.
  const auto along = [&](float d) { return 95.0f * std::log((d + lead) / lead); };
  std::vector<Facade> houses;
  float ends[kHouses], heights[kHouses], end = along(street.gap);
  for (int i = 0; i < kHouses; ++i) {
    houses.emplace_back(dice);
    end += dice.uniform(18.0f, 60.0f);
    ends[i] = end;
    heights[i] = street.height * dice.uniform(0.7f, 1.35f);
  }
  const Box all{-kUnits, -kUnits, 2 * kUnits, 2 * kUnits};
  canvas.paint(all, [&](const Point& p, Colour& colour, Label& label) {
    const float d = (p.x - street.vanish.x) * street.side;
    if (d < street.gap) return;
    const float s = along(d);
    int house = 0;
    while (house + 1 < kHouses && s > ends[house]) ++house;
    const float rise = street.vanish.y - p.y;
    if (rise > heights[house] * d || rise < -street.foot * d) return;
    const float scale = (d + lead) / 90.0f;
    const float start = house == 0 ? along(street.gap) : ends[house - 1];
    colour = houses[static_cast<size_t>(house)].at(s - start, (heights[house] * d - rise) / scale) * shade;
    label = Label::building;
  });
}

void paint_tree(Canvas& canvas, Dice& dice, const Light& light, const Foliage& foliage, const Point& foot,
                float height) {
  const bool cone = dice.chance(0.3f);
  const float trunk = dice.uniform(0.12f, cone ? 0.18f : 0.35f) * height;
  const float radius_y = 0.5f * (height - trunk) * 1.05f;
  const float radius_x = cone ? dice.uniform(0.2f, 0.32f) * height : radius_y * dice.uniform(0.75f, 1.2f);
  const float centre = foot.y - trunk - radius_y * 0.95f;
  const float stem = std::max(0.03f * height, 0.8f);
  const Colour bark = pigment(dice.uniform(0.02f, 0.12f), dice.uniform(0.1f, 0.5f), dice.uniform(0.15f, 0.45f));
  const Noise outline = dice.noise();
  const Box box{foot.x - 1.35f * radius_x - 1, foot.y - height * 1.2f, foot.x + 1.35f * radius_x + 1, foot.y};
  canvas.paint(box, [&](const Point& p, Colour& colour, Label& label) {
    const float dx = (p.x - foot.x) / radius_x, dy = (p.y - centre) / radius_y;
    const float rough = 0.28f * outline.at(p.x / 9.0f, p.y / 9.0f) + 0.14f * outline.at(p.x / 3.5f + 50.0f, p.y / 3.5f);
    const float reach = cone ? std::max(std::abs(dx) * 2.0f / (dy + 1.05f), std::abs(dy)) : dx * dx + dy * dy;
    const bool crown = reach + rough < 0.95f && (!cone || dy > -1.05f);
    if (crown) {
      colour = foliage.at(p, dx * light.x + dy * light.y);
    } else if (std::abs(p.x - foot.x) < stem && p.y > centre) {
      colour = bark * (1.0f + 0.5f * light.x * (p.x - foot.x) / stem + 0.25f * outline.at(p.x, p.y / 6.0f));
    } else {
      return;
    }
    label = Label::vegetation;
  });
}

void paint_hedge(Canvas& canvas, Dice& dice, const Light& light, const Foliage& foliage, const Box& box) {
  const Noise edge = dice.noise();
  const float wave = dice.uniform(10.0f, 30.0f), height = box.bottom - box.top;
  const Box around{box.left, box.top - 0.4f * height, box.right, box.bottom + 2.0f};
  canvas.paint(around, [&](const Point& p, Colour& colour, Label& label) {
    const float bump = edge.at(p.x / wave, 0.5f) + 0.35f * edge.at(p.x / 5.0f, p.y / 8.0f);
    const float top = box.top - 0.3f * height * bump;
    if (p.y < top || p.y > box.bottom + 2.0f * edge.at(p.x / 7.0f, 9.5f)) return;
    colour = foliage.at(p, -light.y * ramp(box.bottom, top, p.y) * 1.4f - 0.7f);
    label = Label::vegetation;
  });
}

namespace {

struct Paintwork {
  Colour body, stripe, glass, rim;
  float gloss;
};

/// One point of a vehicle; u across in [-1, 1], v up in [0, 1]. False outside.
using Silhouette = bool (*)(float u, float v, const Paintwork& paint, Colour& colour);

bool wheel(float u, float v, float at, float radius_u, float radius_v, const Paintwork& paint, Colour& colour) {
  const float du = u - at, dv = v - radius_v;
  if (!inside_ellipse(du, dv, radius_u, radius_v)) return false;
  colour = inside_ellipse(du, dv, 0.5f * radius_u, 0.5f * radius_v) ? paint.rim : Colour{0.06f, 0.06f, 0.07f};
  return true;
}

bool car(float u, float v, const Paintwork& paint, Colour& colour) {
  if (wheel(u, v, -0.6f, 0.17f, 0.19f, paint, colour) || wheel(u, v, 0.6f, 0.17f, 0.19f, paint, colour)) return true;
  if (v < 0.14f) return false;
  if (v < 0.58f) {
    if (std::abs(u) > 1.0f - 0.25f * ramp(0.4f, 0.6f, v)) return false;
    colour = paint.body * (0.75f + 0.45f * ramp(0.14f, 0.58f, v) + (std::abs(v - 0.46f) < 0.03f ? paint.gloss : 0.0f));
    if (std::abs(v - 0.3f) < 0.04f) colour = paint.stripe;
    if (std::abs(u) > 0.9f && std::abs(v - 0.45f) < 0.07f) colour = {0.95f, 0.9f, 0.75f};
    if (std::abs(u - 0.05f) < 0.015f) colour = paint.body * 0.5f;
    return true;
  }
  const float roof = 0.68f - 0.55f * (v - 0.58f);
  if (std::abs(u + 0.08f) > roof) return false;
  const bool glass = v < 0.92f && std::abs(u + 0.08f) < roof - 0.08f && std::abs(u - 0.02f) > 0.04f;
  colour = glass ? paint.glass * (1.0f + 0.8f * ramp(0.1f, 0.3f, u - v + 0.6f)) : paint.body * 1.15f;
  return true;
}

bool bus(float u, float v, const Paintwork& paint, Colour& colour) {
  if (wheel(u, v, -0.62f, 0.11f, 0.12f, paint, colour) || wheel(u, v, 0.6f, 0.11f, 0.12f, paint, colour)) return true;
  if (v < 0.09f) return false;
  const float pane = (u + 1.0f) * 3.5f;
  const bool glass = v > 0.5f && v < 0.84f && pane - std::floor(pane) > 0.12f && std::abs(u) < 0.97f;
  colour = glass ? paint.glass * (0.8f + 0.8f * v) : paint.body * (0.8f + 0.3f * v);
  if (std::abs(v - 0.36f) < 0.06f) colour = paint.stripe;
  if (v > 0.95f) colour = paint.body * (1.2f + paint.gloss);
  return true;
}

bool front(float u, float v, const Paintwork& paint, Colour& colour) {
  if (v < 0.12f) {
    colour = {0.06f, 0.06f, 0.07f};
    return std::abs(std::abs(u) - 0.75f) < 0.16f;
  }
  if (std::abs(u) > (v < 0.55f ? 0.98f : 0.98f - 0.7f * (v - 0.55f))) return false;
  colour = paint.body * (0.8f + 0.4f * v);
  if (v > 0.58f && v < 0.9f && std::abs(u) < 0.84f - 0.7f * (v - 0.55f)) colour = paint.glass * (0.7f + 0.9f * v);
  if (v > 0.2f && v < 0.34f && std::abs(u) < 0.5f) colour = Colour{0.12f, 0.12f, 0.13f};
  if (inside_ellipse(std::abs(u) - 0.75f, v - 0.4f, 0.15f, 0.08f)) colour = {0.97f, 0.95f, 0.85f};
  if (v < 0.18f) colour = paint.stripe;
  return true;
}

}  // namespace

void paint_vehicle(Canvas& canvas, Dice& dice, const Light& light, const Point& foot, float length) {
  struct Kind {
    Silhouette silhouette;
    float height;  // of the length
  };
  constexpr Kind kKinds[] = {{car, 0.44f}, {car, 0.5f}, {bus, 0.48f}, {front, 0.78f}};
  const Kind& kind = kKinds[dice.below(4)];
  const float half = 0.5f * length * (kind.silhouette == front ? 0.62f : 1.0f) * (kind.silhouette == bus ? 1.3f : 1.0f);
  const float height = 2.0f * half * kind.height, facing = dice.chance(0.5f) ? 1.0f : -1.0f;
  Paintwork paint{dice.any_colour(), {}, {}, {}, dice.uniform(0.2f, 0.5f)};
  paint.stripe = dice.chance(0.5f) ? dice.any_colour() : paint.body * 0.7f;
  paint.glass = pigment(dice.uniform(0.5f, 0.65f), dice.uniform(0.0f, 0.4f), dice.uniform(0.12f, 0.35f));
  paint.rim = pigment(0.0f, 0.0f, dice.uniform(0.5f, 0.85f));
  paint_shadow(canvas, {foot.x, foot.y - 0.02f * height}, 1.1f * half, 0.14f * height);
  canvas.paint({foot.x - half, foot.y - height, foot.x + half, foot.y},
               [&](const Point& p, Colour& colour, Label& label) {
                 const float u = facing * (p.x - foot.x) / half;
                 Colour part;
                 if (!kind.silhouette(u, (foot.y - p.y) / height, paint, part)) return;
                 colour = part * (1.0f + 0.12f * light.x * facing * u);
                 label = Label::vehicle;
               });
}

void paint_person(Canvas& canvas, Dice& dice, const Light& light, const Point& foot, float height) {
  const Colour skin = pigment(dice.uniform(0.03f, 0.08f), dice.uniform(0.25f, 0.6f), dice.uniform(0.3f, 0.95f));
  const Colour hair = pigment(dice.uniform(0.03f, 0.12f), dice.uniform(0.1f, 0.7f), dice.uniform(0.05f, 0.6f));
  const Colour shirt = dice.any_colour(), trousers = dice.any_colour();
  const Colour second = mix(shirt, dice.chance(0.5f) ? Colour{1, 1, 1} : Colour{0, 0, 0}, 0.65f);
  const float stride = dice.uniform(0.03f, 0.11f), bulk = dice.uniform(0.10f, 0.135f);
  const float stripes = dice.chance(0.7f) ? dice.uniform(14.0f, 20.0f) : 0.0f;  // on the shirt, over the height
  const bool skirt = dice.chance(0.25f);
  paint_shadow(canvas, foot, 0.2f * height, 0.04f * height);
  const Box box{foot.x - 0.25f * height, foot.y - height, foot.x + 0.25f * height, foot.y};
  canvas.paint(box, [&](const Point& p, Colour& colour, Label& label) {
    const float u = (p.x - foot.x) / height, v = (foot.y - p.y) / height;
    const float shade = 1.0f + 1.6f * light.x * u;
    if (inside_ellipse(u, v - 0.92f, 0.065f, 0.08f)) {
      colour = (v > 0.94f ? hair : skin) * shade;
    } else if (v > 0.48f && v < 0.84f && std::abs(u) < bulk + 0.045f * ramp(0.5f, 0.8f, v)) {
      const bool arm = std::abs(u) > bulk * 0.85f;
      const bool stripe = stripes > 0.0f && std::fmod(v * stripes, 1.0f) < 0.45f;
      colour = (stripe ? second : shirt) * (arm ? 0.7f * shade : shade);
      if (arm && v < 0.56f) colour = skin * shade;
    } else if (v <= 0.48f && skirt && v > 0.22f && std::abs(u) < bulk + 0.2f * (0.48f - v)) {
      colour = trousers * shade;
    } else if (v <= 0.48f) {
      const float leg = 0.045f + stride * (1.0f - v / 0.48f);
      if (std::abs(std::abs(u) - leg) > 0.042f) return;
      colour = (v < 0.04f ? Colour{0.08f, 0.07f, 0.07f} : skirt ? skin : trousers) * (u > 0 ? shade : 0.8f * shade);
    } else {
      return;
    }
    label = Label::person;
  });
}

}  // namespace bareseg::scene
