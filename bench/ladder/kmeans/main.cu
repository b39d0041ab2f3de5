// ladder_kmeans [points]: checks every rung, then times it on 819,200 points, a batch of 128 maps, or on so many.
#include <cstdio>
#include <cstdlib>

#include "bench/ladder/kmeans/kmeans_ladder.h"
#include "bench/ladder/ladder.h"

namespace bareseg::kmeans_ladder {
namespace {

int run(int64_t n) {
  for (const NamedRung& rung : kRungs) {
    for (const int64_t few : {1, 7, 33, 2053, 70001}) {
      const std::string wrong = check(rung.run, few);
      if (wrong.empty()) continue;
      std::fprintf(stderr, "%s is wrong at %s\n", rung.name, wrong.c_str());
      return 1;
    }
  }
  cudaDeviceProp device{};
  ladder::check(cudaGetDeviceProperties(&device, 0));
  const double copy = ladder::copy_rate(), size = static_cast<double>(n);
  const double flop = 2.0 * kClusters * kDims * size, bytes = (sizeof(float) * kDims + 1.0) * size;
  std::printf("%s, copies %.0f GB/s; %lld points of %d floats, %d clusters\n", device.name, copy * 1e-9,
              static_cast<long long>(n), kDims, kClusters);
  std::printf("all rungs agree with the loop on the CPU; cold L2, median of 20\n\n");
  std::printf("| rung | ms | best ms | TFLOP/s | GB/s | of the copy rate |\n|---|---|---|---|---|---|\n");
  const KMeansCase& given = make_case(n);
  for (const NamedRung& rung : kRungs) {
    const ladder::Times times = ladder::time_cold([&](Stream stream) { rung.run(stream, given); });
    const double seconds = times.median * 1e-3;
    std::printf("| %s | %.3f | %.3f | %.1f | %.0f | %.0f %% |\n", rung.name, times.median, times.best,
                flop / seconds * 1e-12, bytes / seconds * 1e-9, 100.0 * bytes / seconds / copy);
  }
  return 0;
}

}  // namespace
}  // namespace bareseg::kmeans_ladder

int main(int argc, char** argv) {
  const long long n = argc > 1 ? std::atoll(argv[1]) : 819200;
  if (argc > 2 || n < 1) {
    std::fprintf(stderr, "usage: %s [points]\n", argv[0]);
    return 2;
  }
  try {
    return bareseg::kmeans_ladder::run(n);
  } catch (const bareseg::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
