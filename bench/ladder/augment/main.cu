// ladder_augment [--json FILE] [images]: checks every rung, then times it on both 320x320 views of 128 (or so many)
// 640x480 images.
#include <cstdio>

#include "bench/ladder/augment/augment_ladder.h"
#include "bench/ladder/ladder.h"

namespace bareseg::augment_ladder {
namespace {

constexpr int64_t kSide = 640, kOut = 320;

int run(const ladder::Arguments& arguments) {
  const int64_t images = arguments.size;
  const int64_t checks[][3] = {{3, 7, 33}, {3, 33, 16}, {2, 65, 64}, {4, 64, 32}, {8, kSide, kOut}};
  for (const NamedRung& rung : kRungs) {
    for (const auto& [count, side, out] : checks) {
      const std::string wrong = check(rung.run, count, side, out);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  // One read of the images and one write of the views.
  const double bytes =
      static_cast<double>(images) * 3.0 * (kSide * kSide * 3 / 4 + kViews * kOut * kOut * sizeof(bfloat16));
  ladder::Table table(arguments, concat(images, " images, squares of ", kSide, ", two views of ", kOut, ", bfloat16"));
  const ViewsCase& given = make_case(images, kSide, kOut);
  for (const NamedRung& rung : kRungs) {
    table.add(rung.name, ladder::time_cold([&](Stream stream) { rung.run(stream, given); }), bytes);
  }
  table.write();
  return 0;
}

}  // namespace
}  // namespace bareseg::augment_ladder

int main(int argc, char** argv) {
  using namespace bareseg;
  return ladder::run_ladder({argc, argv, 128, "images"}, augment_ladder::run);
}
