// Numbers as files have them.
#pragma once

#include <bit>
#include <string>

namespace bareseg {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

/// The bytes of `value`, the lowest first.
template <typename T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace bareseg
