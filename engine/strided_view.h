// Elements of a file in the order that its writer left them in, and tensors made of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/disk_type.h"
#include "engine/tensor.h"

namespace bareseg {

/// Element (i, j, ...) lies i strides[0] + j strides[1] + ... elements behind `begin`. The memory is not owned and
/// needs no alignment.
struct StridedView {
  Shape shape;
  std::array<int64_t, Shape::kMaxRank> strides{};
  const std::byte* begin = nullptr;  // not read where there are no elements
  DiskType type = DiskType::f32;
};

/// A tensor of memory_type(view.type) on the CPU. The caller has checked that every element lies inside the file.
Tensor read_view(const StridedView& view);

}  // namespace bareseg
