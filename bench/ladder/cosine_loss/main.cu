// ladder_cosine_loss [rows]: checks every rung, then times it on a view of 819,200 pixels (or so many rows).
#include <cstdio>
#include <cstdlib>

#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "bench/ladder/ladder.h"

namespace bareseg::cosine_ladder {
namespace {

int run(int64_t rows) {
  for (const NamedRung& rung : kRungs) {
    for (const int64_t few : {1, 7, 33, 2053, 70001}) {
      const std::string wrong = check(rung, few);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  cudaDeviceProp device{};
  ladder::check(cudaGetDeviceProperties(&device, 0));
  const double copy = ladder::copy_rate(), size = static_cast<double>(rows);
  const double flop = 4.0 * kColumns * kDims * size;
  std::printf("%s, copies %.0f GB/s; %lld rows, %d dimensions, %d sets of %d clusters\n", device.name, copy * 1e-9,
              static_cast<long long>(rows), kDims, kTargets, kClusters);
  std::printf("all rungs agree with the loop on the CPU; cold L2, median of 20\n\n");
  std::printf("| rung | ms | best ms | TFLOP/s | GB/s | of the copy rate |\n|---|---|---|---|---|---|\n");
  const LossCase& given = make_case(rows);
  for (const NamedRung& rung : kRungs) {
    const ladder::Times times = ladder::time_cold([&](Stream stream) { rung.run(stream, given); });
    const double seconds = times.median * 1e-3;
    const double bytes = 2.0 * static_cast<double>(rung.narrow ? sizeof(bfloat16) : sizeof(float)) * kDims * size;
    std::printf("| %s | %.3f | %.3f | %.1f | %.0f | %.0f %% |\n", rung.name, times.median, times.best,
                flop / seconds * 1e-12, bytes / seconds * 1e-9, 100.0 * bytes / seconds / copy);
  }
  return 0;
}

}  // namespace
}  // namespace bareseg::cosine_ladder

int main(int argc, char** argv) {
  const long long rows = argc > 1 ? std::atoll(argv[1]) : 819200;
  if (argc > 2 || rows < 1) {
    std::fprintf(stderr, "usage: %s [rows]\n", argv[0]);
    return 2;
  }
  try {
    return bareseg::cosine_ladder::run(rows);
  } catch (const bareseg::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
