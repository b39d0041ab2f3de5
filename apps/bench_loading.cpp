#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/bench.h"
#include "apps/picie_parts.h"
#include "data/loader.h"
#include "data/scenes.h"
#include "engine/ops.h"

namespace bareseg {
namespace {

constexpr int kQuality = 90;
constexpr int64_t kDistinct = 16, kWidth = 640, kHeight = 480, kBase = 640, kView = 320;

double seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// JPEG files in memory, of COCO's usual size: rendered scenes, again and again.
class Photographs : public Dataset {
 public:
  explicit Photographs(int64_t images) : images_(images) {
    const auto scenes = open_scenes({.scenes = kDistinct, .scene_size = kWidth}, Split::train);
    for (int64_t i = 0; i < std::min(kDistinct, images); ++i) {
      Image image = scenes->image(i);
      image.height = kHeight;
      image.rgb.resize(static_cast<size_t>(3 * kWidth * kHeight));
      files_.push_back(jpeg_bytes(image, kQuality));
    }
  }
  int64_t size() const override { return images_; }
  std::string name(int64_t index) const override { return concat("photograph ", index); }
  std::string source(int64_t index) const override { return name(index); }
  Image image(int64_t index) const override {
    const std::vector<uint8_t>& file = files_[static_cast<size_t>(index) % files_.size()];
    return decode_image(file.data(), std::ssize(file), name(index));
  }
  bool has_labels() const override { return false; }
  LabelMap labels(int64_t) const override { fail_at(__FILE__, __LINE__, "photographs have no labels"); }
  const std::vector<ClassInfo>& classes() const override {
    static const std::vector<ClassInfo> none;
    return none;
  }

 private:
  int64_t images_;
  std::vector<std::vector<uint8_t>> files_;
};

int64_t decode_all(const Photographs& photographs, int threads) {
  std::atomic<int64_t> next = 0, bytes = 0;
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      for (int64_t index; (index = next++) < photographs.size();) bytes += std::ssize(photographs.image(index).rgb);
    });
  }
  workers.clear();
  return bytes;
}

void load_views(const Photographs& photographs, const BenchLoadingOptions& o, Device device) {
  Loader loader(photographs, {.batch = o.batch,
                              .side = kBase,
                              .workers = o.workers,
                              .cache_bytes = 0,
                              .native = device != Device{},
                              .device = device});
  const EpochPlan plan(AugmentConfig{}, 1, photographs.size(), 0);
  loader.start(plan.permutation());
  const View both[] = {{.number = 0}, {.number = 1}};
  Tensor view;
  for (Batch batch; loader.next(batch);) {
    view = view_inputs(plan, batch, kBase, both, kView, o.device.float_type(), device).back();
  }
  BS_CHECK(std::isfinite(mean(view).item()), "bench loading: a view is not finite");  // waits for the device
}

}  // namespace

void BenchLoadingOptions::declare(CLI::App& app) {
  device.declare(app);
  app.add_option("--images", images, "in each of the three rounds")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--batch", batch, "images per batch")->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_option("--workers", workers, "threads that decode, 0 for one per processor")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_option("--json", json, "file for the figures");
}

int bench_loading(const BenchLoadingOptions& options) {
  const NoGrad no_grad;
  const Device device = options.device.open();
  const int threads =
      options.workers > 0 ? options.workers : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const Photographs photographs(options.images);
  const auto count = static_cast<double>(options.images);
  std::vector<double> decoded, loaded;  // images per second
  for (int round = 0; round < kBenchRounds; ++round) {
    int64_t bytes = 0;
    decoded.push_back(count / seconds_of([&] { bytes = decode_all(photographs, threads); }));
    BS_CHECK(bytes == options.images * kWidth * kHeight * 3, "bench loading: images are missing");
    loaded.push_back(count / seconds_of([&] { load_views(photographs, options, device); }));
  }
  const double alone = median(decoded), views = median(loaded);
  std::printf(
      "JPEG of %lld x %lld, %d threads: decoded alone %.0f images/s; to two views of %lld x %lld on %s, %s, %.0f "
      "images/s, %.1f %% of that\n",
      static_cast<long long>(kWidth), static_cast<long long>(kHeight), threads, alone, static_cast<long long>(kView),
      static_cast<long long>(kView), concat(device).c_str(), options.device.dtype.c_str(), views,
      100.0 * views / alone);
  if (!options.json.empty()) {
    write_figures(options.json, device,
                  {{"dtype", options.device.dtype},
                   {"threads", threads},
                   {"images", options.images},
                   {"decoded_images_per_s", decoded},
                   {"views_images_per_s", loaded}});
  }
  return 0;
}

}  // namespace bareseg
