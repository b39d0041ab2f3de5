// What the ladders share. A ladder is a kernel's way from naive to shipped, one source file per rung; its program
// checks every rung against a plain loop on the CPU before it times it. Like the kernels, rungs and checks build twice:
// by nvcc for the program, and as C++ for the emulator, where a test runs the checks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/launch.h"
#include "engine/error.h"

#if defined(BARESEG_EMULATE)
#include "tests/emulator/memory.h"
#else
#include <cuda_runtime_api.h>
#endif

namespace bareseg::ladder {

#if defined(BARESEG_EMULATE)

inline void* allocate(int64_t bytes) { return emulator::memory().allocate(bytes); }
inline void release(void* data, int64_t bytes) { emulator::memory().deallocate(data, bytes); }
inline void copy(void* to, const void* from, int64_t bytes) { std::memcpy(to, from, static_cast<size_t>(bytes)); }

#else

inline void check(cudaError_t error, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (error != cudaSuccess) fail_at(file, line, cudaGetErrorName(error), ": ", cudaGetErrorString(error));
}
inline void* allocate(int64_t bytes) {
  void* data = nullptr;
  check(cudaMalloc(&data, static_cast<size_t>(bytes)));
  return data;
}
inline void release(void* data, int64_t) { cudaFree(data); }
inline void copy(void* to, const void* from, int64_t bytes) {
  check(cudaMemcpy(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault));
}

#endif

/// `count` elements in the device's memory.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t count) : count_(count), data_(static_cast<T*>(allocate(bytes()))) {}
  explicit DeviceArray(const std::vector<T>& host) : DeviceArray(static_cast<int64_t>(host.size())) {
    copy(data_, host.data(), bytes());
  }
  ~DeviceArray() { release(data_, bytes()); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(T)); }
  /// Waits for the device.
  std::vector<T> to_host() const {
    std::vector<T> host(static_cast<size_t>(count_));
    copy(host.data(), data_, bytes());
    return host;
  }

 private:
  int64_t count_;
  T* data_;
};

/// |actual - expected| / |expected| in the 2-norm; NaN where anything is.
template <typename T>
double relative_error(const std::vector<T>& actual, const std::vector<double>& expected) {
  double off = 0.0, norm = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - expected[i];
    off += difference * difference;
    norm += expected[i] * expected[i];
  }
  return std::sqrt(off / norm);
}

#if !defined(BARESEG_EMULATE)

/// Milliseconds of run(stream), each time with the L2 cache full of other data.
struct Times {
  double median, best;
};
template <typename Run>
Times time_cold(const Run& run, int repeats = 20) {
  const DeviceArray<char> other(int64_t{256} << 20);
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin));
  check(cudaEventCreate(&end));
  std::vector<double> times;
  for (int i = -3; i < repeats; ++i) {  // the first three warm up
    check(cudaMemsetAsync(other.data(), i & 1, static_cast<size_t>(other.bytes()), nullptr));
    check(cudaEventRecord(begin, nullptr));
    run(Stream{nullptr});
    check(cudaEventRecord(end, nullptr));
    check(cudaEventSynchronize(end));
    float time = 0.0f;
    check(cudaEventElapsedTime(&time, begin, end));
    if (i >= 0) times.push_back(static_cast<double>(time));
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front()};
}

/// Bytes read and written per second by a copy within the device's memory, what no kernel bound by memory exceeds.
inline double copy_rate() {
  const DeviceArray<char> from(int64_t{1} << 30), to(int64_t{1} << 30);
  const auto copy_all = [&](Stream stream) {
    check(cudaMemcpyAsync(to.data(), from.data(), static_cast<size_t>(from.bytes()), cudaMemcpyDefault, stream));
  };
  return 2.0 * static_cast<double>(from.bytes()) / (time_cold(copy_all).median * 1e-3);
}

/// `ladder_<name> [--json FILE] [size]`. Ends the program where that is not what it was given.
struct Arguments {
  const char* json = nullptr;
  long long size;

  Arguments(int argc, char** argv, long long usual, const char* what) : size(usual) {
    int next = 1;
    if (argc > 2 && std::string(argv[1]) == "--json") {
      json = argv[2];
      next = 3;
    }
    if (next < argc) size = std::atoll(argv[next++]);
    if (next == argc && size > 0) return;
    std::fprintf(stderr, "usage: %s [--json FILE] [%s]\n", argv[0], what);
    std::exit(2);
  }
};

/// The rungs' figures: a row of Markdown each, and all in a file of JSON where one is named.
class Table {
 public:
  /// Measures the copy rate. `what`: the task, in words.
  Table(const Arguments& arguments, const std::string& what) : arguments_(arguments) {
    check(cudaGetDeviceProperties(&device_, 0));
    check(cudaDriverGetVersion(&driver_));
    copy_ = copy_rate();
    std::printf("%s, copies %.0f GB/s; %s\n", device_.name, copy_ * 1e-9, what.c_str());
    std::printf("all rungs agree with the CPU; cold L2, median of 20\n\n");
    std::printf("| rung | ms | best ms | TFLOP/s | GB/s | of the copy rate |\n|---|---|---|---|---|---|\n");
  }

  /// @param bytes, flop  what the task needs at least; no flop where it has none.
  void add(const char* rung, const Times& times, double bytes, double flop = 0.0) {
    const double seconds = times.median * 1e-3;
    char rate[32] = "";
    if (flop > 0.0) std::snprintf(rate, sizeof rate, "%.1f", flop / seconds * 1e-12);
    std::printf("| %s | %.3f | %.3f | %s | %.0f | %.0f %% |\n", rung, times.median, times.best, rate,
                bytes / seconds * 1e-9, 100.0 * bytes / seconds / copy_);
    char row[256];
    std::snprintf(row, sizeof row, "%s\n  {\"rung\": \"%s\", \"ms\": %.6f, \"best_ms\": %.6f, \"bytes\": %.0f}",
                  rows_.empty() ? "" : ",", rung, times.median, times.best, bytes);
    rows_ += row;
  }

  void write() const {
    if (arguments_.json == nullptr) return;
    const std::string part = std::string(arguments_.json) + ".part";
    std::FILE* file = std::fopen(part.c_str(), "w");
    BS_CHECK(file != nullptr, "cannot write '", part, "'");
    std::fprintf(file,
                 "{\"gpu\": \"%s\", \"driver_cuda\": %d, \"runtime_cuda\": %d, \"size\": %lld, "
                 "\"copy_bytes_per_second\": %.0f, \"rungs\": [%s]}\n",
                 device_.name, driver_, CUDART_VERSION, arguments_.size, copy_, rows_.c_str());
    const bool written = std::fclose(file) == 0 && std::rename(part.c_str(), arguments_.json) == 0;
    BS_CHECK(written, "cannot write '", arguments_.json, "'");
  }

 private:
  Arguments arguments_;
  cudaDeviceProp device_{};
  int driver_ = 0;
  double copy_ = 0.0;
  std::string rows_;
};

/// main() of a ladder: run(arguments) gives the exit code.
template <typename Run>
int run_ladder(const Arguments& arguments, const Run& run) {
  try {
    return run(arguments);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

#endif

}  // namespace bareseg::ladder
