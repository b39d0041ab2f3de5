// Class tables of the two sets of road scenes, with the colours that are customary for them.
#pragma once

#include <array>
#include <cstdint>

namespace bareseg {

struct RoadClass {
  const char* name;
  std::array<uint8_t, 3> colour;
  bool evaluated;  // Cityscapes: one of the 19 classes of its benchmark
};

/// Cityscapes groups its classes in seven categories: the first label id of each, its name, and the colour of its
/// commonest class.
struct RoadCategory {
  int first_id;
  const char* name;
  std::array<uint8_t, 3> colour;
};
inline constexpr std::array<RoadCategory, 7> kCityscapesCategories = {{
    {7, "flat", {128, 64, 128}},
    {11, "construction", {70, 70, 70}},
    {17, "object", {153, 153, 153}},
    {21, "nature", {107, 142, 35}},
    {23, "sky", {70, 130, 180}},
    {24, "human", {220, 20, 60}},
    {26, "vehicle", {0, 0, 142}},
}};

/// Cityscapes label ids kCityscapesFirstId .. 33; the ids below are void.
inline constexpr int kCityscapesFirstId = 7;
inline constexpr std::array<RoadClass, 27> kCityscapesClasses = {{
    {"road", {128, 64, 128}, true},
    {"sidewalk", {244, 35, 232}, true},
    {"parking", {250, 170, 160}, false},
    {"rail track", {230, 150, 140}, false},
    {"building", {70, 70, 70}, true},
    {"wall", {102, 102, 156}, true},
    {"fence", {190, 153, 153}, true},
    {"guard rail", {180, 165, 180}, false},
    {"bridge", {150, 100, 100}, false},
    {"tunnel", {150, 120, 90}, false},
    {"pole", {153, 153, 153}, true},
    {"polegroup", {153, 153, 153}, false},
    {"traffic light", {250, 170, 30}, true},
    {"traffic sign", {220, 220, 0}, true},
    {"vegetation", {107, 142, 35}, true},
    {"terrain", {152, 251, 152}, true},
    {"sky", {70, 130, 180}, true},
    {"person", {220, 20, 60}, true},
    {"rider", {255, 0, 0}, true},
    {"car", {0, 0, 142}, true},
    {"truck", {0, 0, 70}, true},
    {"bus", {0, 60, 100}, true},
    {"caravan", {0, 0, 90}, false},
    {"trailer", {0, 0, 110}, false},
    {"train", {0, 80, 100}, true},
    {"motorcycle", {0, 0, 230}, true},
    {"bicycle", {119, 11, 32}, true},
}};

/// CamVid label values 0 .. 10 of SegNet's split; 11 is void.
inline constexpr std::array<RoadClass, 11> kCamVidClasses = {{
    {"sky", {128, 128, 128}, true},
    {"building", {128, 0, 0}, true},
    {"pole", {192, 192, 128}, true},
    {"road", {128, 64, 128}, true},
    {"pavement", {60, 40, 222}, true},
    {"tree", {128, 128, 0}, true},
    {"sign_symbol", {192, 128, 128}, true},
    {"fence", {64, 64, 128}, true},
    {"car", {64, 0, 128}, true},
    {"pedestrian", {64, 64, 0}, true},
    {"bicyclist", {0, 128, 192}, true},
}};

}  // namespace bareseg
