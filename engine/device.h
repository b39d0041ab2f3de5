// Where a tensor lives.
#pragma once

#include <compare>
#include <ostream>
#include <string_view>

namespace bareseg {

/// The default is the CPU. `emulated` is the tests' device: CUDA kernels run on the CPU.
struct Device {
  enum class Type : unsigned char { cpu, cuda, emulated };
  Type type = Type::cpu;
  int index = 0;

  /// Reads "cpu", "cuda", "cuda:1" or "emulated". Throws Error on anything else.
  static Device parse(std::string_view text);
  auto operator<=>(const Device&) const = default;
};

std::ostream& operator<<(std::ostream& out, Device device);

}  // namespace bareseg
