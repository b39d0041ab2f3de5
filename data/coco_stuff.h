// COCO-Stuff's 182 classes and the 27 coarse ones that PiCIE is scored on.
#pragma once

#include <array>
#include <cstdint>

namespace bareseg {

/// Coarse class of a label value 0 .. 181 (COCO-Stuff id minus 1; 0 .. 90 things, 91 .. 181 stuff).
inline constexpr std::array<uint8_t, 182> kCocoFineToCoarse = {
    9,  11, 11, 11, 11, 11, 11, 11, 11, 8,  8,  8,  8,  8,  8,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  6,
    6,  6,  6,  6,  6,  6,  6,  10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 5,  5,  5,  5,  5,  5,  5,  5,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  0,  0,  0,  0,  0,  0,  1,
    1,  1,  1,  1,  1,  4,  4,  4,  4,  4,  4,  4,  4,  17, 17, 22, 20, 20, 22, 15, 25, 16, 13, 12, 12, 17,
    17, 23, 15, 15, 17, 15, 21, 15, 25, 13, 13, 13, 13, 13, 22, 26, 14, 14, 15, 22, 21, 21, 24, 20, 22, 15,
    17, 16, 15, 22, 24, 21, 17, 25, 16, 21, 17, 22, 16, 21, 21, 25, 21, 26, 21, 24, 20, 17, 14, 21, 26, 15,
    23, 20, 21, 24, 15, 24, 22, 25, 15, 20, 17, 17, 22, 14, 18, 18, 18, 18, 18, 18, 18, 26, 26, 19, 19, 24};

inline constexpr std::array<const char*, 27> kCocoCoarseNames = {
    "electronic-things", "appliance-things",  "food-things",   "furniture-things", "indoor-things",
    "kitchen-things",    "accessory-things",  "animal-things", "outdoor-things",   "person-things",
    "sports-things",     "vehicle-things",    "ceiling-stuff", "floor-stuff",      "food-stuff",
    "furniture-stuff",   "rawmaterial-stuff", "textile-stuff", "wall-stuff",       "window-stuff",
    "building-stuff",    "ground-stuff",      "plant-stuff",   "sky-stuff",        "solid-stuff",
    "structural-stuff",  "water-stuff"};

/// Coarse classes below this are things.
inline constexpr int64_t kCocoThings = 12;

}  // namespace bareseg
