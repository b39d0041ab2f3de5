#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "apps/bench_cases.h"
#include "apps/run.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr int kWarmUp = 3;
// Read before every run, so that no cache holds arguments of the kernel, nor lines that have yet to be written; and the
// host queues the kernel while the device is busy with this.
constexpr int64_t kFlushBytes = int64_t{1} << 30, kFlushBytesOfCpu = int64_t{128} << 20;

struct Bar {
  const char *name, *dtype;
  double seconds;
};
// Asked of an H200 at batch 128.
constexpr int64_t kBatchOfBars = 128;
constexpr Bar kBars[] = {
    {"kmeans_assign/27", "bf16", 80e-6},       {"kmeans_iteration/27", "bf16", 110e-6},
    {"kmeans_iteration/27", "fp32", 200e-6},   {"kmeans_iteration/1000", "bf16", 700e-6},
    {"cosine_cluster_loss/2", "bf16", 160e-6}, {"augment/both", "bf16", 1200e-6},
};

const char* short_name(DType dtype) { return dtype == kFloat32 ? "fp32" : "bf16"; }

class Clock {
 public:
  Clock(Device device, int runs, const MakeTimer& make_timer)
      : device_(device),
        runs_(runs),
        timer_(timer_for(device, make_timer)),
        flush_(
            Tensor::zeros({(device.type == Device::Type::cpu ? kFlushBytesOfCpu : kFlushBytes) / 4}, kFloat32, device)),
        flushed_(Tensor::empty({1}, kFloat32, device)) {}

  /// Seconds of each run, sorted.
  std::vector<double> time(const std::function<void()>& work) {
    for (int i = 0; i < kWarmUp; ++i) work();
    std::vector<double> seconds;
    for (int i = 0; i < runs_; ++i) {
      backend(device_).sum(flush_, 1.0f, flushed_);
      timer_->start();
      work();
      seconds.push_back(timer_->stop());
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds;
  }

 private:
  Device device_;
  int runs_;
  std::unique_ptr<Timer> timer_;
  Tensor flush_, flushed_;
};

// What the device can do at best: a copy, and large matrix products.
std::vector<BenchKernel> ceilings() {
  return {{"copy",
           {kFloat32},
           [](const BenchSetup& s) -> BenchCase {
             const Tensor x = s.normal({s.batch << 21});
             Tensor y = s.empty(x.shape());
             return {concat(x.shape()), 2 * x.bytes(), 0.0, [=]() mutable { s.on().copy(x, y); }};
           }},
          {"matmul", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
             const int64_t side = 64 * s.batch;
             const Tensor a = s.normal({side, side}), b = s.normal({side, side});
             Tensor y = s.empty({side, side});
             const auto n = static_cast<double>(side);
             return {concat(y.shape()), 3 * y.bytes(), 2.0 * n * n * n,
                     [=]() mutable { s.on().matmul(a, false, b, true, {}, y); }};
           }}};
}

bool chosen(const std::string& name, const std::string& only) {
  if (only.empty()) return true;
  const std::vector<std::string> prefixes = CLI::detail::split(only, ',');
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& p) { return name.starts_with(p); });
}

nlohmann::json measure(const BenchKernel& kernel, const BenchSetup& setup, Clock& clock) {
  nlohmann::json row = {{"name", kernel.name}, {"dtype", short_name(setup.dtype)}};
  try {
    const BenchCase c = kernel.make(setup);
    const std::vector<double> seconds = clock.time(c.run);
    const double middle = median(seconds);
    row.update({{"shape", c.shape},
                {"ms", 1e3 * middle},
                {"ms_least", 1e3 * seconds.front()},
                {"ms_most", 1e3 * seconds.back()},
                {"bytes", c.bytes},
                {"gb_per_s", 1e-9 * static_cast<double>(c.bytes) / middle}});
    if (c.flops > 0.0) row["tflop_per_s"] = 1e-12 * c.flops / middle;
    for (const Bar& bar : kBars) {
      if (setup.batch == kBatchOfBars && kernel.name == bar.name && row["dtype"] == bar.dtype) {
        row["ms_bar"] = 1e3 * bar.seconds;
      }
    }
  } catch (const Error& error) {
    row["error"] = error.what();
  }
  return row;
}

void print_heading() {
  std::printf("%-28s %-5s %10s %10s %10s %9s %7s %8s %8s %8s  %s\n", "kernel", "dtype", "us", "least", "most", "GB/s",
              "% copy", "TFLOP/s", "% matmul", "bar us", "shape");
}

void print(const nlohmann::json& row) {
  std::printf("%-28s %-5s ", row["name"].get<std::string>().c_str(), row["dtype"].get<std::string>().c_str());
  if (row.contains("error")) {
    std::printf("failed: %s\n", row["error"].get<std::string>().c_str());
    return;
  }
  const auto number = [&](const char* key, double factor, int width, int digits) {
    if (row.contains(key))
      std::printf("%*.*f ", width, digits, factor * row[key].get<double>());
    else
      std::printf("%*s ", width, "");
  };
  for (const char* key : {"ms", "ms_least", "ms_most"}) number(key, 1e3, 10, 1);
  number("gb_per_s", 1.0, 9, 0);
  number("percent_of_copy", 1.0, 7, 1);
  number("tflop_per_s", 1.0, 8, 1);
  number("percent_of_matmul", 1.0, 8, 1);
  number("ms_bar", 1e3, 8, 0);
  std::printf(" %s\n", row["shape"].get<std::string>().c_str());
  std::fflush(stdout);
}

}  // namespace

void BenchKernelsOptions::declare(CLI::App& app) {
  app.add_option("--device", device, "where to compute: cuda, cuda:N or cpu")->capture_default_str();
  app.add_option("--batch", batch, "images of 320x320 that the shapes are for")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--runs", runs, "times each kernel runs; the median counts")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--only", only, "comma-separated beginnings of names, in place of all");
  app.add_option("--json", json, "file for the figures");
}

std::unique_ptr<Timer> timer_for(Device device, const MakeTimer& make_timer) {
  if (device.type == Device::Type::cpu) return std::make_unique<WallTimer>();
  return make_timer(device);
}

void write_figures(const std::string& file, Device device, nlohmann::json figures) {
  figures["device"] = concat(device);
  for (const Component& c : backend(device).components()) figures["components"][c.name] = c.what;
  write_file_atomically(file, figures.dump(1) + '\n');
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int bench_kernels(const BenchKernelsOptions& options, const MakeTimer& make_timer) {
  const Device device = Device::parse(options.device);
  backend(device).open(device, {.tf32 = true, .tune_seconds = 0.0, .plan_file = ""});
  Clock clock(device, options.runs, make_timer);
  nlohmann::json rows = nlohmann::json::array();
  double copy_rate = 0.0;
  std::map<std::string, double> matmul_rates;  // by dtype
  bool failed = false;
  print_heading();
  const auto run = [&](const BenchKernel& kernel) {
    for (const DType dtype : kernel.dtypes) {
      nlohmann::json row = measure(kernel, {device, options.batch, dtype}, clock);
      failed |= row.contains("error");
      if (kernel.name == "copy") copy_rate = row.value("gb_per_s", 0.0);
      if (copy_rate > 0.0 && row.contains("gb_per_s")) {
        row["percent_of_copy"] = 100.0 * row["gb_per_s"].get<double>() / copy_rate;
      }
      if (row.contains("tflop_per_s")) {
        double& rate = matmul_rates[short_name(dtype)];
        if (kernel.name == "matmul") rate = row["tflop_per_s"];
        if (rate > 0.0) row["percent_of_matmul"] = 100.0 * row["tflop_per_s"].get<double>() / rate;
      }
      print(row);
      rows.push_back(std::move(row));
    }
  };
  for (const BenchKernel& kernel : ceilings()) run(kernel);
  for (const BenchKernel& kernel : bench_kernel_list()) {
    if (chosen(kernel.name, options.only)) run(kernel);
  }
  if (!options.json.empty()) {
    write_figures(options.json, device, {{"batch", options.batch}, {"kernels", rows}});
  }
  return failed ? kExitError : 0;
}

}  // namespace bareseg
