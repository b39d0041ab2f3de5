#include "cuda/library.h"

#include <cuda_runtime_api.h>

#include <utility>

#include "engine/error.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOldestCudnn = 90100, kOldestCublasLt = 120400, kOldestNccl = 21800;

// The nvidia/*/lib folders of a Python environment, or of a folder of packages.
void add_python_folders(const fs::path& environment_folder, std::vector<fs::path>& folders) {
  std::error_code none;
  std::vector<fs::path> packages{environment_folder};
  for (const auto& python : fs::directory_iterator(environment_folder / "lib", none)) {
    packages.push_back(python.path() / "site-packages");
  }
  for (const fs::path& site : packages) {
    for (const auto& package : fs::directory_iterator(site / "nvidia", none)) folders.push_back(package.path() / "lib");
  }
}

std::string advice(const char* packages) {
  return concat("Install ", packages,
                ", or name its folder in BARESEG_CUDA_LIBRARY_PATH, or a Python environment that has it in "
                "BARESEG_PYTHON_ENV.");
}

std::string version_text(size_t version) {
  return concat(version / 10000, '.', version % 10000 / 100, '.', version % 100);
}

// Built with BARESEG_STATIC_CUDA where there are archives, the libraries are part of the program (cmake/cuda.cmake).
SharedLibrary cudnn_library([[maybe_unused]] const std::string& install) {
#if defined(BARESEG_STATIC_CUDNN)
  return SharedLibrary::linked("cuDNN 9");
#else
  return SharedLibrary({"cuDNN 9", {"libcudnn.so.9"}, cuda_library_folders(), install});
#endif
}

SharedLibrary cublas_lt_library([[maybe_unused]] const std::string& install) {
#if defined(BARESEG_STATIC_CUBLASLT)
  return SharedLibrary::linked("cuBLASLt");
#else
  // The driver that serves this program's runtime serves the library of the same CUDA.
  std::vector<std::string> files{"libcublasLt.so.13", "libcublasLt.so.12"};
  if (CUDART_VERSION < 13000) std::swap(files.front(), files.back());
  return SharedLibrary({"cuBLASLt", files, cuda_library_folders(), install});
#endif
}

Cudnn open_cudnn() {
  const std::string install = advice("cuDNN 9 (package cudnn9-cuda-13 or -12; in Python nvidia-cudnn-cu13 or -cu12)");
  Cudnn opened{cudnn_library(install)};
  const size_t version = opened.cudnnGetVersion();
  BS_CHECK(version >= kOldestCudnn, "cuDNN 9.1 or newer is needed, but ", opened.library.path().string(), " is ",
           version_text(version), ". ", install);
  return opened;
}

CublasLt open_cublas_lt() {
  const std::string install =
      advice("cuBLAS (package libcublas-13-0 or -12-4 and newer; in Python nvidia-cublas or nvidia-cublas-cu12)");
  CublasLt opened{cublas_lt_library(install)};
  const size_t version = opened.cublasLtGetVersion();
  BS_CHECK(version >= kOldestCublasLt, "cuBLASLt 12.4 or newer is needed, but ", opened.library.path().string(), " is ",
           version_text(version), ". ", install);
  return opened;
}

size_t version_of(const Nccl& opened) {
  int version = 0;
  BS_CHECK(opened.ncclGetVersion(&version) == 0, opened.library.path().string(), " does not tell its version");
  return static_cast<size_t>(version);
}

Nccl open_nccl() {
  const std::string install = advice("NCCL (package libnccl2; in Python nvidia-nccl-cu13 or -cu12)");
  Nccl opened{SharedLibrary({"NCCL", {"libnccl.so.2"}, cuda_library_folders(), install})};
  const size_t version = version_of(opened);
  BS_CHECK(version >= kOldestNccl, "NCCL 2.18 or newer is needed, but ", opened.library.path().string(), " is ",
           version_text(version), ". ", install);
  return opened;
}

}  // namespace

std::vector<fs::path> cuda_library_folders() {
  std::vector<fs::path> folders = split_folders(environment("BARESEG_CUDA_LIBRARY_PATH"));
  folders.emplace_back();
  folders.emplace_back("/usr/local/cuda/lib64");
  const std::string python = environment("BARESEG_PYTHON_ENV");
  if (!python.empty()) add_python_folders(python, folders);
  return folders;
}

const Cudnn& cudnn() {
  static const Cudnn opened = open_cudnn();
  return opened;
}

const CublasLt& cublas_lt() {
  static const CublasLt opened = open_cublas_lt();
  return opened;
}

const Nccl& nccl() {
  static const Nccl opened = open_nccl();
  return opened;
}

std::string cudnn_version_text() { return version_text(cudnn().cudnnGetVersion()); }
std::string cublas_lt_version_text() { return version_text(cublas_lt().cublasLtGetVersion()); }
std::string nccl_version_text() { return version_text(version_of(nccl())); }

}  // namespace bareseg
