// ResNet-18-FPN at 160x160, batch 8: a training step (forward, clustering loss with 27 classes at stride 4, backward,
// Adam), and the forward pass of evaluation.
#include <cmath>

#include "bench/bench.h"
#include "engine/error.h"
#include "engine/random.h"
#include "layers/fpn.h"
#include "layers/optim.h"

namespace bareseg {
namespace {

constexpr int64_t kBatch = 8, kSide = 160, kClasses = 27;

Tensor images(DType dtype) { return random_normal({kBatch, kSide, kSide, 3}, Random(1, Draws::test, 0), dtype); }

ClusterTarget cluster_target(int64_t features) {
  const int64_t pixels = kBatch * (kSide / 4) * (kSide / 4);
  std::vector<uint8_t> labels(static_cast<size_t>(pixels));
  Random random(1, Draws::test, 1);
  for (uint8_t& label : labels) label = static_cast<uint8_t>(random.below(kClasses));
  return {.centroids = random_normal({kClasses, features}, Random(1, Draws::test, 2), kFloat32, {}, 0.1f),
          .labels = Tensor::from(labels, {pixels}),
          .class_weights = random_uniform({kClasses}, 0.5f, 1.5f, Random(1, Draws::test, 3))};
}

void train_step(benchmark::State& state, DType dtype) {
  ResNetFpn network({.depth = 18});
  Adam adam(network.parameters(), {.lr = 1e-4f});
  const Tensor x = images(dtype);
  const ClusterTarget target = cluster_target(network.features());
  const auto step = [&] {
    const Tensor loss = cosine_cluster_loss(network.forward(x), {target});
    backward(loss);
    adam.step();
    return loss.item();
  };
  double loss = step();
  const PeakMemory memory(state);
  for (auto _ : state) loss = step();
  if (!std::isfinite(loss)) state.SkipWithError("the loss is not finite");
  report_rate(state, "images/s", static_cast<double>(kBatch));
}

void eval_forward(benchmark::State& state, DType dtype) {
  ResNetFpn network({.depth = 18});
  network.set_training(false);
  const NoGrad no_grad;
  const Tensor x = images(dtype);
  network.forward(x);
  const PeakMemory memory(state);
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(x).raw());
  report_rate(state, "images/s", static_cast<double>(kBatch));
}

}  // namespace

void register_network() {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const char* name = dtype == kFloat32 ? "fp32" : "bf16";
    const auto add = [&](const char* group, void (*run)(benchmark::State&, DType)) {
      benchmark::RegisterBenchmark(concat(group, name).c_str(), [=](benchmark::State& state) { run(state, dtype); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("train_step/", train_step);
    add("eval_forward/", eval_forward);
  }
}

}  // namespace bareseg
