// `bareseg devices`: what there is to compute with.
#pragma once

namespace bareseg {

/// Prints to standard output every device and library with version and file, what is missing and what to install, and
/// what --device auto stands for.
/// @returns 0.
int list_devices();

}  // namespace bareseg
