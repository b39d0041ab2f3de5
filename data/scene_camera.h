// From painted light to 8-bit pixels.
#pragma once

#include "data/scene_canvas.h"
#include "data/scenes_draw.h"

namespace bareseg::scene {

/// Lens blur, vignette, exposure, white balance, saturation, tone curve, sensor noise. Consumes the canvas's colours.
Picture take_photograph(Canvas& canvas, Dice& dice);

}  // namespace bareseg::scene
