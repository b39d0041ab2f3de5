// How the CPU's hot loops are compiled and split.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/host_device.h"

// Compiles a function once for the portable floor (x86-64-v3) and once for AVX-512; the loader picks. Put it on small
// leaf functions that work on pointers: loops inside an OpenMP region are outlined and would lose their clones.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(BARESEG_SANITIZED)
#define BS_CLONES __attribute__((target_clones("arch=skylake-avx512", "default")))
#else
#define BS_CLONES
#endif

namespace bareseg {

/// Part `part` of `parts` nearly equal ranges of [0, n). The split depends on n alone, so results do not depend on how
/// many threads carry the parts.
struct Range {
  int64_t begin, end;
};
constexpr Range part_of(int64_t n, int64_t part, int64_t parts) { return {n * part / parts, n * (part + 1) / parts}; }

}  // namespace bareseg
