// Things that stand in a scene. Each call draws one object's random numbers and paints it over what is there.
#pragma once

#include "data/scene_canvas.h"
#include "data/scene_materials.h"

namespace bareseg::scene {

/// Where the light comes from; both in [-1, 1], y < 0 is above.
struct Light {
  float x = 0, y = -1;
};

/// A house or block seen from the front, `scale` pixels per unit of wall, perhaps with a gable and a side wall.
void paint_building(Canvas& canvas, Dice& dice, const Light& light, const Box& wall, float scale);

/// A row of houses along the left (side < 0) or right of a street that runs to the vanishing point `vanish`; it begins
/// `gap` units beside it. `height` and `foot` are the slopes of the eaves and of the foot of the wall.
struct StreetSide {
  Point vanish;
  float side, gap, height, foot;
};
void paint_street_side(Canvas& canvas, Dice& dice, const Light& light, const StreetSide& street);

/// A tree that stands at `foot`: round, or a cone.
void paint_tree(Canvas& canvas, Dice& dice, const Light& light, const Foliage& foliage, const Point& foot,
                float height);
/// Leaves between two wavy edges from side to side of `box`.
void paint_hedge(Canvas& canvas, Dice& dice, const Light& light, const Foliage& foliage, const Box& box);

/// A car, bus or truck whose wheels stand at `foot`, seen from the side or from the front.
void paint_vehicle(Canvas& canvas, Dice& dice, const Light& light, const Point& foot, float length);
void paint_person(Canvas& canvas, Dice& dice, const Light& light, const Point& foot, float height);

}  // namespace bareseg::scene
