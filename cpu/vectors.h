// Vector registers as types, for loops whose register tiles a compiler would not find by itself.
#pragma once

#include <cstdint>
#include <cstring>

namespace bareseg {

/// One vector register of floats and the integers of the same lanes. Memory is read unaligned.
struct Avx2 {
  using Float = float __attribute__((vector_size(32)));
  using Int = int32_t __attribute__((vector_size(32)));
};
struct Avx512 {
  using Float = float __attribute__((vector_size(64)));
  using Int = int32_t __attribute__((vector_size(64)));
};

template <typename V, typename T>
[[gnu::always_inline]] inline void load(V& v, const T* from) {
  std::memcpy(&v, from, sizeof(V));
}
template <typename V, typename T>
[[gnu::always_inline]] inline void store(T* to, const V& v) {
  std::memcpy(to, &v, sizeof(V));
}

/// True where functions built for the target "avx512f,avx512vl" run.
inline bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

}  // namespace bareseg
