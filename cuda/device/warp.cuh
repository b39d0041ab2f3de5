// What the threads of a warp or block do together. Kernels use these names, never the intrinsics: the emulator serves
// the same names. Every thread of the warp (of the block, for block_*) that has not returned must take part.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

inline constexpr int kWarp = 32;

#if defined(BARESEG_EMULATE)

// A lane that has returned or never was gives poison: NaN, or all bits set.
template <typename T>
T warp_shuffle(T value, int lane) {
  return emulator::read_lane(value, [lane](int) { return lane & (kWarp - 1); });
}
template <typename T>
T warp_shuffle_down(T value, int delta) {
  return emulator::read_lane(value, [delta](int self) { return self + delta < kWarp ? self + delta : self; });
}
template <typename T>
T warp_shuffle_up(T value, int delta) {
  return emulator::read_lane(value, [delta](int self) { return self >= delta ? self - delta : self; });
}
template <typename T>
T warp_shuffle_xor(T value, int mask) {
  return emulator::read_lane(value, [mask](int self) { return self ^ mask; });
}
inline unsigned warp_ballot(bool vote) { return emulator::ballot(vote); }

#else

inline constexpr unsigned kAllLanes = 0xffffffffu;

/// `value` of lane `lane`; of the lane `delta` above, below, and of the lane whose number differs in the bits of
/// `mask`. T has 4 or 8 bytes. A lane that has returned or never was gives anything.
template <typename T>
__device__ __forceinline__ T warp_shuffle(T value, int lane) {
  return __shfl_sync(kAllLanes, value, lane);
}
template <typename T>
__device__ __forceinline__ T warp_shuffle_down(T value, int delta) {
  return __shfl_down_sync(kAllLanes, value, delta);
}
template <typename T>
__device__ __forceinline__ T warp_shuffle_up(T value, int delta) {
  return __shfl_up_sync(kAllLanes, value, delta);
}
template <typename T>
__device__ __forceinline__ T warp_shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(kAllLanes, value, mask);
}
/// Bit i: the vote of lane i.
__device__ __forceinline__ unsigned warp_ballot(bool vote) { return __ballot_sync(kAllLanes, vote); }

#endif

__device__ __forceinline__ bool warp_any(bool vote) { return warp_ballot(vote) != 0; }

/// The thread's number in its block, x fastest; its lane is this modulo kWarp.
__device__ __forceinline__ int thread_in_block() {
  return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}
__device__ __forceinline__ int threads_in_block() { return static_cast<int>(blockDim.x * blockDim.y * blockDim.z); }
__device__ __forceinline__ int lane_in_warp() { return thread_in_block() % kWarp; }

/// Sum and maximum over groups of kLanes neighbouring lanes (a power of two), the same bits in each of them. Every lane
/// of the group must be there.
template <int kLanes = kWarp, typename T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int mask = kLanes / 2; mask > 0; mask /= 2) value += warp_shuffle_xor(value, mask);
  return value;
}
template <int kLanes = kWarp, typename T>
__device__ __forceinline__ T warp_max(T value) {
#pragma unroll
  for (int mask = kLanes / 2; mask > 0; mask /= 2) {
    const T other = warp_shuffle_xor(value, mask);
    value = other > value ? other : value;
  }
  return value;
}

/// Sum over the lanes up to the lane itself.
template <typename T>
__device__ __forceinline__ T warp_scan(T value) {
#pragma unroll
  for (int delta = 1; delta < kWarp; delta *= 2) {
    const T below = warp_shuffle_up(value, delta);
    if (lane_in_warp() >= delta) value += below;
  }
  return value;
}
/// The lanes, one bit each, whose value equals the lane's own in the lowest `bits` bits.
__device__ __forceinline__ unsigned warp_match(unsigned value, int bits) {
  unsigned lanes = ~0u;
  for (int bit = 0; bit < bits; ++bit) {
    const bool one = (value >> bit & 1u) != 0;
    const unsigned ones = warp_ballot(one);
    lanes &= one ? ones : ~ones;
  }
  return lanes;
}

/// combine(a, b) over all threads of a block of any size, in a fixed order; every thread gets the result. `scratch` has
/// kWarp elements and may be used again at once.
template <typename T, typename Combine>
__device__ __forceinline__ T block_reduce(T value, SharedArray<T> scratch, const Combine& combine) {
  const int thread = thread_in_block(), threads = threads_in_block();
  const int lane = thread % kWarp, warp = thread / kWarp;
  const int lanes = min(kWarp, threads - warp * kWarp);  // the last warp may be partly filled
#pragma unroll
  for (int delta = kWarp / 2; delta > 0; delta /= 2) {
    const T other = warp_shuffle_down(value, delta);
    if (lane + delta < lanes) value = combine(value, other);
  }
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  T total = scratch[0];
  for (int w = 1; w * kWarp < threads; ++w) total = combine(total, scratch[w]);
  __syncthreads();
  return total;
}

template <typename T>
__device__ __forceinline__ T block_sum(T value, SharedArray<T> scratch) {
  return block_reduce(value, scratch, [](T a, T b) { return a + b; });
}
template <typename T>
__device__ __forceinline__ T block_max(T value, SharedArray<T> scratch) {
  return block_reduce(value, scratch, [](T a, T b) { return b > a ? b : a; });
}

}  // namespace bareseg
