#include "cpu/cpu_backend.h"

#include <omp.h>

#include <cstring>
#include <fstream>

#include "cpu/dnn.h"
#include "cpu/dnn_library.h"

namespace bareseg {
namespace {

std::string processor_name() {
  constexpr std::string_view kKey = "model name\t: ";
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(kKey)) return line.substr(kKey.size());
  return "processor";
}

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

void set_cpu_threads(int threads) {
  BS_CHECK(threads >= 0, "threads: must not be negative, got ", threads);
  omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs());
}

CpuBackend::CpuBackend() = default;
CpuBackend::~CpuBackend() = default;

CpuBackend::Dnn& CpuBackend::dnn() {
  if (dnn_ == nullptr) dnn_ = std::make_unique<Dnn>();
  return *dnn_;
}

void CpuBackend::open(Device device, const DeviceSetup&) {
  BS_CHECK(device.index == 0, "there is one cpu, not ", device);
  dnn();
}

std::vector<Component> CpuBackend::components() {
  Component processor{"cpu", concat(processor_name(), ", ", omp_get_num_procs(), " threads"), ""};
  try {
    return {processor, {"oneDNN", dnn_library_text(), ""}};
  } catch (const Error& error) {
    return {processor, {"oneDNN", "", error.message()}};
  }
}

Allocator& CpuBackend::allocator(Device) { return host_allocator(); }

void CpuBackend::copy_to_host(const Tensor& x, void* host) {
  if (x.bytes() > 0) std::memcpy(host, x.raw(), static_cast<size_t>(x.bytes()));
}

void CpuBackend::copy_from_host(const void* host, Tensor& y) {
  if (y.bytes() > 0) std::memcpy(y.raw(), host, static_cast<size_t>(y.bytes()));
}

void CpuBackend::copy(const Tensor& x, Tensor& y) { copy_to_host(x, y.raw()); }

}  // namespace bareseg
