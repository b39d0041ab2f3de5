// Element types and the conversion between float and bfloat16.
#pragma once

#include <bit>
#include <cstdint>
#include <ostream>
#include <type_traits>

#include "engine/error.h"
#include "engine/host_device.h"

namespace bareseg {

/// IEEE float32 cut to its upper 16 bits; conversion rounds to nearest even, NaN stays NaN.
struct bfloat16 {
  uint16_t bits = 0;

  bfloat16() = default;
  BS_HOST_DEVICE explicit bfloat16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  BS_HOST_DEVICE explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

enum class DType : uint8_t { f32, bf16, i32, i64, u8 };
inline constexpr DType kFloat32 = DType::f32, kBFloat16 = DType::bf16, kInt32 = DType::i32, kInt64 = DType::i64,
                       kUInt8 = DType::u8;

constexpr int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  return 0;
}
constexpr bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }
constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "float32";
    case DType::bf16:
      return "bfloat16";
    case DType::i32:
      return "int32";
    case DType::i64:
      return "int64";
    case DType::u8:
      return "uint8";
  }
  return "?";
}
inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

template <typename T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return DType::bf16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DType::i64;
  else {
    static_assert(std::is_same_v<T, uint8_t>, "no DType for this C++ type");
    return DType::u8;
  }
}

/// Calls f(T{}) with T = float or bfloat16. Throws Error for other dtypes.
template <typename F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  BS_CHECK(dtype == DType::bf16, "expected float32 or bfloat16, got ", dtype);
  return f(bfloat16{});
}

/// Calls f(T{}) with the C++ type of dtype.
template <typename F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::bf16:
      return f(bfloat16{});
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::u8:
      break;
  }
  return f(uint8_t{});
}

}  // namespace bareseg
