// Every rung of the ladder makes the CPU's pixels.
#include <gtest/gtest.h>

#include "bench/ladder/augment/augment_ladder.h"

namespace bareseg {
namespace {

TEST(LadderAugment, EveryRungIsRight) {
  const int64_t cases[][3] = {{1, 1, 1}, {3, 7, 33}, {4, 33, 16}, {2, 65, 64}, {3, 64, 32}, {1, 140, 70}};
  for (const augment_ladder::NamedRung& rung : augment_ladder::kRungs) {
    for (const auto& [count, side, out] : cases) {
      EXPECT_EQ(augment_ladder::check(rung.run, count, side, out), "") << rung.name;
    }
  }
}

}  // namespace
}  // namespace bareseg
