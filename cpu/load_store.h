// Elements of float32 and bfloat16 tensors as float, in a form that compilers vectorise.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/dtype.h"

namespace bareseg {

[[gnu::always_inline]] inline float load(const float* from) { return *from; }
[[gnu::always_inline]] inline float load(const bfloat16* from) { return static_cast<float>(*from); }

[[gnu::always_inline]] inline void store(float* to, float value) { *to = value; }
/// bfloat16(value), to nearest even and NaN stays NaN, as arithmetic: GCC turns the constructor's choice into branches.
[[gnu::always_inline]] inline void store(bfloat16* to, float value) {
  const uint32_t u = std::bit_cast<uint32_t>(value);
  const int32_t is_nan = -static_cast<int32_t>(static_cast<int32_t>(u & 0x7fffffffu) > 0x7f800000);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, quiet = (u >> 16) | 0x40u;
  to->bits = static_cast<uint16_t>(rounded ^ ((rounded ^ quiet) & static_cast<uint32_t>(is_nan)));
}

}  // namespace bareseg
