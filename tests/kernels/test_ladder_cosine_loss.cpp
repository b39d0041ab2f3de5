// Every rung of the ladder computes the loss.
#include <gtest/gtest.h>

#include "bench/ladder/cosine_loss/cosine_loss.h"

namespace bareseg {
namespace {

TEST(LadderCosineLoss, EveryRungIsRight) {
  for (const cosine_ladder::NamedRung& rung : cosine_ladder::kRungs) {
    for (const int64_t rows : {1, 7, 33, 261}) EXPECT_EQ(cosine_ladder::check(rung, rows), "") << rung.name;
  }
}

}  // namespace
}  // namespace bareseg
