// Runs CUDA kernels on the CPU so that their mistakes show.
//
// Every thread of a block is a fiber, blocks are spread over OpenMP's threads. A warp runs until each of its threads
// has returned or waits at a barrier of the block; then the next warp runs. Each launch is repeated with warps, lanes
// and blocks in forward, reverse and shuffled order, from the same memory, and must leave the same bits: a missing
// barrier can look right in any single order.
//
// A launch throws Error, with its place in the source, when threads of a block wait at different barriers or some have
// returned while others wait; when a warp's lanes do different things together; when a shared array is left; when
// memory around an allocation was written; when the results depend on the order. Shared memory starts as NaN.
#pragma once

// GCC says so by a macro, Clang when asked.
#if defined(__SANITIZE_ADDRESS__)
#define BARESEG_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BARESEG_ASAN
#endif
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace bareseg {
struct Grid;
}

namespace bareseg::emulator {

/// Bytes of shared memory of a block, an H100's.
inline constexpr size_t kSharedMemory = 227 << 10;

inline thread_local constinit dim3 threadIdx, blockIdx, blockDim, gridDim;

/// The whole launch: body() is the kernel with its arguments, called once per thread. `arguments`: their bytes.
void run(const Grid& grid, std::span<const std::byte> arguments, const std::function<void()>& body);

/// Work of this thread goes into `record` from now on, as a CUDA graph takes it; with null it is done again.
void record_into(std::vector<std::function<void()>>* record);
/// Does the work, or has it recorded.
void submit(std::function<void()> work);
bool recording();

// The rest is called by the threads of a running kernel.

/// Waits for all threads of the block.
void sync_block(const char* file, int line);

/// What the lanes of a warp gave to one meet(); poison, all bits set, where a lane has returned or never was.
struct Lanes {
  const uint64_t* values;
  uint32_t present;  // bit i: lane i took part
  int self;
};
/// Gives `value` to the warp and waits for its other threads. `what` names the operation; all lanes must name the same.
/// The result is good until the next meet().
Lanes meet(uint64_t value, const char* what);

/// The value that lane source(own lane) gave.
template <typename T, typename Source>
T read_lane(T value, const Source& source) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "lanes exchange 4 or 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const Lanes lanes = meet(bits, "warp_shuffle");
  std::memcpy(&value, &lanes.values[source(lanes.self)], sizeof(T));
  return value;
}
unsigned ballot(bool vote);

/// `bytes` of the block's shared memory that belong to the declaration `site`; poisoned once per block.
std::byte* shared_memory(const void* site, size_t bytes);
/// The dynamic shared memory and its size.
std::byte* dynamic_memory(size_t* bytes);

/// A copy of kCopy bytes that the thread begins, and the end of all that it has begun: before, nobody sees their bytes.
inline constexpr size_t kCopy = 16;
void begin_copy(void* to, const void* from);
void finish_copies();

/// Throws Error, naming the launch.
[[noreturn]] void fail_shared(int64_t index, int64_t count, size_t element);
[[noreturn]] void fail_aligned(const void* p, size_t bytes);

inline void check_aligned(const void* p, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(p) % bytes != 0) [[unlikely]]
    fail_aligned(p, bytes);
}

}  // namespace bareseg::emulator
