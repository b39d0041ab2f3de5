// Tensor cores, for products exact to float32: a float is the sum of three bfloat16, and the sums are float.
#pragma once

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {

/// Two bfloat16 in one register, `low` in the lower half.
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return bfloat16(low).bits | uint32_t{bfloat16(high).bits} << 16;
#endif
}
__device__ __forceinline__ float low_of(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
__device__ __forceinline__ float high_of(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

/// terms[0] + terms[1] + terms[2] = the pair, exactly unless a number is below 2^-110 or rounds to infinity.
__device__ __forceinline__ void split_pair(float low, float high, uint32_t (&terms)[3]) {
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    terms[i] = pack_pair(low, high);
    low -= low_of(terms[i]);
    high -= high_of(terms[i]);
  }
}

#if defined(BARESEG_EMULATE)
namespace detail {

// What a lane gives to a product. Others may still read that of the last product when it begins the next.
struct MmaLane {
  uint32_t a[4], b[2];
};
inline thread_local MmaLane mma_lanes[1024][2];
inline thread_local bool mma_second[1024];

}  // namespace detail
#endif

/// d += a b by a whole warp: a is 16 x 16, b 16 x 8, of bfloat16; d 16 x 8. With g = lane / 4, t = lane % 4, a lane has
///   a[0], a[1], a[2], a[3]: columns 2 t, 2 t + 1 of rows g and g + 8, then columns 2 t + 8, 2 t + 9 of the same rows;
///   b[0], b[1]: rows 2 t, 2 t + 1 of column g, then rows 2 t + 8, 2 t + 9;
///   d[0], d[1], d[2], d[3]: columns 2 t, 2 t + 1 of row g, then of row g + 8.
__device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(BARESEG_EMULATE)
  using Lane = detail::MmaLane;
  const int self = thread_in_block(), g = self % kWarp / 4, t = self % 4;
  Lane& own = detail::mma_lanes[self][detail::mma_second[self] = !detail::mma_second[self]];
  std::copy_n(a, 4, own.a);
  std::copy_n(b, 2, own.b);
  const emulator::Lanes lanes = emulator::meet(reinterpret_cast<uint64_t>(&own), "multiply_add");
  const auto lane = [&](int i) -> const Lane& {
    static constexpr Lane kAbsent{{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}};
    return (lanes.present >> i & 1u) != 0 ? *reinterpret_cast<const Lane*>(lanes.values[i]) : kAbsent;
  };
  for (int k = 0; k < 4; ++k)  // columns 2 k, 2 k + 1, 2 k + 8, 2 k + 9 of a
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 4; ++i) {
        const uint32_t row = lane(4 * g + k).a[2 * half + i / 2], column = lane(4 * (2 * t + i % 2) + k).b[half];
        d[i] += low_of(row) * low_of(column) + high_of(row) * high_of(column);
      }
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

}  // namespace bareseg
