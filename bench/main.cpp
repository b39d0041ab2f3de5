// bareseg_bench: run it with --benchmark_filter=GROUP; scripts/bench.sh runs it beside the peers.
#include "bench/bench.h"
#include "cpu/cpu_backend.h"

int main(int argc, char** argv) {
  bareseg::install_backend(bareseg::Device::Type::cpu, bareseg::make_cpu_backend());
  bareseg::register_conv();
  bareseg::register_network();
  bareseg::register_kmeans();
  bareseg::register_views();
  bareseg::register_picie_epoch();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
