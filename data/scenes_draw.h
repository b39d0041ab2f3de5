// Composition of one scene: draws a layout, paints it back to front, then takes the photograph.
#pragma once

#include <cstdint>

#include "data/image.h"

namespace bareseg::scene {

struct Picture {
  Image image;
  LabelMap labels;  // values of Label, data/scene_canvas.h
};

/// A pure function of its arguments. `number` < 2^48 says which scene; `size` is the side in pixels.
Picture draw_scene(uint64_t seed, uint64_t number, int64_t size);

}  // namespace bareseg::scene
