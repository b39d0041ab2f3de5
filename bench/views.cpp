// From the JPEG of a 640x480 picture to PiCIE's two augmented views of 320x320, on one thread: decode, base crop to
// 640, then the colours, size and place of each view, over 64 draws of the transforms.
#include <cstdlib>
#include <fstream>
#include <vector>

#include "bench/bench.h"
#include "cpu/cpu_backend.h"
#include "data/augment_plan.h"
#include "data/base_crop.h"
#include "data/scenes.h"
#include "engine/augment.h"
#include "engine/error.h"

namespace bareseg {
namespace {

constexpr int64_t kWidth = 640, kHeight = 480, kBase = 640, kView = 320, kDraws = 64;
constexpr uint64_t kSeed = 2021;
constexpr int kQuality = 90;

// A rendered scene stands in for the photograph. BARESEG_BENCH_PHOTO names a file to leave it in, for the peers.
std::vector<uint8_t> photo() {
  Image image = open_scenes({.scenes = 1, .scene_size = kWidth}, Split::train)->image(0);
  image.height = kHeight;
  image.rgb.resize(static_cast<size_t>(3 * kWidth * kHeight));
  std::vector<uint8_t> bytes = jpeg_bytes(image, kQuality);
  if (const char* file = std::getenv("BARESEG_BENCH_PHOTO")) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    BS_CHECK(out.flush().good(), "BARESEG_BENCH_PHOTO: cannot write '", file, "'");
  }
  return bytes;
}

// Both views, one after the other.
Tensor views(const Tensor& base, const EpochPlan& plan, int64_t draw) {
  const AugmentParams params[] = {plan.params(draw, 0, kBase), plan.params(draw, 1, kBase)};
  return augment(base, params, kView);
}

double mean_of(const Tensor& x) {
  double sum = 0.0;
  for (const float value : x.to_vector<float>()) sum += static_cast<double>(value);
  return sum / static_cast<double>(x.count());
}

Tensor base_of(const std::vector<uint8_t>& jpeg) {
  const Image image = base_crop(decode_image(jpeg.data(), static_cast<int64_t>(jpeg.size()), "photo"), kBase);
  return Tensor::from_host(image.rgb.data(), {1, kBase, kBase, 3}, kUInt8);
}

void two_views(benchmark::State& state) {
  set_cpu_threads(1);
  const std::vector<uint8_t> jpeg = photo();
  const EpochPlan plan(AugmentConfig{}, kSeed, kDraws, 0);
  // The peers compute the same mean of all views: the two programs did the same work.
  double mean = 0.0;
  const Tensor base = base_of(jpeg);
  for (int64_t draw = 0; draw < kDraws; ++draw) {
    mean += mean_of(views(base, plan, draw)) / kDraws;
  }
  const PeakMemory memory(state);
  int64_t draw = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(views(base_of(jpeg), plan, draw).raw());
    draw = (draw + 1) % kDraws;
  }
  state.counters["jpeg_KB"] = static_cast<double>(jpeg.size()) * 1e-3;
  state.counters["mean"] = mean;
  set_cpu_threads(0);
}

}  // namespace

void register_views() {
  benchmark::RegisterBenchmark("two_views", two_views)
      ->Iterations(2 * kDraws)  // whole rounds of the draws
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace bareseg
