// Convolution by cuDNN, whose tensors are all of one dtype: biases come and gradients of weights go as float32 and are
// converted on the way.
#include "cuda/cuda_backend.h"
#include "cuda/dnn.h"

namespace bareseg {
namespace {

using Pass = ConvProblem::Pass;

void* raw_or_null(const Tensor& x) { return x.defined() ? x.raw() : nullptr; }

}  // namespace

Tensor CudaBackend::converted(const Tensor& x, DType dtype) {
  if (!x.defined() || x.dtype() == dtype) return x;
  Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  cast(x, y);
  return y;
}

void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) {
  if (y.count() == 0) return;
  const Tensor offset = converted(bias, x.dtype());
  dnn_on(x.device())
      .run({.pass = Pass::forward,
            .x = x.shape(),
            .w = w.shape(),
            .y = y.shape(),
            .options = o,
            .dtype = x.dtype(),
            .bias = bias.defined(),
            .tf32 = uses_tf32(x),
            .alignment = common_alignment({x, w, offset, y})},
           {.x = x.raw(), .w = w.raw(), .y = y.raw(), .bias = raw_or_null(offset)});
}

void CudaBackend::conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o,
                               Tensor& y) {
  if (y.count() == 0) return;
  const Tensor offset = converted(e.bias, x.dtype());
  const ConvProblem problem{.pass = Pass::forward,
                            .x = x.shape(),
                            .w = w.shape(),
                            .y = y.shape(),
                            .options = o,
                            .dtype = x.dtype(),
                            .bias = offset.defined(),
                            .residual = e.residual.defined(),
                            .relu = e.relu,
                            .tf32 = uses_tf32(x),
                            .alignment = common_alignment({x, w, offset, e.residual, y})};
  if (dnn_on(x.device())
          .try_run(problem, {.x = x.raw(),
                             .w = w.raw(),
                             .y = y.raw(),
                             .bias = raw_or_null(offset),
                             .residual = raw_or_null(e.residual)})) {
    return;
  }
  // cuDNN has no engine for all of it at once: part by part.
  Tensor sum = Tensor::empty_like(y), last = sum;
  conv2d(x, w, e.bias, o, sum);
  if (e.residual.defined()) {
    last = Tensor::empty_like(y);
    add(sum, e.residual, last);
  }
  e.relu ? relu(last, y) : copy(last, y);
}

void CudaBackend::conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) {
  if (dx.count() == 0) return;
  dnn_on(dy.device())
      .run({.pass = Pass::backward_data,
            .x = dx.shape(),
            .w = w.shape(),
            .y = dy.shape(),
            .options = o,
            .dtype = dy.dtype(),
            .tf32 = uses_tf32(dy),
            .alignment = common_alignment({dx, w, dy})},
           {.x = dx.raw(), .w = w.raw(), .y = dy.raw()});
}

void CudaBackend::conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) {
  if (dw.count() == 0) return;
  if (dy.count() == 0) return fill(dw, 0.0);
  const Tensor narrow = dy.dtype() == kFloat32 ? dw : Tensor::empty(dw.shape(), dy.dtype(), dw.device());
  dnn_on(dy.device())
      .run({.pass = Pass::backward_weight,
            .x = x.shape(),
            .w = dw.shape(),
            .y = dy.shape(),
            .options = o,
            .dtype = dy.dtype(),
            .tf32 = uses_tf32(dy),
            .alignment = common_alignment({x, narrow, dy})},
           {.x = x.raw(), .w = narrow.raw(), .y = dy.raw()});
  if (narrow.dtype() != kFloat32) cast(narrow, dw);
}

}  // namespace bareseg
