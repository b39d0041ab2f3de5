#include "data/palette.h"

#include <algorithm>
#include <limits>

namespace bareseg {
namespace {

constexpr Colour kByHand[] = {
    {230, 25, 75},   {60, 180, 75},   {255, 225, 25},  {0, 130, 200},   {245, 130, 48},
    {145, 30, 180},  {70, 240, 240},  {240, 50, 230},  {210, 245, 60},  {250, 190, 212},
    {0, 128, 128},   {220, 190, 255}, {170, 110, 40},  {255, 250, 200}, {128, 0, 0},
    {170, 255, 195}, {128, 128, 0},   {255, 215, 180}, {0, 0, 128},     {128, 128, 128},
};

// The eye tells greens best and blues worst.
int distance(const Colour& a, const Colour& b) {
  const int red = a[0] - b[0], green = a[1] - b[1], blue = a[2] - b[2];
  return 3 * red * red + 4 * green * green + 2 * blue * blue;
}

std::array<Colour, 256> make_colours() {
  struct Candidate {
    Colour colour;
    int nearest = std::numeric_limits<int>::max();  // distance to the closest colour taken
  };
  constexpr int kLevels = 12;
  std::vector<Candidate> grid;
  const auto level = [](int i) { return static_cast<uint8_t>(i * 255 / (kLevels - 1)); };
  grid.reserve(kLevels * kLevels * kLevels);
  for (int i = 0; i < kLevels * kLevels * kLevels; ++i) {
    grid.push_back({{level(i / (kLevels * kLevels)), level(i / kLevels % kLevels), level(i % kLevels)}});
  }
  const auto take = [&](const Colour& colour) {
    for (Candidate& c : grid) c.nearest = std::min(c.nearest, distance(c.colour, colour));
  };
  std::array<Colour, 256> colours{};
  take(colours[255]);
  for (size_t i = 0; i < 255; ++i) {
    colours[i] = i < std::size(kByHand)
                     ? kByHand[i]
                     : std::max_element(grid.begin(), grid.end(), [](const Candidate& a, const Candidate& b) {
                         return a.nearest < b.nearest;
                       })->colour;
    take(colours[i]);
  }
  return colours;
}

}  // namespace

const std::array<Colour, 256>& distinct_colours() {
  static const std::array<Colour, 256> colours = make_colours();
  return colours;
}

std::vector<uint8_t> palette_of(const std::vector<ClassInfo>& classes) {
  std::vector<uint8_t> palette;
  for (size_t i = 0; i < 256; ++i) {
    const Colour& colour = i < classes.size() ? classes[i].colour : distinct_colours()[i];
    palette.insert(palette.end(), colour.begin(), colour.end());
  }
  return palette;
}

}  // namespace bareseg
