// What nvcc gives a kernel without any header, for kernels that are built as C++: qualifiers, built-in variables,
// intrinsics. cuda/launch.h includes it under BARESEG_EMULATE.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "tests/emulator/emulator.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

// Of the thread that runs now.
using bareseg::emulator::blockDim;
using bareseg::emulator::blockIdx;
using bareseg::emulator::gridDim;
using bareseg::emulator::threadIdx;

struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  bareseg::emulator::sync_block(file, line);
}
inline void __syncwarp() { bareseg::emulator::meet(0, "__syncwarp"); }
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() { __threadfence(); }

// Of integers alone: the order of a float sum would show.
template <typename T>
concept AtomicInteger = std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;

// Calls next(old) until it is stored where old was; returns old.
template <AtomicInteger T, typename Next>
T atomic_update(T* at, const Next& next) {
  std::atomic_ref<T> value(*at);
  T old = value.load();
  while (!value.compare_exchange_weak(old, next(old))) {
  }
  return old;
}
template <AtomicInteger T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_add(value);
}
template <AtomicInteger T>
T atomicSub(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_sub(value);
}
template <AtomicInteger T>
T atomicOr(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_or(value);
}
template <AtomicInteger T>
T atomicAnd(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_and(value);
}
template <AtomicInteger T>
T atomicExch(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).exchange(value);
}
template <AtomicInteger T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  return atomic_update(at, [value](T old) { return std::max(old, value); });
}
template <AtomicInteger T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  return atomic_update(at, [value](T old) { return std::min(old, value); });
}
template <AtomicInteger T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  std::atomic_ref<T>(*at).compare_exchange_strong(expected, value);
  return expected;
}

using std::max;
using std::min;

template <typename T>
T __ldg(const T* p) {
  return *p;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
// The fast ones of the device are good to about 2 ulp; these are exact, under names that the C library keeps for
// itself.
#define __expf expf
#define __logf logf
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
// Never part of a fused multiply-add: the empty statement hides where the value comes from.
inline float bareseg_unfused(float value) {
  __asm__("" : "+x"(value));
  return value;
}
inline float __fmul_rn(float a, float b) { return bareseg_unfused(a * b); }
inline float __fadd_rn(float a, float b) { return bareseg_unfused(a + b); }
inline float __fsub_rn(float a, float b) { return bareseg_unfused(a - b); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
