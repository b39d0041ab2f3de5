// The backend of Device::Type::emulated: the kernels of cuda/ in the emulator; memory is the host's.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace bareseg {

std::unique_ptr<Backend> make_emulated_backend();

}  // namespace bareseg
