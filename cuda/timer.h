// Times work on a GPU by events in its stream.
#pragma once

#include "engine/timer.h"

namespace bareseg {

/// For a device that the installed backend serves.
std::unique_ptr<Timer> make_cuda_timer(Device device);

}  // namespace bareseg
