#include "cuda/kernels/pool.h"

#include "cuda/kernel_backend.h"

namespace bareseg {
namespace {

PoolShape shape_of(const Tensor& in, const Tensor& out, const PoolOptions& o) {
  return {.samples = in.dim(0),
          .height = in.dim(1),
          .width = in.dim(2),
          .channels = in.dim(3),
          .out_height = out.dim(1),
          .out_width = out.dim(2),
          .kernel = o.kernel,
          .stride = o.stride,
          .padding = o.padding};
}

}  // namespace

void KernelBackend::max_pool(const Tensor& x, const PoolOptions& o, Tensor& y, Tensor& place) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    max_pool_maps(stream(x.device()), x.data<T>(), shape_of(x, y, o), y.data<T>(), place.data<uint8_t>());
  });
}

void KernelBackend::max_pool_backward(const Tensor& dy, const Tensor& place, const PoolOptions& o, Tensor& dx) {
  dispatch_float(dy.dtype(), [&](auto type) {
    using T = decltype(type);
    max_pool_maps_backward(stream(dy.device()), dy.data<T>(), place.data<uint8_t>(), shape_of(dx, dy, o), dx.data<T>());
  });
}

}  // namespace bareseg
