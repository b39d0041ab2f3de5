#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "data/scenes.h"
#include "engine/error.h"

namespace bareseg {
namespace {

uint64_t hash(const std::vector<uint8_t>& bytes) {
  uint64_t sum = 0xCBF29CE484222325;
  for (const uint8_t byte : bytes) sum = (sum ^ byte) * 0x100000001B3;
  return sum;
}

TEST(Scenes, AreDescribed) {
  const auto scenes = open_scenes({.scenes = 3, .scene_size = 48}, Split::val);
  EXPECT_EQ(scenes->size(), 3);
  EXPECT_EQ(open_scenes({.scenes = 3, .val_scenes = 2}, Split::val)->size(), 2);
  EXPECT_EQ(open_scenes({.scenes = 3, .val_scenes = 2}, Split::train)->size(), 3);
  EXPECT_EQ(scenes->name(2), "val_000002");
  EXPECT_TRUE(scenes->has_labels());
  ASSERT_EQ(scenes->classes().size(), 9u);
  EXPECT_EQ(scenes->classes()[0].name, "sky");
  EXPECT_EQ(scenes->classes()[8].name, "person");
  std::set<std::array<uint8_t, 3>> colours;
  for (const ClassInfo& info : scenes->classes()) colours.insert(info.colour);
  EXPECT_EQ(colours.size(), 9u);
}

TEST(Scenes, ImageAndLabelsHaveTheSizeAskedFor) {
  for (const int64_t size : {32, 33, 160, 257}) {
    const auto scenes = open_scenes({.scenes = 2, .scene_size = size}, Split::train);
    const Image image = scenes->image(1);
    const LabelMap labels = scenes->labels(1);
    EXPECT_EQ(image.width, size);
    EXPECT_EQ(image.height, size);
    EXPECT_EQ(static_cast<int64_t>(image.rgb.size()), size * size * 3);
    EXPECT_EQ(labels.width, size);
    EXPECT_EQ(static_cast<int64_t>(labels.classes.size()), size * size);
    for (const uint8_t label : labels.classes) ASSERT_LT(label, 9);
  }
}

TEST(Scenes, SameBitsEveryTimeAndInEveryThread) {
  const auto scenes = open_scenes({.scenes = 8, .scene_size = 64}, Split::train);
  const auto again = open_scenes({.scenes = 500, .scene_size = 64}, Split::train);
  std::array<uint64_t, 8> hashes{};
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { hashes[static_cast<size_t>(i)] = hash(scenes->image(i).rgb); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(hash(again->image(i).rgb), hashes[static_cast<size_t>(i)]);
}

TEST(Scenes, SeedSplitAndIndexGiveOtherScenes) {
  std::set<uint64_t> images;
  for (const uint64_t seed : {1, 2}) {
    for (const Split split : {Split::train, Split::val}) {
      const auto scenes = open_scenes({.scenes = 16, .scene_size = 40, .seed = seed}, split);
      for (int64_t i = 0; i < 16; ++i) images.insert(hash(scenes->image(i).rgb));
    }
  }
  EXPECT_EQ(images.size(), 64u);
}

TEST(Scenes, LayoutDoesNotDependOnTheSize) {
  const auto small = open_scenes({.scenes = 6, .scene_size = 64}, Split::train);
  const auto large = open_scenes({.scenes = 6, .scene_size = 192}, Split::train);
  for (int64_t i = 0; i < 6; ++i) {
    const LabelMap a = small->labels(i), b = large->labels(i);
    int64_t same = 0;
    for (int64_t y = 0; y < 64; ++y) {
      for (int64_t x = 0; x < 64; ++x) {  // pixel centres of the small picture are centres of the large one
        same +=
            a.classes[static_cast<size_t>(y * 64 + x)] == b.classes[static_cast<size_t>((3 * y + 1) * 192 + 3 * x + 1)];
      }
    }
    EXPECT_GT(same, 64 * 64 * 98 / 100) << i;
  }
}

/// Accuracy of the best guess at the class from a cell number per pixel.
template <typename Cell>
double best_guess(const Dataset& scenes, size_t cells, Cell cell) {
  std::vector<std::array<int64_t, 9>> counts(cells);
  int64_t total = 0;
  for (int64_t i = 0; i < scenes.size(); ++i) {
    const Image image = scenes.image(i);
    const LabelMap labels = scenes.labels(i);
    for (size_t p = 0; p < labels.classes.size(); ++p) ++counts[cell(image, p)][labels.classes[p]], ++total;
  }
  int64_t right = 0;
  for (const auto& row : counts) right += *std::max_element(row.begin(), row.end());
  return static_cast<double>(right) / static_cast<double>(total);
}

TEST(Scenes, EveryClassIsCommonAndNeitherColourNorPlaceGivesIt) {
  const auto scenes = open_scenes({.scenes = 200, .scene_size = 64}, Split::train);
  std::array<int64_t, 9> pixels{}, pictures{};
  for (int64_t i = 0; i < scenes->size(); ++i) {
    std::array<int64_t, 9> here{};
    for (const uint8_t label : scenes->labels(i).classes) ++here[label];
    for (size_t c = 0; c < 9; ++c) pixels[c] += here[c], pictures[c] += here[c] > 0;
  }
  for (size_t c = 0; c < 9; ++c) {
    EXPECT_GT(pixels[c], 200 * 64 * 64 / 50) << "class " << c;
    EXPECT_LT(pixels[c], 200 * 64 * 64 / 4) << "class " << c;
    EXPECT_GT(pictures[c], 40) << "class " << c;
  }
  // Even a table that was told the labels: 512 colours, and 64 places, against 9 classes.
  const double colour = best_guess(*scenes, 512, [](const Image& image, size_t p) {
    return size_t{0} + (image.rgb[3 * p] >> 5 << 6 | image.rgb[3 * p + 1] >> 5 << 3 | image.rgb[3 * p + 2] >> 5);
  });
  const double place = best_guess(*scenes, 64, [](const Image&, size_t p) { return p / 64 / 8 * 8 + p % 64 / 8; });
  RecordProperty("colour", std::to_string(colour));
  EXPECT_LT(colour, 0.40);
  EXPECT_LT(place, 0.45);
}

TEST(Scenes, RefuseBadArguments) {
  EXPECT_THROW(open_scenes({.scenes = 0}, Split::train), Error);
  EXPECT_THROW(open_scenes({.val_scenes = -1}, Split::val), Error);
  EXPECT_THROW(open_scenes({.scene_size = 31}, Split::train), Error);
  EXPECT_THROW(open_scenes({.scene_size = 1025}, Split::train), Error);
  const auto scenes = open_scenes({.scenes = 2}, Split::train);
  EXPECT_THROW(scenes->image(2), Error);
  EXPECT_THROW(scenes->labels(-1), Error);
}

}  // namespace
}  // namespace bareseg
