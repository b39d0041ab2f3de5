#include "cuda/devices.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cuda/check.h"
#include "cuda/library.h"

namespace bareseg {
namespace {

constexpr const char* kBuiltFor = BARESEG_CUDA_BUILT_FOR;
constexpr int kOldestCapability = 8;
constexpr int kOldestDriver = CUDART_VERSION >= 13000 ? 580 : 525;  // that serves this major version of CUDA

// "13.0" of 13000
std::string version_text(int version) { return concat(version / 1000, '.', version % 1000 / 10); }

// "580.95.05" as the kernel's module says; "" where it does not.
std::string module_version() {
  std::string line, word;
  std::getline(std::ifstream("/proc/driver/nvidia/version"), line);
  for (std::istringstream words(line); words >> word;) {
    if (word.find_first_not_of("0123456789.") == std::string::npos && word.find('.') != std::string::npos) return word;
  }
  return "";
}

struct Driver {
  int version = 0, devices = 0;
  std::string problem;
};

Driver find_driver() {
  Driver driver;
  const cudaError_t status = cudaGetDeviceCount(&driver.devices);
  static_cast<void>(cudaDriverGetVersion(&driver.version));
  if (status == cudaSuccess && driver.devices > 0) return driver;
  driver.devices = 0;
  static_cast<void>(cudaGetLastError());
  if (driver.version == 0) {
    driver.problem = concat("no NVIDIA driver was found (libcuda.so.1, where the loader looks); install version ",
                            kOldestDriver, " or newer");
  } else if (status == cudaErrorInsufficientDriver) {
    driver.problem = concat("the NVIDIA driver serves CUDA ", version_text(driver.version), ", this program needs ",
                            version_text(CUDART_VERSION), "; install version ", kOldestDriver, " or newer");
  } else if (status == cudaErrorNoDevice || status == cudaSuccess) {
    driver.problem = "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?)";
  } else {
    driver.problem = concat("the NVIDIA driver fails: ", cudaGetErrorName(status), ", ", cudaGetErrorString(status));
  }
  return driver;
}

Component find_device(int index) {
  Component device{concat("cuda:", index), "", ""};
  cudaDeviceProp p = {};
  if (const cudaError_t status = cudaGetDeviceProperties(&p, index); status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    device.what = "a GPU";
    device.problem = concat("the driver says ", cudaGetErrorName(status), ", ", cudaGetErrorString(status));
    return device;
  }
  char memory[32];
  std::snprintf(memory, sizeof memory, "%.1f", static_cast<double>(p.totalGlobalMem) / 0x1p30);
  device.what = concat(p.name, ", ", memory, " GiB, compute capability ", p.major, '.', p.minor);
  if (p.major < kOldestCapability) {
    device.problem = concat("compute capability ", kOldestCapability, ".0 or newer is needed");
  } else if (!kernels_run_on(kBuiltFor, p.major, p.minor)) {
    device.problem = concat("this program's kernels are built for ", kBuiltFor, "; build it with ",
                            "-DBARESEG_CUDA_ARCHITECTURES=", p.major, p.minor, " or all");
  } else if (p.memoryPoolsSupported == 0) {
    device.problem = "its driver has no memory pools";
  }
  return device;
}

template <typename Version, typename Open>
Component find_library(const char* name, const Version& version, const Open& open) {
  try {
    return {name, concat(version(), ", ", open().library.path().string()), ""};
  } catch (const Error& error) {
    return {name, "", error.message()};
  }
}

}  // namespace

bool kernels_run_on(const std::string& architectures, int major, int minor) {
  const int device = 10 * major + minor;
  bool numbers = false;
  std::istringstream list(architectures);
  for (std::string item; std::getline(list, item, ',');) {
    char* end = nullptr;
    const auto built = static_cast<int>(std::strtol(item.c_str(), &end, 10));
    if (built == 0) continue;
    numbers = true;
    const std::string kind = end;  // "", "-real", "-virtual"; with "a" before it for one capability alone
    if (kind.starts_with('a') ? built == device : built / 10 == major && built <= device) return true;
    if (!kind.starts_with('a') && !kind.ends_with("-real") && built <= device) return true;
  }
  return !numbers;
}

std::vector<Component> cuda_components() {
  const Driver driver = find_driver();
  std::vector<Component> all;
  for (int i = 0; i < driver.devices; ++i) all.push_back(find_device(i));
  const std::string module = module_version();
  all.push_back({"NVIDIA driver",
                 driver.version == 0
                     ? ""
                     : concat(module, module.empty() ? "" : ", ", "serves CUDA ", version_text(driver.version)),
                 driver.problem});
  all.push_back({"CUDA runtime", concat(version_text(CUDART_VERSION), ", part of this program"), ""});
  all.push_back(find_library("cuDNN", cudnn_version_text, cudnn));
  all.push_back(find_library("cuBLASLt", cublas_lt_version_text, cublas_lt));
  all.push_back(find_library("NCCL", nccl_version_text, nccl));  // for several GPUs, so require_cuda() does not ask
  return all;
}

void require_cuda(int index) {
  const Driver driver = find_driver();
  BS_CHECK(driver.problem.empty(), "cuda:", index, ": ", driver.problem);
  BS_CHECK(index < driver.devices, "cuda:", index, ": the NVIDIA driver sees ", driver.devices,
           " GPUs, numbered from 0");
  const Component device = find_device(index);
  BS_CHECK(device.problem.empty(), device.name, ": ", device.what, ": ", device.problem);
  cudnn();
  cublas_lt();
}

}  // namespace bareseg
