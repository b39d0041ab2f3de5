#include "engine/device.h"

#include <charconv>

#include "engine/error.h"

namespace bareseg {

Device Device::parse(std::string_view text) {
  if (text == "cpu") return {};
  if (text == "emulated") return {Type::emulated, 0};
  if (text == "cuda") return {Type::cuda, 0};
  constexpr std::string_view kPrefix = "cuda:";
  if (text.starts_with(kPrefix)) {
    const std::string_view digits = text.substr(kPrefix.size());
    int index = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc{} && end == digits.data() + digits.size() && index >= 0) return {Type::cuda, index};
  }
  fail_at(__FILE__, __LINE__, "device: expected cpu, cuda or cuda:N, got '", text, "'");
}

std::ostream& operator<<(std::ostream& out, Device device) {
  switch (device.type) {
    case Device::Type::cpu:
      return out << "cpu";
    case Device::Type::emulated:
      return out << "emulated";
    case Device::Type::cuda:
      break;
  }
  return out << "cuda:" << device.index;
}

}  // namespace bareseg
