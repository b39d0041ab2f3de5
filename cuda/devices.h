// What there is of CUDA on this machine. Works, and says what is missing, where no driver is.
#pragma once

#include <string>
#include <vector>

#include "engine/backend.h"

namespace bareseg {

/// Driver, runtime, libraries and devices, with their versions and problems.
std::vector<Component> cuda_components();

/// Whether kernels built for `architectures`, as CMAKE_CUDA_ARCHITECTURES with commas ("80-real,90"), run on a GPU of
/// compute capability major.minor. Machine code runs within its major version from its minor one on; PTX, which "-real"
/// lacks, on all that is newer as well. True where the list has no numbers to go by.
bool kernels_run_on(const std::string& architectures, int major, int minor);

/// @throws Error naming what is missing and what to install unless driver, GPU `index`, cuDNN and cuBLASLt can be used.
void require_cuda(int index);

}  // namespace bareseg
