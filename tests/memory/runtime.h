// The part of the CUDA runtime that cuda/memory.cpp and graph.cpp call, on the host: streams keep their work until
// somebody waits, and then do it in any order that events allow, drawn at random. Memory that is used too early or too
// late shows.
#pragma once

#include <cstdint>

namespace bareseg::fake_runtime {

/// No work, no memory in use, and this seed and limit of device memory in bytes from now on.
void reset(uint64_t seed, int64_t limit);

/// Bytes of device memory whose release has been done, not only queued, are not in use.
int64_t in_use();

/// Since the program's start.
int64_t events_made();

}  // namespace bareseg::fake_runtime
