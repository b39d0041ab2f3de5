#include "engine/disk_type.h"

#include <cmath>
#include <cstring>

namespace bareseg {
namespace {

// IEEE binary16, every value of which is a float32.
float half_to_float(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | static_cast<uint32_t>(mantissa) << 13);
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                        : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

template <typename From, typename To, typename F>
void convert(const std::byte* in, int64_t count, void* out, F&& f) {
  To* to = static_cast<To*>(out);
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, in + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
    to[i] = f(value);
  }
}

}  // namespace

void convert_elements(DiskType type, const std::byte* in, int64_t count, void* out) {
  const auto cast_float = [](auto value) { return static_cast<float>(value); };
  const auto cast_int = [](auto value) { return static_cast<int32_t>(value); };
  switch (type) {
    case DiskType::f64:
      return convert<double, float>(in, count, out, cast_float);
    case DiskType::f16:
      return convert<uint16_t, float>(in, count, out, half_to_float);
    case DiskType::u32:
      return convert<uint32_t, int64_t>(in, count, out, [](uint32_t value) { return int64_t{value}; });
    case DiskType::u16:
      return convert<uint16_t, int32_t>(in, count, out, cast_int);
    case DiskType::i16:
      return convert<int16_t, int32_t>(in, count, out, cast_int);
    case DiskType::i8:
      return convert<int8_t, int32_t>(in, count, out, cast_int);
    case DiskType::boolean:
      return convert<uint8_t, uint8_t>(in, count, out, [](uint8_t value) { return uint8_t{value != 0}; });
    case DiskType::f32:
    case DiskType::bf16:
    case DiskType::i64:
    case DiskType::i32:
    case DiskType::u8:
      if (count > 0) std::memcpy(out, in, static_cast<size_t>(count * size_of(type)));
  }
}

}  // namespace bareseg
