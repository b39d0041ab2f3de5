// ladder_cosine_loss [--json FILE] [rows]: checks every rung, then times it on a view of 819,200 pixels (or so many
// rows).
#include <cstdio>

#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "bench/ladder/ladder.h"

namespace bareseg::cosine_ladder {
namespace {

int run(const ladder::Arguments& arguments) {
  const int64_t rows = arguments.size;
  for (const NamedRung& rung : kRungs) {
    for (const int64_t few : {1, 7, 33, 2053, 70001}) {
      const std::string wrong = check(rung, few);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  const double size = static_cast<double>(rows), flop = 4.0 * kColumns * kDims * size;
  ladder::Table table(arguments,
                      concat(rows, " rows, ", kDims, " dimensions, ", kTargets, " sets of ", kClusters, " clusters"));
  const LossCase& given = make_case(rows);
  for (const NamedRung& rung : kRungs) {
    const ladder::Times times = ladder::time_cold([&](Stream stream) { rung.run(stream, given); });
    const double element = static_cast<double>(rung.narrow ? sizeof(bfloat16) : sizeof(float));
    table.add(rung.name, times, 2.0 * element * kDims * size, flop);
  }
  table.write();
  return 0;
}

}  // namespace
}  // namespace bareseg::cosine_ladder

int main(int argc, char** argv) {
  using namespace bareseg;
  return ladder::run_ladder({argc, argv, 819200, "rows"}, cosine_ladder::run);
}
