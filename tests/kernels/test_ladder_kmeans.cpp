// Every rung of the ladder does a Lloyd iteration.
#include <gtest/gtest.h>

#include "bench/ladder/kmeans/kmeans_ladder.h"

namespace bareseg {
namespace {

TEST(LadderKMeans, EveryRungIsRight) {
  for (const kmeans_ladder::NamedRung& rung : kmeans_ladder::kRungs) {
    for (const int64_t n : {1, 7, 33, 517}) EXPECT_EQ(kmeans_ladder::check(rung.run, n), "") << rung.name;
  }
}

}  // namespace
}  // namespace bareseg
