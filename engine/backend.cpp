#include "engine/backend.h"

#include <array>

namespace bareseg {
namespace {

std::array<std::unique_ptr<Backend>, 3> backends;

}  // namespace

void install_backend(Device::Type type, std::unique_ptr<Backend> backend) {
  backends.at(static_cast<size_t>(type)) = std::move(backend);
}

Backend& backend(Device device) {
  const auto& installed = backends.at(static_cast<size_t>(device.type));
  BS_CHECK(installed != nullptr, "no backend serves device ", device,
           device.type == Device::Type::cuda ? ": this program was built without CUDA" : "");
  return *installed;
}

Allocator& allocator(Device device) {
  return device == Device{} ? host_allocator() : backend(device).allocator(device);
}

}  // namespace bareseg
