// Channels of maps, side by side.
#include <cstring>

#include "cpu/cpu_backend.h"

namespace bareseg {

void CpuBackend::copy_channels(const Tensor& x, int64_t from, int64_t channels, Tensor& y, int64_t to) {
  const int64_t size = size_of(x.dtype()), row = x.dim(2), rows = x.dim(0) * x.dim(1);
  const int64_t in_pitch = x.dim(3) * size, out_pitch = y.dim(3) * size;
  const auto* in = static_cast<const std::byte*>(x.raw()) + from * size;
  auto* out = static_cast<std::byte*>(y.raw()) + to * size;
#pragma omp parallel for
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t pixel = r * row; pixel < (r + 1) * row; ++pixel) {
      std::memcpy(out + pixel * out_pitch, in + pixel * in_pitch, static_cast<size_t>(channels * size));
    }
  }
}

}  // namespace bareseg
