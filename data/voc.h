// The classes of Pascal VOC 2012.
#pragma once

#include <array>
#include <cstdint>

namespace bareseg {

/// Label values 0 .. 20; 255 is the border between objects.
inline constexpr std::array<const char*, 21> kVocNames = {
    "background", "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",
    "car",        "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",
    "motorbike",  "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};

/// The colour that VOC's devkit gives a label value: the bits of the value, from the lowest, go to the highest free bit
/// of red, green and blue in turn.
constexpr std::array<uint8_t, 3> voc_colour(int value) {
  std::array<uint8_t, 3> colour{};
  for (int bit = 0; bit < 8; ++bit) {
    const auto place = static_cast<uint8_t>(128 >> (bit / 3));
    if ((value >> bit & 1) != 0) colour[static_cast<size_t>(bit % 3)] |= place;
  }
  return colour;
}

}  // namespace bareseg
