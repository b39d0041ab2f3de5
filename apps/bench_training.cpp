#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/bench.h"
#include "apps/bench_cases.h"
#include "apps/run.h"
#include "data/scenes.h"
#include "engine/augment.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "engine/step_graph.h"
#include "layers/fpn.h"
#include "layers/optim.h"

namespace bareseg {
namespace {

constexpr int64_t kScenes = 8;  // that take turns in the batch

// Seconds from the start of this program on, its loading included.
double seconds_since_start() {
  constexpr int kStartTime = 22;  // the field of /proc/self/stat, in clock ticks since the machine's start
  std::string stat;
  std::getline(std::ifstream("/proc/self/stat"), stat);
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));  // the second one, a name, may hold anything
  std::string field;
  for (int i = 3; i <= kStartTime; ++i) fields >> field;
  double now = 0.0;
  std::ifstream("/proc/uptime") >> now;
  return now - std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// One batch, and the network that is trained on it.
class Training {
 public:
  Training(const BenchTrainingOptions& o, Device device)
      : network_({.depth = o.depth}, {.device = device}),
        adam_(network_.parameters(), {.lr = 1e-4f}),
        graph_(
            device, [this](const std::vector<Tensor>&) { return step_on_device(); }, o.cuda_graph) {
    const BenchSetup setup{device, o.batch, o.device.float_type()};
    const int64_t scenes = std::min<int64_t>(o.batch, kScenes);
    const auto rendered = open_scenes({.scenes = scenes, .scene_size = o.side}, Split::train);
    std::vector<uint8_t> pixels;
    for (int64_t i = 0; i < scenes; ++i) {
      const Image image = rendered->image(i);
      pixels.insert(pixels.end(), image.rgb.begin(), image.rgb.end());
    }
    const Tensor few = Tensor::from(pixels, {scenes, o.side, o.side, 3}, device);
    const Tensor images = setup.repeated(few, o.batch).view({o.batch, o.side, o.side, 3});
    images_ = normalize_images(images, setup.dtype, backend(device).image_channels());
    const int64_t side = (o.side + 3) / 4, classes = kBenchClasses;
    target_ = {
        .centroids = random_normal({classes, network_.features()}, Random(1, Draws::test, 2), kFloat32, device, 0.1f),
        .labels = setup.labels(o.batch * side * side, classes, kUInt8),
        .class_weights = random_uniform({classes}, 0.5f, 1.5f, Random(1, Draws::test, 3), kFloat32, device)};
  }

  /// The loss, not yet read.
  Tensor step() { return graph_.run({})[0]; }
  const StepGraph& graph() const { return graph_; }

 private:
  std::vector<Tensor> step_on_device() {
    adam_.clear_gradients();
    const Tensor loss = cosine_cluster_loss(network_.forward(images_), {target_});
    backward(loss);
    adam_.step();
    return {loss};
  }

  ResNetFpn network_;
  Adam adam_;
  StepGraph graph_;
  Tensor images_;
  ClusterTarget target_;
};

}  // namespace

void BenchTrainingOptions::declare(CLI::App& app) {
  device.declare(app);
  app.add_option("--depth", depth, "layers of the ResNet")
      ->check(CLI::IsMember({18, 34, 50, 101}))
      ->capture_default_str();
  app.add_option("--side", side, "side of the images")->check(CLI::Range(32, 4096))->capture_default_str();
  app.add_option("--batch", batch, "images per step")->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_option("--steps", steps, "steps of each of the three rounds that are timed")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--warm-up", warm_up, "steps before them")->check(CLI::Range(1, 100'000))->capture_default_str();
  app.add_flag("--cuda-graph,!--no-cuda-graph", cuda_graph, "cuda: start a step's kernels as one graph (the default)");
  app.add_option("--json", json, "file for the figures");
}

int bench_training(const BenchTrainingOptions& options, const MakeTimer& make_timer) {
  const Device device = options.device.open();
  Training training(options, device);
  std::vector<Tensor> pending{training.step()};
  std::vector<double> losses{pending.front().item()};
  const double first = seconds_since_start();
  // Losses are read between the rounds alone: the host may run ahead of the device, as it does in training.
  const auto steps = [&](int count) {
    pending.clear();
    for (int i = 0; i < count; ++i) pending.push_back(training.step());
  };
  const auto read = [&] {
    for (const Tensor& loss : pending) losses.push_back(loss.item());
  };
  steps(options.warm_up - 1);
  read();
  allocator(device).reset_peak();
  const std::unique_ptr<Timer> timer = timer_for(device, make_timer);
  std::vector<double> rounds;
  for (int round = 0; round < kBenchRounds; ++round) {
    timer->start();
    steps(options.steps);
    rounds.push_back(1e3 * timer->stop() / options.steps);
    read();
  }
  for (const double loss : losses) BS_CHECK(std::isfinite(loss), "bench training: a loss is ", loss);

  const char* const graph = training.graph().replays() ? "as a CUDA graph" : "op by op";
  if (!training.graph().problem().empty()) log_warning(concat("no CUDA graph: ", training.graph().problem()));
  const double ms = median(rounds), images = 1e3 * static_cast<double>(options.batch) / ms;
  const int64_t peak = allocator(device).use().peak;
  std::printf(
      "ResNet-%d-FPN, %s, %s, batch %lld of %lld x %lld, %s: %.3f ms a step, %.0f images/s, tensors %.0f MB; "
      "first step done after %.2f s\n",
      options.depth, concat(device).c_str(), options.device.dtype.c_str(), static_cast<long long>(options.batch),
      static_cast<long long>(options.side), static_cast<long long>(options.side), graph, ms, images,
      1e-6 * static_cast<double>(peak), first);
  if (!options.json.empty()) {
    write_figures(options.json, device,
                  {{"dtype", options.device.dtype},
                   {"depth", options.depth},
                   {"side", options.side},
                   {"batch", options.batch},
                   {"ms", ms},
                   {"ms_rounds", rounds},
                   {"images_per_s", images},
                   {"peak_tensor_bytes", peak},
                   {"first_step_s", first},
                   {"cuda_graph", training.graph().replays()},
                   {"losses", losses}});
  }
  return 0;
}

}  // namespace bareseg
