#include "cuda/kernels/rows.h"

#include "cuda/kernel_backend.h"

namespace bareseg {

void KernelBackend::gather_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) {
  if (y.bytes() == 0) return;
  const auto count = std::ssize(rows);
  const Tensor numbers = upload(rows.data(), count * 8, y.device());
  bareseg::gather_rows(stream(y.device()), static_cast<const uint8_t*>(x.raw()),
                       static_cast<const int64_t*>(numbers.raw()), count, y.bytes() / count,
                       static_cast<uint8_t*>(y.raw()));
}

void KernelBackend::scatter_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) {
  if (x.bytes() == 0) return;
  const auto count = std::ssize(rows);
  const Tensor numbers = upload(rows.data(), count * 8, y.device());
  bareseg::scatter_rows(stream(y.device()), static_cast<const uint8_t*>(x.raw()),
                        static_cast<const int64_t*>(numbers.raw()), count, x.bytes() / count,
                        static_cast<uint8_t*>(y.raw()));
}

}  // namespace bareseg
