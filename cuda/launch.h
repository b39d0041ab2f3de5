// How a kernel starts: the one file that knows. Kernels are written against this header and cuda/device/*.cuh, and
// build twice: by nvcc, and with BARESEG_EMULATE as C++ for the tests, where tests/emulator runs every thread on the
// CPU. Host code that only passes a Stream along includes it too, without any CUDA header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/error.h"
#include "engine/host_device.h"

#if defined(BARESEG_EMULATE)
#include "tests/emulator/cuda_syntax.h"
#endif

struct CUstream_st;

namespace bareseg {

/// cudaStream_t.
using Stream = CUstream_st*;

}  // namespace bareseg

#if defined(BARESEG_EMULATE) || defined(__CUDACC__)

namespace bareseg {

/// Blocks, threads per block and bytes of dynamic shared memory of one launch, and where in the source it stands.
struct Grid {
  dim3 grid, block;
  size_t shared;
  const char* file;
  int line;

  Grid(int64_t blocks, dim3 threads, size_t shared_bytes = 0, const char* from = __builtin_FILE(),
       int from_line = __builtin_LINE())
      : Grid(dim3(checked(blocks, from, from_line)), threads, shared_bytes, from, from_line) {}
  Grid(dim3 blocks, dim3 threads, size_t shared_bytes = 0, const char* from = __builtin_FILE(),
       int from_line = __builtin_LINE())
      : grid(blocks), block(threads), shared(shared_bytes), file(from), line(from_line) {
    constexpr unsigned kMaxYZ = 65535, kMaxThreads = 1024;
    const int64_t per_block = int64_t{threads.x} * threads.y * threads.z;
    if (blocks.y > kMaxYZ || blocks.z > kMaxYZ || per_block < 1 || per_block > kMaxThreads) {
      fail_at(file, line, "launch: no GPU takes ", blocks.x, " x ", blocks.y, " x ", blocks.z, " blocks of ", threads.x,
              " x ", threads.y, " x ", threads.z, " threads");
    }
  }

  bool empty() const { return grid.x == 0 || grid.y == 0 || grid.z == 0; }

 private:
  static unsigned checked(int64_t blocks, const char* file, int line) {
    if (blocks < 0 || blocks > INT32_MAX) fail_at(file, line, "launch: no GPU takes ", blocks, " blocks");
    return static_cast<unsigned>(blocks);
  }
};

}  // namespace bareseg

#endif

namespace bareseg {

/// Bytes of shared memory, static and dynamic together, that a block has without asking for more, and how many of them
/// BS_SHARED may take in a kernel that has dynamic ones as well: launch() asks where the two might not fit. The
/// emulator refuses a kernel that takes more.
inline constexpr size_t kSharedWithoutAsking = 48 << 10, kMostStaticShared = 16 << 10;

}  // namespace bareseg

#if defined(BARESEG_EMULATE)

#include "tests/emulator/launch.h"

#elif defined(__CUDACC__)

#include <cstdlib>

namespace bareseg {

/// Shared memory as kernels hold it: a T* here, range checked by the emulator. Take it as SharedArray<T>.
template <typename T>
using SharedArray = T*;

/// Bytes [begin, end) of the block's dynamic shared memory, begin a multiple of alignof(T); to its end where none is
/// given. The emulator checks both.
template <typename T>
__device__ __forceinline__ SharedArray<T> dynamic_shared(size_t begin = 0, size_t /*end*/ = ~size_t{0}) {
  extern __shared__ __align__(16) unsigned char dynamic_shared_bytes[];
  return reinterpret_cast<T*>(dynamic_shared_bytes + begin);
}

inline void check_launch(cudaError_t error, const char* what, const char* file, int line) {
  if (error != cudaSuccess) fail_at(file, line, what, ": ", cudaGetErrorName(error), ", ", cudaGetErrorString(error));
}

/// An attribute of the current device.
inline int device_attribute(cudaDeviceAttr attribute, const char* file, int line) {
  int device = 0, value = 0;
  check_launch(cudaGetDevice(&device), "current device", file, line);
  check_launch(cudaDeviceGetAttribute(&value, attribute, device), "attribute of the device", file, line);
  return value;
}
/// Bytes of shared memory, static and dynamic, that a block of the current device may have.
inline size_t max_shared_bytes(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return static_cast<size_t>(device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, file, line));
}
/// Multiprocessors of the current device.
inline int64_t multiprocessors(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return device_attribute(cudaDevAttrMultiProcessorCount, file, line);
}

/// Runs kernel(args...) on `stream`, arguments converted to the kernel's parameter types; does nothing for an empty
/// grid. Throws Error with the place of the Grid when the launch is refused; with BARESEG_SYNC=1 in the environment it
/// also waits for the kernel and throws where that failed.
template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const Grid& grid, Stream stream, Args&&... args) {
  static const char* const sync = std::getenv("BARESEG_SYNC");
  if (grid.empty()) return;
  if (grid.shared > kSharedWithoutAsking - kMostStaticShared) {
    check_launch(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(grid.shared)),
        "shared memory of a kernel", grid.file, grid.line);
  }
  // clang-format off
  kernel<<<grid.grid, grid.block, grid.shared, stream>>>(static_cast<Params>(args)...);
  // clang-format on
  check_launch(cudaGetLastError(), "launch of a kernel", grid.file, grid.line);
  if (sync != nullptr && *sync == '1') check_launch(cudaStreamSynchronize(stream), "kernel", grid.file, grid.line);
}

}  // namespace bareseg

/// BS_SHARED(float, tile, 32 * 33): `count` elements of shared memory, 16-byte aligned, not initialised.
#define BS_SHARED(type, name, count)                                           \
  __shared__ __align__(16) unsigned char name##_bytes[sizeof(type) * (count)]; \
  const ::bareseg::SharedArray<type> name = reinterpret_cast<type*>(name##_bytes)

#endif
