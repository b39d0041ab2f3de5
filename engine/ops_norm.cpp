#include <cmath>

#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_channel(const char* name, const Tensor& t, const Tensor& x) {
  BS_CHECK(t.defined() && t.dtype() == kFloat32 && t.shape() == Shape{x.dim(-1)}, "batch_norm: ", name,
           " must be float32 [", x.dim(-1), "], got ", t.defined() ? concat(t.dtype(), " ", t.shape()) : "undefined");
}

// 1 / sqrt(var + eps) of statistics that do not change; they are few, so the host computes them.
Tensor inverse_std(const Tensor& var, float eps) {
  std::vector<float> values = var.to_vector<float>();
  for (float& value : values) value = 1.0f / std::sqrt(value + eps);
  return Tensor::from(values, var.shape(), var.device());
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean, Tensor running_var,
                  const BatchNormOptions& o, const Tensor& residual) {
  const TraceRange range("batch_norm");
  BS_CHECK(x.rank() >= 1 && is_float(x.dtype()) && x.dim(-1) > 0,
           "batch_norm: x must be float [..., C] with C > 0, got ", x.dtype(), " ", x.shape());
  check_channel("weight", weight, x);
  check_channel("bias", bias, x);
  check_channel("running_mean", running_mean, x);
  check_channel("running_var", running_var, x);
  BS_CHECK(!residual.defined() || (residual.shape() == x.shape() && residual.dtype() == x.dtype()),
           "batch_norm: residual must be ", x.dtype(), " ", x.shape(), ", got ",
           residual.defined() ? concat(residual.dtype(), " ", residual.shape()) : "");
  check_device("batch_norm", x, {&weight, &bias, &running_mean, &running_var, &residual});
  BS_CHECK(o.eps > 0.0f, "batch_norm: eps must be positive, got ", o.eps);
  BS_CHECK(!o.training || x.count() / x.dim(-1) > 1, "batch_norm: training needs more than one value per channel, got ",
           x.shape());
  Backend& device = backend(x.device());
  Tensor y = Tensor::empty_like(x);
  Tensor mean, inv_std;
  if (o.training) {
    mean = Tensor::empty(weight.shape(), kFloat32, x.device());
    inv_std = Tensor::empty_like(mean);
    device.batch_norm_train(x, weight, bias, residual, o, running_mean, running_var, mean, inv_std, y);
  } else {
    device.batch_norm_eval(x, weight, bias, residual, o, running_mean, running_var, y);
    if (!needs_graph({x, weight, bias, residual})) return y;
    mean = running_mean.clone();
    inv_std = inverse_std(running_var, o.eps);
  }
  const bool wants_residual = residual.defined() && residual.requires_grad();
  return record(
      "batch_norm", {x, weight, bias, residual}, y,
      [x = x.detach(), weight = weight.detach(), y, mean, inv_std, o, wants_residual](const Tensor& dy) -> Grads {
        Tensor dx = Tensor::empty_like(x), dweight = Tensor::empty_like(mean), dbias = Tensor::empty_like(mean);
        Tensor dresidual = wants_residual ? Tensor::empty_like(x) : Tensor();
        backend(dy.device()).batch_norm_backward(dy, x, y, weight, mean, inv_std, o, dx, dweight, dbias, dresidual);
        return {dx, dweight, dbias, dresidual};
      });
}

FoldedConv fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                           const Tensor& running_var, float eps, DType dtype) {
  BS_CHECK(w.rank() == 4 && w.dtype() == kFloat32, "fold_batch_norm: w must be float32 [O, K, K, I], got ", w.dtype(),
           " ", w.shape());
  BS_CHECK(is_float(dtype), "fold_batch_norm: dtype must be float32 or bfloat16, got ", dtype);
  BS_CHECK(eps > 0.0f, "fold_batch_norm: eps must be positive, got ", eps);
  for (const Tensor& t : {weight, bias, running_mean, running_var}) {
    BS_CHECK(t.defined() && t.dtype() == kFloat32 && t.shape() == Shape{w.dim(0)},
             "fold_batch_norm: weight, bias and statistics must be float32 [", w.dim(0), "], got ",
             t.defined() ? concat(t.dtype(), " ", t.shape()) : "undefined");
  }
  check_device("fold_batch_norm", w, {&weight, &bias, &running_mean, &running_var});
  FoldedConv folded{Tensor::empty(w.shape(), dtype, w.device()), Tensor::empty(weight.shape(), kFloat32, w.device())};
  backend(w.device()).fold_batch_norm(w, weight, bias, running_mean, running_var, eps, folded.w, folded.bias);
  return folded;
}

Tensor l2_normalize(const Tensor& x, float eps) {
  const TraceRange range("l2_normalize");
  BS_CHECK(x.rank() >= 1 && is_float(x.dtype()) && x.dim(-1) > 0,
           "l2_normalize: x must be float [..., C] with C > 0, got ", x.dtype(), " ", x.shape());
  BS_CHECK(eps > 0, "l2_normalize: eps must be positive, got ", eps);
  Tensor y = Tensor::empty_like(x);
  Tensor inv_norm = Tensor::empty(x.shape().drop_last(), kFloat32, x.device());
  backend(x.device()).l2_normalize(x, y, inv_norm, eps);
  return record("l2_normalize", {x}, y, [=](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    backend(dy.device()).l2_normalize_backward(dy, y, inv_norm, eps, dx);
    return {dx};
  });
}

}  // namespace bareseg
