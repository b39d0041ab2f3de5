// Colours of classes, the same in every picture that the program makes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace bareseg {

using Colour = std::array<uint8_t, 3>;

/// 255 colours that differ from each other and from black as far as they can; entry 255 is black, for kIgnoreLabel.
/// The first twenty are chosen by hand, each later one is the point of a grid farthest from all before it.
const std::array<Colour, 256>& distinct_colours();

/// For write_label_png: 256 entries, the colours of `classes` and from there on distinct_colours().
std::vector<uint8_t> palette_of(const std::vector<ClassInfo>& classes);

}  // namespace bareseg
