// One Lloyd iteration on 819,200 unit vectors of 128 numbers: labels, new centroids, counts and inertia.
#include <string>

#include "bench/bench.h"
#include "engine/error.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kPoints = 819'200, kDims = 128;

void lloyd_iteration(benchmark::State& state, int64_t clusters) {
  static const Tensor points = l2_normalize(random_normal({kPoints, kDims}, Random(1, Draws::test)));
  Tensor centroids = points.rows(0, clusters).clone();
  Tensor labels = Tensor::empty({kPoints}, kInt32), sums = Tensor::empty({clusters, kDims});
  Tensor counts = Tensor::empty({clusters}, kInt64), inertia = Tensor::empty({1});
  Backend& device = backend(points.device());
  const PeakMemory memory(state);
  for (auto _ : state) {
    device.kmeans_accumulate(points, centroids, Metric::euclidean, labels, sums, counts, inertia);
    for (int64_t k = 0; k < clusters; ++k) {
      const int64_t count = counts.data<int64_t>()[k];
      for (int64_t d = 0; count > 0 && d < kDims; ++d) {
        centroids.data<float>()[k * kDims + d] = sums.data<float>()[k * kDims + d] / static_cast<float>(count);
      }
    }
  }
  report_rate(state, "points/s", static_cast<double>(kPoints));
}

}  // namespace

void register_kmeans() {
  for (const int64_t clusters : {27, 1000}) {
    benchmark::RegisterBenchmark(concat("kmeans/", clusters).c_str(),
                                 [=](benchmark::State& state) { lloyd_iteration(state, clusters); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace bareseg
