#include "cuda/kernels/resample.h"

#include "cuda/kernel_backend.h"

namespace bareseg {
namespace {

ResampleShape shape_of(const Tensor& in, const Tensor& out) {
  return {.samples = in.dim(0),
          .height = in.dim(1),
          .width = in.dim(2),
          .channels = in.dim(3),
          .out_height = out.dim(1),
          .out_width = out.dim(2)};
}

void resample_backward(Stream stream, const Tensor& dy, const int32_t* windows, Tensor& dx) {
  dispatch_float(dy.dtype(), [&](auto type) {
    using T = decltype(type);
    resample_maps_backward(stream, dy.data<T>(), shape_of(dx, dy), windows, dx.data<T>());
  });
}

}  // namespace

void KernelBackend::resize_bilinear(const Tensor& x, const Tensor& addend, Tensor& y) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* added = addend.defined() ? addend.data<T>() : nullptr;
    resample_maps(stream(x.device()), x.data<T>(), shape_of(x, y), nullptr, added, y.data<T>());
  });
}

void KernelBackend::resize_bilinear_backward(const Tensor& dy, Tensor& dx) {
  resample_backward(stream(dy.device()), dy, nullptr, dx);
}

void KernelBackend::crop_resize_flip(const Tensor& x, const Tensor& windows, Tensor& y) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* no_addend = nullptr;
    resample_maps(stream(x.device()), x.data<T>(), shape_of(x, y), windows.data<int32_t>(), no_addend, y.data<T>());
  });
}

void KernelBackend::crop_resize_flip_backward(const Tensor& dy, const Tensor& windows, Tensor& dx) {
  resample_backward(stream(dy.device()), dy, windows.data<int32_t>(), dx);
}

}  // namespace bareseg
