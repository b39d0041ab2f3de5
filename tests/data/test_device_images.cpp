#include "data/device_images.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/data/files.h"

namespace bareseg {
namespace {

constexpr int64_t kBytes = 3 * 4 * 5;  // of an image

std::vector<uint8_t> pixels_of(int64_t image) {
  std::vector<uint8_t> pixels(kBytes);
  std::iota(pixels.begin(), pixels.end(), static_cast<uint8_t>(7 * image));
  return pixels;
}

// Brings `indexes`, with the pixels of those that are not kept, and looks at what is there then.
void bring(DeviceImages& images, const std::vector<int64_t>& indexes) {
  std::vector<uint8_t> host;
  std::vector<SourceImage> sources;
  for (const int64_t index : indexes) {
    const bool kept = images.keeps(index);
    sources.push_back({.offset = kept ? -1 : std::ssize(host), .height = 4, .width = 5});
    const std::vector<uint8_t> pixels = pixels_of(index);
    if (!kept) host.insert(host.end(), pixels.begin(), pixels.end());
  }
  const Tensor all = images.bring(Tensor::from(host, {std::ssize(host)}), indexes, sources);
  const std::vector<uint8_t> there = all.to_vector<uint8_t>();
  for (size_t i = 0; i < indexes.size(); ++i) {
    ASSERT_GE(sources[i].offset, 0);
    ASSERT_LE(sources[i].offset + kBytes, std::ssize(there));
    const auto first = there.begin() + sources[i].offset;
    EXPECT_EQ(std::vector<uint8_t>(first, first + kBytes), pixels_of(indexes[i])) << indexes[i];
  }
}

TEST(DeviceImages, KeepsWhatFits) {
  DeviceImages images({}, 10, 5 * kBytes + 1);
  bring(images, {3, 1});
  bring(images, {0, 2, 4});
  for (int64_t i = 0; i < 5; ++i) EXPECT_TRUE(images.keeps(i)) << i;
  bring(images, {5});
  EXPECT_FALSE(images.keeps(5));
  bring(images, {7, 2, 6, 3});  // kept ones among others
  EXPECT_FALSE(images.keeps(7));
  bring(images, {4, 0});  // and alone
}

TEST(DeviceImages, TakesNoMoreThanTheDataSetSeemsToNeed) {
  DeviceImages images({}, 10, int64_t{1} << 60);
  const int64_t before = host_allocator().use().live;
  bring(images, {0, 1});
  EXPECT_GE(host_allocator().use().live - before, 10 * kBytes);
  EXPECT_LE(host_allocator().use().live - before, 12 * kBytes);
  for (int64_t i = 2; i < 10; ++i) bring(images, {i});
  EXPECT_TRUE(images.keeps(9));
}

TEST(DeviceImages, WithoutRoomKeepsNone) {
  DeviceImages images({}, 3, 0);
  bring(images, {0, 1});
  bring(images, {1, 0, 2});
  EXPECT_FALSE(images.keeps(1));
}

TEST(DeviceImages, RefusesWhatItCannotPlace) {
  DeviceImages images({}, 3, 100);
  std::vector<SourceImage> sources(2);
  EXPECT_TRUE(refuses([&] { images.bring(Tensor::empty({9}, kUInt8), std::vector<int64_t>{1}, sources); },
                      {"a source for each of the 1 images, got 2"}));
  sources = {{.offset = 0, .height = 1, .width = 3}, {.offset = -1, .height = 1, .width = 3}};
  EXPECT_TRUE(refuses(
      [&] {
        images.bring(Tensor::empty({9}, kUInt8), std::vector<int64_t>{1, 2}, sources);
      },
      {"image 2 came without pixels"}));
}

}  // namespace
}  // namespace bareseg
