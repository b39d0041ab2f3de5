// ladder_augment [images]: checks every rung, then times it on both 320x320 views of 128 (or so many) 640x480 images.
#include <cstdio>
#include <cstdlib>

#include "bench/ladder/augment/augment_ladder.h"
#include "bench/ladder/ladder.h"

namespace bareseg::augment_ladder {
namespace {

constexpr int64_t kSide = 640, kOut = 320;

int run(int64_t images) {
  const int64_t checks[][3] = {{3, 7, 33}, {3, 33, 16}, {2, 65, 64}, {4, 64, 32}, {8, kSide, kOut}};
  for (const NamedRung& rung : kRungs) {
    for (const auto& [count, side, out] : checks) {
      const std::string wrong = check(rung.run, count, side, out);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  cudaDeviceProp device{};
  ladder::check(cudaGetDeviceProperties(&device, 0));
  const double copy = ladder::copy_rate(), count = static_cast<double>(images);
  const double bytes = count * 3.0 * (kSide * kSide * 3 / 4 + kViews * kOut * kOut * sizeof(bfloat16));
  std::printf("%s, copies %.0f GB/s; %lld images, squares of %lld, two views of %lld, bfloat16\n", device.name,
              copy * 1e-9, static_cast<long long>(images), static_cast<long long>(kSide), static_cast<long long>(kOut));
  std::printf(
      "all rungs give the CPU's bits; cold L2, median of 20; GB/s of one read of the images and one write of "
      "the views\n\n");
  std::printf("| rung | ms | best ms | images/s | GB/s | of the copy rate |\n|---|---|---|---|---|---|\n");
  const ViewsCase& given = make_case(images, kSide, kOut);
  for (const NamedRung& rung : kRungs) {
    const ladder::Times times = ladder::time_cold([&](Stream stream) { rung.run(stream, given); });
    const double seconds = times.median * 1e-3;
    std::printf("| %s | %.3f | %.3f | %.0f | %.0f | %.0f %% |\n", rung.name, times.median, times.best, count / seconds,
                bytes / seconds * 1e-9, 100.0 * bytes / seconds / copy);
  }
  return 0;
}

}  // namespace
}  // namespace bareseg::augment_ladder

int main(int argc, char** argv) {
  const long long images = argc > 1 ? std::atoll(argv[1]) : 128;
  if (argc > 2 || images < 1) {
    std::fprintf(stderr, "usage: %s [images]\n", argv[0]);
    return 2;
  }
  try {
    return bareseg::augment_ladder::run(images);
  } catch (const bareseg::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
