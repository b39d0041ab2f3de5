// Whole rows by number.
#include <cstring>

#include "cpu/cpu_backend.h"

namespace bareseg {
namespace {

const std::byte* row_of(const Tensor& x, int64_t row, int64_t bytes) {
  return static_cast<const std::byte*>(x.raw()) + row * bytes;
}

}  // namespace

void CpuBackend::gather_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) {
  if (y.bytes() == 0) return;
  const int64_t bytes = y.bytes() / std::ssize(rows);
  auto* out = static_cast<std::byte*>(y.raw());
  for (const int64_t row : rows) {
    std::memcpy(out, row_of(x, row, bytes), static_cast<size_t>(bytes));
    out += bytes;
  }
}

void CpuBackend::scatter_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) {
  if (x.bytes() == 0) return;
  const int64_t bytes = x.bytes() / std::ssize(rows);
  auto* out = static_cast<std::byte*>(y.raw());
  for (int64_t i = 0; i < std::ssize(rows); ++i) {
    std::memcpy(out + rows[static_cast<size_t>(i)] * bytes, row_of(x, i, bytes), static_cast<size_t>(bytes));
  }
}

}  // namespace bareseg
