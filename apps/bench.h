// `bareseg bench`: how fast the device is at what training consists of, with random numbers and rendered scenes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apps/options.h"
#include "engine/timer.h"

namespace bareseg {

/// Options of `bareseg bench kernels`.
struct BenchKernelsOptions {
  std::string device = "cuda";
  int64_t batch = 128;
  int runs = 30;
  std::string only;  // prefixes of names, comma-separated
  std::string json;

  void declare(CLI::App& app);
};

/// Times every hand-written kernel at the shapes of a training step of PiCIE (320x320 images, features [N, 80, 80,
/// 128]) through the backend's interface, on caches that hold nothing of its arguments, and prints a table: median,
/// bytes and products per second, percent of the rates of a copy and a large matrix product measured beside them.
/// `make_timer` serves GPUs.
/// @returns 0. @throws Error when the device is not to be had.
int bench_kernels(const BenchKernelsOptions& options, const MakeTimer& make_timer);

/// Options of `bareseg bench training`.
struct BenchTrainingOptions {
  DeviceOptions device;
  int depth = 18;
  int64_t side = 320, batch = 128;
  int steps = 20, warm_up = 5;
  bool cuda_graph = true;
  std::string json;

  void declare(CLI::App& app);
};

/// Times training steps of ResNet-FPN on one batch: forward, clustering loss with 27 classes, backward, Adam. Prints
/// the median of three rounds, and with options.json writes them, every step's loss, the peak of tensor memory, and the
/// seconds from the program's start until the first step was done. `make_timer` serves GPUs.
/// @returns 0. @throws Error when the device is not to be had or a loss is not finite.
int bench_training(const BenchTrainingOptions& options, const MakeTimer& make_timer);

/// Options of `bareseg bench loading`.
struct BenchLoadingOptions {
  DeviceOptions device;
  int64_t images = 1024, batch = 128;
  int workers = 0;
  std::string json;

  void declare(CLI::App& app);
};

/// Times the way from JPEG files in memory, 640x480, to two augmented views of 320x320 on the device, nothing cached,
/// beside decoding the same files alone with as many threads. Prints the medians of three rounds in images per second,
/// and with options.json writes every round's.
/// @returns 0. @throws Error when the device is not to be had.
int bench_loading(const BenchLoadingOptions& options);

/// Rounds of bench training and bench loading, whose median is printed.
inline constexpr int kBenchRounds = 3;

/// The timer of a device.
std::unique_ptr<Timer> timer_for(Device device, const MakeTimer& make_timer);
/// Writes `figures`, an object, with the device and its components, their versions among them, as JSON.
void write_figures(const std::string& file, Device device, nlohmann::json figures);
/// Middle value; `values` is not empty.
double median(std::vector<double> values);

}  // namespace bareseg
