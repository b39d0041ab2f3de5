// Copies from global to shared memory that pass no registers, so that many are under way at once.
#pragma once

#include "cuda/device/pack.cuh"

namespace bareseg {

/// Begins to copy 16 bytes; both ends are aligned to 16. In the emulator they arrive when the thread waits, no sooner.
template <typename T>
__device__ __forceinline__ void copy_async(SharedArray<T> to, const T* from) {
#if defined(BARESEG_EMULATE)
  emulator::begin_copy(to.range(kPack<T>), from);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(to))), "l"(from)
               : "memory");
#endif
}

/// Waits for the copies that this thread has begun; a barrier then shows them to the others.
__device__ __forceinline__ void wait_for_copies() {
#if defined(BARESEG_EMULATE)
  emulator::finish_copies();
#else
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/// Asks for the bytes [p, p + bytes) to be in L2 soon. By all threads of the block together.
__device__ __forceinline__ void prefetch_to_l2([[maybe_unused]] const void* p, [[maybe_unused]] int64_t bytes) {
#if !defined(BARESEG_EMULATE)
  constexpr int kLine = 128;
  for (int64_t i = int64_t{threadIdx.x} * kLine; i < bytes; i += int64_t{blockDim.x} * kLine)
    asm volatile("prefetch.global.L2 [%0];" : : "l"(static_cast<const char*>(p) + i));
#endif
}

}  // namespace bareseg
