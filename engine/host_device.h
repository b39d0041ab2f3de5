// What host and device code share. Headers whose functions kernels call mark them BS_HOST_DEVICE.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define BS_HOST_DEVICE __host__ __device__
#else
#define BS_HOST_DEVICE
#endif

namespace bareseg {

/// a / b rounded up, for a >= 0 and b > 0.
BS_HOST_DEVICE constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace bareseg
