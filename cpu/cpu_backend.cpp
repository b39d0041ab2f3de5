#include "cpu/cpu_backend.h"

#include <omp.h>

#include <cstring>

#include "cpu/dnn.h"

namespace bareseg {

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

void set_cpu_threads(int threads) {
  BS_CHECK(threads >= 0, "threads: must not be negative, got ", threads);
  omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs());
}

CpuBackend::CpuBackend() : dnn_(std::make_unique<Dnn>()) {}
CpuBackend::~CpuBackend() = default;

Allocator& CpuBackend::allocator(Device) { return host_allocator(); }

void CpuBackend::copy_to_host(const Tensor& x, void* host) {
  if (x.bytes() > 0) std::memcpy(host, x.raw(), static_cast<size_t>(x.bytes()));
}

void CpuBackend::copy_from_host(const void* host, Tensor& y) {
  if (y.bytes() > 0) std::memcpy(y.raw(), host, static_cast<size_t>(y.bytes()));
}

void CpuBackend::copy(const Tensor& x, Tensor& y) { copy_to_host(x, y.raw()); }

}  // namespace bareseg
