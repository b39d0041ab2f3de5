#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_map(const char* op, const Tensor& x) {
  BS_CHECK(x.rank() == 4 && is_float(x.dtype()) && x.dim(1) > 0 && x.dim(2) > 0, op,
           ": x must be float [N, H, W, C] with H, W > 0, got ", x.dtype(), " ", x.shape());
}

}  // namespace

Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width, const Tensor& addend) {
  const TraceRange range("resize_bilinear");
  check_map("resize_bilinear", x);
  BS_CHECK(height > 0 && width > 0, "resize_bilinear: height and width must be positive, got ", height, ", ", width);
  Tensor y = Tensor::empty({x.dim(0), height, width, x.dim(3)}, x.dtype(), x.device());
  BS_CHECK(!addend.defined() || (addend.shape() == y.shape() && addend.dtype() == y.dtype()),
           "resize_bilinear: addend must be ", y.dtype(), " ", y.shape(), ", got ",
           addend.defined() ? concat(addend.dtype(), " ", addend.shape()) : "");
  check_device("resize_bilinear", x, {&addend});
  backend(x.device()).resize_bilinear(x, addend, y);
  return record("resize_bilinear", {x, addend}, y,
                [from = x.shape(), wants_x = x.requires_grad()](const Tensor& dy) -> Grads {
                  Tensor dx;
                  if (wants_x) {
                    dx = Tensor::empty(from, dy.dtype(), dy.device());
                    backend(dy.device()).resize_bilinear_backward(dy, dx);
                  }
                  return {dx, dy};
                });
}

Tensor window_table(const std::vector<CropWindow>& windows, int64_t height, int64_t width, Device device) {
  std::vector<int32_t> numbers;
  for (const CropWindow& w : windows) {
    BS_CHECK(w.row >= 0 && w.col >= 0 && w.height > 0 && w.width > 0 && w.row + w.height <= height &&
                 w.col + w.width <= width,
             "crop_resize_flip: window at (", w.row, ", ", w.col, ") of ", w.height, "x", w.width,
             " does not lie inside maps of ", height, "x", width);
    numbers.insert(numbers.end(), {w.row, w.col, w.height, w.width, w.flip_horizontal, w.flip_vertical});
  }
  return Tensor::from(numbers, {std::ssize(windows), 6}, device);
}

Tensor crop_resize_flip(const Tensor& x, const std::vector<CropWindow>& windows, int64_t side) {
  check_map("crop_resize_flip", x);
  return crop_resize_flip(x, window_table(windows, x.dim(1), x.dim(2), x.device()), side);
}

Tensor crop_resize_flip(const Tensor& x, const Tensor& windows, int64_t side) {
  const TraceRange range("crop_resize_flip");
  check_map("crop_resize_flip", x);
  BS_CHECK(windows.dtype() == kInt32 && windows.rank() == 2 && windows.dim(1) == 6,
           "crop_resize_flip: windows must be int32 [N, 6], got ", windows.dtype(), " ", windows.shape());
  BS_CHECK(windows.dim(0) == x.dim(0), "crop_resize_flip: expected ", x.dim(0), " windows, got ", windows.dim(0));
  check_device("crop_resize_flip", x, {&windows});
  BS_CHECK(side > 0, "crop_resize_flip: side must be positive, got ", side);
  Tensor y = Tensor::empty({x.dim(0), side, side, x.dim(3)}, x.dtype(), x.device());
  backend(x.device()).crop_resize_flip(x, windows, y);
  return record("crop_resize_flip", {x}, y, [from = x.shape(), windows](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(from, dy.dtype(), dy.device());
    backend(dy.device()).crop_resize_flip_backward(dy, windows, dx);
    return {dx};
  });
}

}  // namespace bareseg
