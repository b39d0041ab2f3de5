// Elements as float, and several at a time: accesses of 16 bytes are what reaches the memory's bandwidth.
#pragma once

#include "cuda/launch.h"
#include "engine/dtype.h"

namespace bareseg {

/// N neighbouring elements, read and written by one instruction when they fill 4, 8 or 16 bytes.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  static_assert(sizeof(T) * N <= 16 && (sizeof(T) * N & (sizeof(T) * N - 1)) == 0);
  T values[N];

  __device__ __forceinline__ T& operator[](int i) { return values[i]; }
  __device__ __forceinline__ const T& operator[](int i) const { return values[i]; }
};

/// Elements of 16 bytes.
template <typename T>
inline constexpr int kPack = 16 / static_cast<int>(sizeof(T));

/// True when all pointers may be read and written in packs of 16 bytes.
template <typename... T>
bool aligned_for_packs(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

namespace detail {

// The word that one access of so many bytes moves.
template <size_t kBytes>
struct Word;
template <>
struct Word<16> {
  using type = uint4;
};
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<4> {
  using type = uint32_t;
};
template <>
struct Word<2> {
  using type = uint16_t;
};
template <>
struct Word<1> {
  using type = uint8_t;
};

}  // namespace detail

/// p must be aligned to the size of the pack.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> load_pack(const T* p) {
  using Word = typename detail::Word<sizeof(Pack<T, N>)>::type;
#if defined(BARESEG_EMULATE)
  emulator::check_aligned(p, sizeof(Word));
#endif
  return std::bit_cast<Pack<T, N>>(*reinterpret_cast<const Word*>(p));
}
template <int N, typename T>
__device__ __forceinline__ void store_pack(T* p, const Pack<T, N>& pack) {
  using Word = typename detail::Word<sizeof(Pack<T, N>)>::type;
#if defined(BARESEG_EMULATE)
  emulator::check_aligned(p, sizeof(Word));
#endif
  *reinterpret_cast<Word*>(p) = std::bit_cast<Word>(pack);
}
#if defined(BARESEG_EMULATE)
template <int N, typename T>
Pack<T, N> load_pack(SharedArray<T> p) {
  return load_pack<N>(p.range(N));
}
template <int N, typename T>
void store_pack(SharedArray<T> p, const Pack<T, N>& pack) {
  store_pack<N>(p.range(N), pack);
}
#endif

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(bfloat16 value) { return static_cast<float>(value); }

/// float -> T, to nearest even; NaN stays NaN (the device's has other bits than the host's).
template <typename T>
__device__ __forceinline__ T from_float(float value) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, bfloat16>) {
    bfloat16 rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(value));
    return rounded;
  }
#endif
  return T(value);
}

__device__ __forceinline__ float load(const float* p) { return *p; }
__device__ __forceinline__ float load(const bfloat16* p) { return static_cast<float>(*p); }
template <typename T>
__device__ __forceinline__ void store(T* p, float value) {
  *p = from_float<T>(value);
}

/// N elements at p as floats, in accesses of up to 16 bytes. p is aligned to min(16, N sizeof(T)) bytes.
template <int N, typename T>
__device__ __forceinline__ void load_floats(const T* p, float (&values)[N]) {
  constexpr int kStep = N < kPack<T> ? N : kPack<T>;
#pragma unroll
  for (int i = 0; i < N; i += kStep) {
    const Pack<T, kStep> pack = load_pack<kStep>(p + i);
#pragma unroll
    for (int j = 0; j < kStep; ++j) values[i + j] = to_float(pack[j]);
  }
}
template <int N, typename T>
__device__ __forceinline__ void store_floats(T* p, const float (&values)[N]) {
  constexpr int kStep = N < kPack<T> ? N : kPack<T>;
#pragma unroll
  for (int i = 0; i < N; i += kStep) {
    Pack<T, kStep> pack;
#pragma unroll
    for (int j = 0; j < kStep; ++j) pack[j] = from_float<T>(values[i + j]);
    store_pack<kStep>(p + i, pack);
  }
}

}  // namespace bareseg
