// What there is of CUDA on this machine. Works, and says what is missing, where no driver is.
#pragma once

#include <vector>

#include "engine/backend.h"

namespace bareseg {

/// Driver, runtime, libraries and devices, with their versions and problems.
std::vector<Component> cuda_components();

/// @throws Error naming what is missing and what to install unless driver, GPU `index`, cuDNN and cuBLASLt can be used.
void require_cuda(int index);

}  // namespace bareseg
