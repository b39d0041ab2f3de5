// The backends that the tests of ops, layers and clustering run on.
#pragma once

namespace bareseg {

/// Installs the CPU's and, with BARESEG_EMULATOR, the emulator's; in programs built with BARESEG_CUDA the GPU's in
/// place of the latter, whose kernels have the same names.
void install_test_backends();

}  // namespace bareseg
