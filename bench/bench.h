// What all benchmarks share. Names are group/case, the same as in the peers' scripts, so that rows can be compared.
#pragma once

#include <sys/resource.h>

#include <benchmark/benchmark.h>

#include "engine/backend.h"
#include "engine/storage.h"

namespace bareseg {

/// Reports memory beside the time, in 10^6 bytes: peak_MB, the most that tensors held during its life, and resident_MB,
/// the most the process has held since it began.
class PeakMemory {
 public:
  explicit PeakMemory(benchmark::State& state) : state_(state) { host_allocator().reset_peak(); }
  ~PeakMemory() {
    state_.counters["peak_MB"] = static_cast<double>(host_allocator().use().peak) * 1e-6;
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    state_.counters["resident_MB"] = static_cast<double>(use.ru_maxrss) * 1024e-6;
  }
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

 private:
  benchmark::State& state_;
};

/// Counter name: units of work per second, from the work of one iteration.
inline void report_rate(benchmark::State& state, const char* name, double work) {
  state.counters[name] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}

void register_conv();         // bench/conv.cpp
void register_network();      // bench/network.cpp
void register_kmeans();       // bench/kmeans.cpp
void register_views();        // bench/views.cpp
void register_picie_epoch();  // bench/picie_epoch.cpp

}  // namespace bareseg
