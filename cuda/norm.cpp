#include "cuda/kernel_backend.h"
#include "cuda/kernels/batch_norm.h"
#include "cuda/kernels/row_norm.h"

namespace bareseg {
namespace {

template <typename T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

// Float32 [count][cols] in the memory of x's device.
Tensor channel_scratch(const Tensor& x, int64_t count) {
  return Tensor::empty({count, x.dim(-1)}, kFloat32, x.device());
}

}  // namespace

void KernelBackend::batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                                     const BatchNormOptions& o, Tensor& running_mean, Tensor& running_var, Tensor& mean,
                                     Tensor& inv_std, Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  const Tensor affine = channel_scratch(x, 2);
  float *scale = affine.data<float>(), *shift = scale + cols;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const Tensor sums = Tensor::empty({batch_norm_scratch<T>(rows, cols)}, kFloat32, x.device());
    batch_norm_statistics(stream(x.device()), x.data<T>(), rows, cols, sums.data<float>(),
                          {.weight = weight.data<float>(),
                           .bias = bias.data<float>(),
                           .momentum = o.momentum,
                           .eps = o.eps,
                           .running_mean = running_mean.data<float>(),
                           .running_var = running_var.data<float>(),
                           .mean = mean.data<float>(),
                           .inv_std = inv_std.data<float>(),
                           .scale = scale,
                           .shift = shift});
    batch_norm_apply(stream(x.device()), x.data<T>(), data_or_null<T>(residual), rows, cols,
                     {.mean = mean.data<float>(), .scale = scale, .shift = shift, .relu = o.relu}, y.data<T>());
  });
}

void KernelBackend::batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                                    const BatchNormOptions& o, const Tensor& running_mean, const Tensor& running_var,
                                    Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    batch_norm_apply(stream(x.device()), x.data<T>(), data_or_null<T>(residual), rows, cols,
                     {.mean = running_mean.data<float>(),
                      .scale = weight.data<float>(),
                      .shift = bias.data<float>(),
                      .variance = running_var.data<float>(),
                      .eps = o.eps,
                      .relu = o.relu},
                     y.data<T>());
  });
}

void KernelBackend::fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                                    const Tensor& var, float eps, Tensor& folded, Tensor& offset) {
  const int64_t outputs = w.dim(0), inner = w.count() / std::max<int64_t>(outputs, 1);
  dispatch_float(folded.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::fold_batch_norm(stream(w.device()), w.data<float>(), outputs, inner,
                             {.weight = weight.data<float>(),
                              .bias = bias.data<float>(),
                              .mean = mean.data<float>(),
                              .variance = var.data<float>(),
                              .eps = eps},
                             folded.data<T>(), offset.data<float>());
  });
}

void KernelBackend::batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& weight,
                                        const Tensor& mean, const Tensor& inv_std, const BatchNormOptions& o,
                                        Tensor& dx, Tensor& dweight, Tensor& dbias, Tensor& dresidual) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  const Tensor coefficients = channel_scratch(x, 3);
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const Tensor sums = Tensor::empty({batch_norm_scratch<T>(rows, cols)}, kFloat32, x.device());
    const T *gradient = dy.data<T>(), *mask = o.relu ? y.data<T>() : nullptr;
    T* kept = data_or_null<T>(dresidual);
    batch_norm_gradient_sums(stream(x.device()), gradient, x.data<T>(), mask, kept, rows, cols, sums.data<float>(),
                             {.weight = weight.data<float>(),
                              .mean = mean.data<float>(),
                              .inv_std = inv_std.data<float>(),
                              .training = o.training,
                              .dweight = dweight.data<float>(),
                              .dbias = dbias.data<float>(),
                              .coefficients = coefficients.data<float>()});
    // Where the masked gradient was written it is read back, which saves reading y again.
    if (kept != nullptr) {
      gradient = kept;
      mask = nullptr;
    }
    batch_norm_input_gradient(stream(x.device()), gradient, x.data<T>(), mask, rows, cols, mean.data<float>(),
                              coefficients.data<float>(), dx.data<T>());
  });
}

void KernelBackend::l2_normalize(const Tensor& x, Tensor& y, Tensor& inv_norm, float eps) {
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    l2_normalize_rows(stream(x.device()), x.data<T>(), y.data<T>(), inv_norm.data<float>(), inv_norm.count(), x.dim(-1),
                      eps);
  });
}

void KernelBackend::l2_normalize_backward(const Tensor& dy, const Tensor& y, const Tensor& inv_norm, float eps,
                                          Tensor& dx) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    l2_normalize_rows_backward(stream(y.device()), dy.data<T>(), y.data<T>(), inv_norm.data<float>(), dx.data<T>(),
                               inv_norm.count(), y.dim(-1), eps);
  });
}

void KernelBackend::log_softmax(const Tensor& x, Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    log_softmax_rows(stream(x.device()), x.data<T>(), y.data<T>(), rows, cols);
  });
}

void KernelBackend::log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t cols = y.dim(-1), rows = y.count() / cols;
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    log_softmax_rows_backward(stream(y.device()), dy.data<T>(), y.data<T>(), dx.data<T>(), rows, cols);
  });
}

}  // namespace bareseg
