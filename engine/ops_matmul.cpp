#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

// op(a) op(b) + bias, where op transposes or not. The gradients are products of the same kind.
Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias = {}) {
  Tensor y = Tensor::empty({a.dim(transpose_a ? 1 : 0), b.dim(transpose_b ? 0 : 1)}, a.dtype(), a.device());
  backend(a.device()).matmul(a, transpose_a, b, transpose_b, bias, y);
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  const TraceRange range("matmul");
  BS_CHECK(a.rank() == 2 && is_float(a.dtype()), "matmul: a must be float [M, K], got ", a.dtype(), " ", a.shape());
  BS_CHECK(b.rank() == 2 && b.dtype() == a.dtype() && b.dim(0) == a.dim(1), "matmul: b must be ", a.dtype(), " [",
           a.dim(1), ", N], got ", b.dtype(), " ", b.shape());
  check_device("matmul", a, {&b});
  const bool wants_a = a.requires_grad(), wants_b = b.requires_grad();
  return record("matmul", {a, b}, product(a, false, b, false),
                [a = a.detach(), b = b.detach(), wants_a, wants_b](const Tensor& dy) -> Grads {
                  Grads grads(2);
                  if (wants_a) grads[0] = product(dy, false, b, true);
                  if (wants_b) grads[1] = product(a, true, dy, false);
                  return grads;
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const TraceRange range("linear");
  BS_CHECK(x.rank() >= 1 && x.dim(-1) > 0 && is_float(x.dtype()), "linear: x must be float [..., K], K > 0, got ",
           x.dtype(), " ", x.shape());
  BS_CHECK(w.rank() == 2 && w.dtype() == x.dtype() && w.dim(1) == x.dim(-1), "linear: w must be ", x.dtype(), " [N, ",
           x.dim(-1), "], got ", w.dtype(), " ", w.shape());
  BS_CHECK(!bias.defined() || (bias.shape() == Shape{w.dim(0)} && bias.dtype() == kFloat32),
           "linear: bias must be float32 [", w.dim(0), "], got ", bias.dtype(), " ", bias.shape());
  check_device("linear", x, {&w, &bias});
  const Tensor rows = x.detach().view({x.count() / x.dim(-1), x.dim(-1)});
  const bool wants_x = x.requires_grad(), wants_w = w.requires_grad();
  const bool wants_bias = bias.defined() && bias.requires_grad();
  return record("linear", {x, w, bias},
                product(rows, false, w, true, bias).view(x.shape().drop_last().append(w.dim(0))),
                [rows, w = w.detach(), shape = x.shape(), wants_x, wants_w, wants_bias](const Tensor& dy) -> Grads {
                  const Tensor d = dy.view({rows.dim(0), w.dim(0)});
                  Grads grads(3);
                  if (wants_x) grads[0] = product(d, false, w, false).view(shape);
                  if (wants_w) grads[1] = product(d, true, rows, false);
                  if (wants_bias) {
                    grads[2] = Tensor::empty({w.dim(0)}, kFloat32, d.device());
                    backend(d.device()).sum_rows(d, grads[2]);
                  }
                  return grads;
                });
}

}  // namespace bareseg
