#include "cuda/kernels/channels.h"

#include "cuda/kernel_backend.h"

namespace bareseg {

void KernelBackend::copy_channels(const Tensor& x, int64_t from, int64_t channels, Tensor& y, int64_t to) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::copy_channels(stream(y.device()), x.data<T>() + from, y.data<T>() + to,
                           {.rows = x.dim(0) * x.dim(1),
                            .width = x.dim(2),
                            .channels = channels,
                            .in_channels = x.dim(3),
                            .out_channels = y.dim(3)});
  });
}

}  // namespace bareseg
