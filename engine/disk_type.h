// Element types of files, more than tensors have, and their conversion to those of tensors. Files are little-endian.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/dtype.h"

namespace bareseg {

static_assert(std::endian::native == std::endian::little, "element data of files is copied as it is");

enum class DiskType : uint8_t { f64, f32, f16, bf16, i64, u32, i32, u16, i16, i8, u8, boolean };

constexpr int64_t size_of(DiskType type) {
  switch (type) {
    case DiskType::f64:
    case DiskType::i64:
      return 8;
    case DiskType::f32:
    case DiskType::u32:
    case DiskType::i32:
      return 4;
    case DiskType::f16:
    case DiskType::bf16:
    case DiskType::u16:
    case DiskType::i16:
      return 2;
    case DiskType::i8:
    case DiskType::u8:
    case DiskType::boolean:
      return 1;
  }
  return 0;
}

/// The type that elements take in memory: f64 and f16 become float32 (f64 is rounded), i8, i16 and u16 int32, u32
/// int64, boolean uint8 (0 or 1); the others stay.
constexpr DType memory_type(DiskType type) {
  switch (type) {
    case DiskType::f64:
    case DiskType::f32:
    case DiskType::f16:
      return kFloat32;
    case DiskType::bf16:
      return kBFloat16;
    case DiskType::i64:
    case DiskType::u32:
      return kInt64;
    case DiskType::i32:
    case DiskType::u16:
    case DiskType::i16:
    case DiskType::i8:
      return kInt32;
    case DiskType::u8:
    case DiskType::boolean:
      return kUInt8;
  }
  return kUInt8;
}

/// Converts `count` elements at `in`, which need no alignment, to memory_type(type) at `out`. No overlap.
void convert_elements(DiskType type, const std::byte* in, int64_t count, void* out);

}  // namespace bareseg
