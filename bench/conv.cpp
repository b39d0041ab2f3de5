// Every convolution of ResNet-18-FPN at 160x160, batch 8: forward, and the gradients of data and weights.
#include <string>

#include "bench/bench.h"
#include "engine/error.h"
#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kBatch = 8;

struct Layer {
  const char* name;
  int64_t side, in, out, kernel, stride;
};

constexpr Layer kLayers[] = {
    {"stem", 160, 3, 64, 7, 2},
    {"layer1", 40, 64, 64, 3, 1},
    {"layer2_down", 40, 64, 128, 3, 2},
    {"layer2_shortcut", 40, 64, 128, 1, 2},
    {"layer2", 20, 128, 128, 3, 1},
    {"layer3_down", 20, 128, 256, 3, 2},
    {"layer3_shortcut", 20, 128, 256, 1, 2},
    {"layer3", 10, 256, 256, 3, 1},
    {"layer4_down", 10, 256, 512, 3, 2},
    {"layer4_shortcut", 10, 256, 512, 1, 2},
    {"layer4", 5, 512, 512, 3, 1},
    {"lateral5", 5, 512, 128, 1, 1},
    {"lateral4", 10, 256, 128, 1, 1},
    {"lateral3", 20, 128, 128, 1, 1},
    {"lateral2", 40, 64, 128, 1, 1},
};

enum class Pass { forward, data, weight };

void conv(benchmark::State& state, const Layer& layer, Pass pass, DType dtype) {
  const ConvOptions o{.stride = layer.stride, .padding = layer.kernel / 2};
  const int64_t out_side = (layer.side + 2 * o.padding - layer.kernel) / layer.stride + 1;
  const auto random = [](uint64_t part) { return Random(1, Draws::test, part); };
  const Tensor x = random_normal({kBatch, layer.side, layer.side, layer.in}, random(0), dtype);
  const Tensor w = random_normal({layer.out, layer.kernel, layer.kernel, layer.in}, random(1), dtype);
  const Tensor dy = random_normal({kBatch, out_side, out_side, layer.out}, random(2), dtype);
  Tensor y = Tensor::empty_like(dy), dx = Tensor::empty_like(x), dw = Tensor::empty(w.shape());
  Backend& device = backend(x.device());
  const PeakMemory memory(state);
  for (auto _ : state) {
    switch (pass) {
      case Pass::forward:
        device.conv2d(x, w, {}, o, y);
        break;
      case Pass::data:
        device.conv2d_backward_data(dy, w, o, dx);
        break;
      case Pass::weight:
        device.conv2d_backward_weight(dy, x, o, dw);
        break;
    }
  }
  report_rate(state, "FLOPS", 2.0 * static_cast<double>(dy.count() * layer.kernel * layer.kernel * layer.in));
}

}  // namespace

void register_conv() {
  constexpr std::pair<const char*, Pass> kPasses[] = {
      {"forward", Pass::forward}, {"data", Pass::data}, {"weight", Pass::weight}};
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const Layer& layer : kLayers) {
      for (const auto& [name, pass] : kPasses) {
        if (pass == Pass::data && layer.in == 3) continue;  // nobody asks for the gradient of the image
        benchmark::RegisterBenchmark(
            concat("conv/", dtype == kFloat32 ? "fp32/" : "bf16/", layer.name, "/", name).c_str(),
            [=, pass = pass](benchmark::State& state) { conv(state, layer, pass, dtype); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace bareseg
