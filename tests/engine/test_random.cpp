#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "engine/philox.h"
#include "engine/random.h"

namespace bareseg {
namespace {

using Words = std::array<uint32_t, 4>;
Words words(const Philox4& p) { return {p.x, p.y, p.z, p.w}; }

// The known-answer vectors of Random123, the authors' library.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(words(philox4x32_10({0, 0, 0, 0}, 0, 0)), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(words(philox4x32_10({ones, ones, ones, ones}, ones, ones)),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0)),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// cuRAND puts the seed in the key, the offset in the counter's lower half, the subsequence in its upper half.
TEST(Philox, SeedSubsequenceAndBlockFillKeyAndCounter) {
  const Philox4 block = philox(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u);
  EXPECT_EQ(words(block), (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, DrawsTheWordsOfItsSubsequenceInOrder) {
  Random random(7, Draws::test, 3);
  for (uint64_t block = 0; block < 3; ++block) {
    for (const uint32_t word : words(philox(7, static_cast<uint64_t>(Draws::test) << 48 | 3, block))) {
      EXPECT_EQ(random.next_u32(), word);
    }
  }
}

TEST(Random, SeedsStreamsAndPartsDiffer) {
  std::set<uint32_t> firsts;
  for (const uint64_t seed : {1, 2}) {
    for (const Draws stream : {Draws::weights, Draws::test}) {
      for (const uint64_t part : {0, 1}) firsts.insert(Random(seed, stream, part).next_u32());
    }
  }
  EXPECT_EQ(firsts.size(), 8u);
}

TEST(Random, UniformStaysInsideAndFillsTheRange) {
  Random random(1, Draws::test);
  double sum = 0.0;
  float low = 1.0f, high = 0.0f;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const float value = random.uniform();
    sum += static_cast<double>(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_GE(low, 0.0f);
  EXPECT_LT(high, 1.0f);
  EXPECT_LT(low, 1e-3f);
  EXPECT_GT(high, 0.999f);
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12.0 / kCount));
}

TEST(Random, NormalHasItsMoments) {
  Random random(1, Draws::test);
  constexpr int kCount = 100000;
  double sum = 0.0, squares = 0.0, fourths = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double value = static_cast<double>(random.normal());
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1.0, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourths / kCount, 3.0, 5 * std::sqrt(96.0 / kCount));
}

TEST(Random, BelowIsUniformAndChecked) {
  Random random(1, Draws::test);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(random.below(7));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000.0));
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_GT(random.below(UINT64_MAX), 0u);
  EXPECT_THROW(random.below(0), Error);
}

TEST(Random, PermutationHoldsEveryNumberOnce) {
  for (const int64_t n : {0, 1, 2, 33, 2053}) {
    std::vector<int64_t> order = Random(1, Draws::permutation).permutation(n);
    EXPECT_FALSE(n > 32 && std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(static_cast<size_t>(n));
    std::iota(all.begin(), all.end(), int64_t{0});
    EXPECT_EQ(order, all);
  }
}

TEST(Random, TensorsRepeatAndRound) {
  const Random random(3, Draws::test);
  const Tensor wide = random_normal({5, 7}, random), narrow = random_normal({5, 7}, random, kBFloat16);
  EXPECT_EQ(wide.to_vector<float>(), random_normal({5, 7}, random).to_vector<float>());
  const std::vector<float> values = wide.to_vector<float>();
  const std::vector<bfloat16> cut = narrow.to_vector<bfloat16>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(cut[i].bits, bfloat16(values[i]).bits);
  for (const float value : random_uniform({2053}, -2.0f, 3.0f, random).to_vector<float>()) {
    EXPECT_GE(value, -2.0f);
    EXPECT_LT(value, 3.0f);
  }
  EXPECT_THROW(random_normal({2}, random, kInt32), Error);
}

}  // namespace
}  // namespace bareseg
