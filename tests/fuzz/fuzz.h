// What the fuzz targets share. Each hands one reader arbitrary bytes; that may return or throw Error. Any other
// exception, a sanitizer's finding, a leak, more memory or more time than scripts/fuzz.sh allows is a bug.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/error.h"

namespace bareseg {

inline std::span<const std::byte> bytes_of(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

template <typename F>
void read_or_refuse(F&& read) {
  try {
    read();
  } catch (const Error&) {
    return;
  }
}

}  // namespace bareseg
