// A matrix in shared memory as the operand of tensor cores.
#pragma once

#include "cuda/device/pack.cuh"

namespace bareseg {

/// Rows of T in shared memory, of whole 128 bytes. Lanes that read a column of packs together read two neighbouring
/// rows; in odd rows columns lie exchanged, so that these are in different banks.
template <typename T>
struct Rows {
  static constexpr int kLine = 128 / sizeof(T);
  static constexpr int kExchange = sizeof(T) == 2 ? 32 : 4;

  BS_HOST_DEVICE static constexpr int stride(int64_t dims) { return static_cast<int>(ceil_div(dims, kLine)) * kLine; }
  SharedArray<T> data;
  int length;  // stride(dims)

  __device__ __forceinline__ SharedArray<T> at(int row, int column) const {
    return data + (row * length + (column ^ (row % 2 * kExchange)));
  }
};

}  // namespace bareseg
