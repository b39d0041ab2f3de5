#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

// op(a) op(b), where op transposes or not. The gradients are products of the same kind.
Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  Tensor y = Tensor::empty({a.dim(transpose_a ? 1 : 0), b.dim(transpose_b ? 0 : 1)}, a.dtype(), a.device());
  backend(a.device()).matmul(a, transpose_a, b, transpose_b, y);
  return y;
}

Tensor matmul(const char* op, const Tensor& a, const Tensor& b, bool transpose_b) {
  const TraceRange range(op);
  BS_CHECK(a.rank() == 2 && is_float(a.dtype()), op, ": a must be float [M, K], got ", a.dtype(), " ", a.shape());
  BS_CHECK(b.rank() == 2 && b.dtype() == a.dtype() && b.dim(transpose_b ? 1 : 0) == a.dim(1), op, ": b must be ",
           a.dtype(), transpose_b ? " [N, " : " [", a.dim(1), transpose_b ? "], got " : ", N], got ", b.dtype(), " ",
           b.shape());
  const bool wants_a = a.requires_grad(), wants_b = b.requires_grad();
  return record(op, {a, b}, product(a, false, b, transpose_b),
                [a = a.detach(), b = b.detach(), transpose_b, wants_a, wants_b](const Tensor& dy) -> Grads {
                  Grads grads(2);
                  if (wants_a) grads[0] = product(dy, false, b, !transpose_b);
                  if (wants_b) grads[1] = transpose_b ? product(dy, true, a, false) : product(a, true, dy, false);
                  return grads;
                });
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) { return matmul("matmul", a, b, false); }
Tensor matmul_nt(const Tensor& a, const Tensor& b) { return matmul("matmul_nt", a, b, true); }

}  // namespace bareseg
