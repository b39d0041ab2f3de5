#include "engine/strided_view.h"

namespace bareseg {
namespace {

bool is_contiguous(const StridedView& view) {
  int64_t expected = 1;
  for (int d = view.shape.rank() - 1; d >= 0; expected *= view.shape.dim(d--)) {
    if (view.shape.dim(d) != 1 && view.strides[static_cast<size_t>(d)] != expected) return false;
  }
  return true;
}

}  // namespace

Tensor read_view(const StridedView& view) {
  Tensor tensor = Tensor::empty(view.shape, memory_type(view.type));
  const int64_t count = view.shape.count();
  if (count == 0) return tensor;
  if (is_contiguous(view)) {
    convert_elements(view.type, view.begin, count, tensor.raw());
    return tensor;
  }
  const int64_t from_bytes = size_of(view.type), to_bytes = size_of(tensor.dtype());
  std::array<int64_t, Shape::kMaxRank> index{};
  int64_t from = 0;  // in elements
  for (int64_t to = 0; to < count; ++to) {
    convert_elements(view.type, view.begin + from * from_bytes, 1,
                     static_cast<std::byte*>(tensor.raw()) + to * to_bytes);
    for (int d = view.shape.rank() - 1; d >= 0; --d) {
      const auto at = static_cast<size_t>(d);
      from += view.strides[at];
      if (++index[at] < view.shape.dim(d)) break;
      from -= view.strides[at] * index[at];
      index[at] = 0;
    }
  }
  return tensor;
}

}  // namespace bareseg
