#include "cuda/kernels/pointwise.h"

#include "cuda/kernel_backend.h"

namespace bareseg {
namespace {

DeviceScalar scalar(const Tensor& x) { return {x.raw(), x.dtype()}; }

// Memory for n doubles; a Tensor has no such dtype.
Tensor scratch_doubles(int64_t n, Device device) { return Tensor::empty({n}, kInt64, device); }
double* doubles(const Tensor& scratch) { return static_cast<double*>(scratch.raw()); }

}  // namespace

void KernelBackend::fill(Tensor& y, double value) {
  dispatch(y.dtype(), [&](auto type) {
    using T = decltype(type);
    T element;
    if constexpr (std::is_same_v<T, bfloat16>)
      element = T(static_cast<float>(value));
    else
      element = static_cast<T>(value);
    bareseg::fill(stream(y.device()), y.data<T>(), y.count(), element);
  });
}

void KernelBackend::cast(const Tensor& x, Tensor& y) {
  dispatch_float(x.dtype(), [&](auto from) {
    dispatch_float(y.dtype(), [&](auto to) {
      bareseg::cast(stream(y.device()), x.data<decltype(from)>(), y.data<decltype(to)>(), y.count());
    });
  });
}

void KernelBackend::add(const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::add(stream(y.device()), a.data<T>(), b.data<T>(), y.data<T>(), y.count());
  });
}

void KernelBackend::relu(const Tensor& x, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::relu(stream(y.device()), x.data<T>(), y.data<T>(), y.count());
  });
}

void KernelBackend::relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::relu_backward(stream(y.device()), dy.data<T>(), y.data<T>(), dx.data<T>(), y.count());
  });
}

void KernelBackend::multiply(const Tensor& x, const Tensor& factor, float scale, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::multiply(stream(y.device()), x.data<T>(), scalar(factor), scale, y.data<T>(), y.count());
  });
}

void KernelBackend::spread(const Tensor& value, float scale, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    bareseg::spread(stream(y.device()), scalar(value), scale, y.data<decltype(type)>(), y.count());
  });
}

void KernelBackend::sum(const Tensor& x, float scale, Tensor& y) {
  const Tensor partials = scratch_doubles(sum_partials(x.count()), x.device());
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::sum(stream(x.device()), x.data<T>(), x.count(), scale, doubles(partials), y.data<T>());
  });
}

void KernelBackend::mse(const Tensor& x, const Tensor& target, Tensor& y) {
  const Tensor partials = scratch_doubles(sum_partials(x.count()), x.device());
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    sum_squared_difference(stream(x.device()), x.data<T>(), target.data<T>(), x.count(),
                           1.0 / static_cast<double>(x.count()), doubles(partials), y.data<T>());
  });
}

void KernelBackend::mse_backward(const Tensor& dy, const Tensor& x, const Tensor& target, Tensor& dx) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::mse_backward(stream(x.device()), scalar(dy), 2.0f / static_cast<float>(x.count()), x.data<T>(),
                          target.data<T>(), dx.data<T>(), x.count());
  });
}

void KernelBackend::dropout(const Tensor& x, float p, const Tensor& draw, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::dropout(stream(y.device()), x.data<T>(), p, draw.data<int64_t>(), y.data<T>(), y.count());
  });
}

void KernelBackend::sum_rows(const Tensor& x, Tensor& y) {
  const int64_t cols = y.count(), rows = x.count() / std::max<int64_t>(cols, 1);
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const Tensor partials = scratch_doubles(sum_rows_scratch<T>(rows, cols), x.device());
    bareseg::sum_rows(stream(x.device()), x.data<T>(), rows, cols, doubles(partials), y.data<float>());
  });
}

bool KernelBackend::all_finite(const Tensor& x) {
  Tensor found = Tensor::empty({1}, kInt32, x.device());
  fill(found, 0.0);
  dispatch_float(x.dtype(), [&](auto type) {
    find_not_finite(stream(x.device()), x.data<decltype(type)>(), x.count(), found.data<int32_t>());
  });
  int32_t any = 0;
  copy_to_host(found, &any);
  return any == 0;
}

}  // namespace bareseg
