// COCO-Stuff's 182 labels, the 171 of them that occur, and the 27 coarse classes that PiCIE is scored on.
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

/// Names of the label values.
// clang-format off
inline constexpr std::array<const char*, 182> kCocoFineNames = {
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "street sign", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep",
    "cow", "elephant", "bear", "zebra", "giraffe", "hat", "backpack", "umbrella", "shoe", "eye glasses",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat",
    "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "plate", "wine glass", "cup", "fork",
    "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza",
    "donut", "cake", "chair", "couch", "potted plant", "bed", "mirror", "dining table", "window", "desk",
    "toilet", "door", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster",
    "sink", "refrigerator", "blender", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush", "hair brush", "banner", "blanket", "branch", "bridge", "building-other", "bush", "cabinet",
    "cage", "cardboard", "carpet", "ceiling-other", "ceiling-tile", "cloth", "clothes", "clouds", "counter",
    "cupboard", "curtain", "desk-stuff", "dirt", "door-stuff", "fence", "floor-marble", "floor-other",
    "floor-stone", "floor-tile", "floor-wood", "flower", "fog", "food-other", "fruit", "furniture-other", "grass",
    "gravel", "ground-other", "hill", "house", "leaves", "light", "mat", "metal", "mirror-stuff", "moss",
    "mountain", "mud", "napkin", "net", "paper", "pavement", "pillow", "plant-other", "plastic", "platform",
    "playingfield", "railing", "railroad", "river", "road", "rock", "roof", "rug", "salad", "sand", "sea",
    "shelf", "sky-other", "skyscraper", "snow", "solid-other", "stairs", "stone", "straw", "structural-other",
    "table", "tent", "textile-other", "towel", "tree", "vegetable", "wall-brick", "wall-concrete", "wall-other",
    "wall-panel", "wall-stone", "wall-tile", "wall-wood", "water-other", "waterdrops", "window-blind",
    "window-other", "wood"};
// clang-format on

/// Label values that COCO-Stuff names and never paints; all are things.
inline constexpr std::array<uint8_t, 11> kCocoAbsent = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90};

/// Label values below this are things.
inline constexpr int64_t kCocoFineThings = 91;

}  // namespace bareseg
