// One epoch of PiCIE, the first of `bareseg train picie --preset camvid`, cold: images are decoded, clustered,
// labelled, trained on, and those of "val" and "test" scored. BARESEG_BENCH_CAMVID names the folder of CamVid.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "apps/picie.h"
#include "bench/bench.h"

namespace bareseg {
namespace {

void picie_epoch(benchmark::State& state) {
  const char* camvid = std::getenv("BARESEG_BENCH_CAMVID");
  if (camvid == nullptr) return state.SkipWithError("set BARESEG_BENCH_CAMVID to the folder of CamVid");
  const auto folder = std::filesystem::temp_directory_path() / "bareseg_bench_picie_epoch";
  ClusterOptions options = picie_preset("camvid");
  options.data.root = camvid;
  options.device.device = "cpu";
  options.epochs = 1;
  options.out = folder;
  const PeakMemory memory(state);
  for (auto _ : state) {
    std::filesystem::remove_all(folder);
    if (train_on_clusters(options, "") != 0) return state.SkipWithError("interrupted");
    std::ifstream metrics(folder / "metrics.jsonl");
    const nlohmann::json epoch = nlohmann::json::parse(metrics);
    state.SetIterationTime(epoch.at("seconds").at("total").get<double>());
    state.counters["loss"] = epoch.at("loss").get<double>();
    state.counters["mIoU"] = epoch.at("mIoU").get<double>();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace

void register_picie_epoch() {
  benchmark::RegisterBenchmark("picie_epoch", picie_epoch)
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace bareseg
