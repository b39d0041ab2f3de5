#include "apps/options.h"

#include <CLI/CLI.hpp>
#include <numeric>

#include "apps/run.h"
#include "cpu/cpu_backend.h"
#include "engine/shared_library.h"

namespace bareseg {
namespace {

std::string plans_of_user() {
  const std::string cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (!cache.empty()) return cache + "/bareseg/plans.txt";
  return home.empty() ? "" : home + "/.cache/bareseg/plans.txt";
}

}  // namespace

void DeviceOptions::declare(CLI::App& app) {
  const CLI::Validator known_device(
      [](std::string& text) {
        try {
          if (text != "auto") Device::parse(text);
          return std::string();
        } catch (const Error& error) {
          return error.message();
        }
      },
      "auto, cpu, cuda or cuda:N");
  app.add_option("--device", device, "where to compute; auto: the first GPU that can be used, else the CPU")
      ->check(known_device)
      ->capture_default_str()
      ->group("Device");
  app.add_option("--dtype", dtype,
                 "activations: fp32; tf32, which is fp32 but for products on tensor cores (GPU); bf16, with weights in "
                 "fp32 (fast on GPUs and with AVX-512 or AMX)")
      ->check(CLI::IsMember({"fp32", "tf32", "bf16"}))
      ->capture_default_str()
      ->group("Device");
  app.add_option("--threads", threads, "CPU threads, 0 for all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group("Device");
  app.add_option("--tune-seconds", tune_seconds,
                 "GPU: time that may go into finding the fastest way of each convolution, 0 for the library's guess")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->group("Device");
  app.add_option("--plans", plans,
                 "GPU: file that keeps what was found, so that later runs compute the same bits (default: "
                 "bareseg/plans.txt in the user's cache folder)")
      ->group("Device");
  app.add_flag("--deterministic", deterministic,
               "the same bits wherever the run is repeated: a fixed number of --threads is asked for")
      ->group("Device");
}

Device automatic_device(const DeviceSetup& setup, std::string& why) {
  const Device gpu{Device::Type::cuda, 0};
  try {
    backend(gpu).open(gpu, setup);
    return gpu;
  } catch (const Error& error) {
    why = error.message();
  }
  backend({}).open({}, setup);
  return {};
}

Device DeviceOptions::open() const {
  BS_CHECK(!deterministic || threads > 0,
           "--deterministic: expected --threads with the number of threads, because the ",
           "order of sums follows it; got --threads ", threads);
  set_cpu_threads(threads);
  const DeviceSetup setup{
      .tf32 = dtype == "tf32", .tune_seconds = tune_seconds, .plan_file = plans.empty() ? plans_of_user() : plans};
  if (device != "auto") {
    const Device asked = Device::parse(device);
    backend(asked).open(asked, setup);
    return asked;
  }
  std::string why;
  const Device found = automatic_device(setup, why);
  log_info(why.empty() ? concat("computing on ", found) : concat("computing on the CPU: ", why));
  return found;
}

void declare_dataset(CLI::App& app, DatasetOptions& o) {
  const char* group = "Data";
  app.add_option(
         "--dataset", o.kind,
         "scenes (rendered, no files), camvid, coco-stuff, cityscapes, voc, ade20k, intel; folder, images: your "
         "own, with and without labels")
      ->check(CLI::IsMember(dataset_kinds()))
      ->capture_default_str()
      ->group(group);
  app.add_option("--data", o.root, "folder of the data set")->group(group);
  app.add_option("--list", o.list, "text file of image ids, in place of the split's own list")->group(group);
  app.add_option("--splits", o.splits, "comma-separated splits in place of the default")->group(group);
  app.add_option("--val-splits", o.val_splits, "the same for the images that are scored")->group(group);
  app.add_option("--scenes", o.scenes, "scenes: images in the split")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--val-scenes", o.val_scenes, "scenes: images to score, 0 for as many as --scenes")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--scene-size", o.scene_size, "scenes: side in pixels")
      ->check(CLI::Range(32, 1024))
      ->capture_default_str()
      ->group(group);
  app.add_option("--scene-seed", o.seed, "scenes: what is rendered")->capture_default_str()->group(group);
  app.add_option("--classes", o.classes, "cityscapes: 27, 19 or 7; coco-stuff: 27 or 171; 0 for 27")
      ->check(CLI::IsMember({0, 7, 19, 27, 171}))
      ->capture_default_str()
      ->group(group);
}

void LoadOptions::declare(CLI::App& app) {
  app.add_option("--workers", workers, "threads that decode images, 0 for one per processor")
      ->check(CLI::Range(0, 256))
      ->capture_default_str()
      ->group("Data");
  app.add_option("--cache-gib", cache_gib,
                 "decoded images kept in memory, in GiB; a GPU that learns clusters keeps them itself")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->group("Data");
  app.add_option("--disk-cache", disk_cache, "file that keeps decoded images between runs")->group("Data");
  app.add_flag("--strict-data", strict, "stop at an unreadable image instead of leaving it out")->group("Data");
}

LoaderOptions LoadOptions::loader(int64_t batch, int64_t side, int64_t label_side) const {
  return {.batch = batch,
          .side = side,
          .label_side = label_side,
          .workers = workers,
          .cache_bytes = static_cast<int64_t>(cache_gib * 0x1p30),
          .disk_cache = label_side == 0 ? disk_cache : std::string(),
          .strict = strict,
          .warn = [](const std::string& message) { log_warning(concat("left out: ", message)); }};
}

std::vector<int64_t> every_index(const Dataset& dataset) {
  std::vector<int64_t> order(static_cast<size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

}  // namespace bareseg
