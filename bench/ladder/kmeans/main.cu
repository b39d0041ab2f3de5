// ladder_kmeans [--json FILE] [points]: checks every rung, then times it on 819,200 points, a batch of 128 maps, or on
// so many.
#include <cstdio>

#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "bench/ladder/ladder.h"

namespace bareseg::kmeans_ladder {
namespace {

int run(const ladder::Arguments& arguments) {
  const int64_t n = arguments.size;
  for (const NamedRung& rung : kRungs) {
    for (const int64_t few : {1, 7, 33, 2053, 70001}) {
      const std::string wrong = check(rung.run, few);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  const double size = static_cast<double>(n), flop = 2.0 * kClusters * kDims * size;
  ladder::Table table(arguments, concat(n, " points of ", kDims, " floats, ", kClusters, " clusters"));
  const KMeansCase& given = make_case(n);
  for (const NamedRung& rung : kRungs) {
    const ladder::Times times = ladder::time_cold([&](Stream stream) { rung.run(stream, given); });
    table.add(rung.name, times, (sizeof(float) * kDims + 1.0) * size, flop);
  }
  table.write();
  return 0;
}

}  // namespace
}  // namespace bareseg::kmeans_ladder

int main(int argc, char** argv) {
  using namespace bareseg;
  return ladder::run_ladder({argc, argv, 819200, "points"}, kmeans_ladder::run);
}
