// Matrix products by oneDNN.
#include "cpu/dnn.h"

namespace bareseg {

void CpuBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& y) {
  if (!dnn().computes(a.dtype())) {
    Tensor wide_a = Tensor::empty(a.shape()), wide_b = Tensor::empty(b.shape()), wide_y = Tensor::empty(y.shape());
    cast(a, wide_a);
    cast(b, wide_b);
    matmul(wide_a, transpose_a, wide_b, transpose_b, wide_y);
    return cast(wide_y, y);
  }
  const int64_t k = a.dim(transpose_a ? 0 : 1);
  if (y.count() == 0) return;
  if (k == 0) return fill(y, 0.0);
  DnnMatmul& product = dnn().matmul(y.dim(0), y.dim(1), k, transpose_a, transpose_b, y.dtype());
  product.a.set_data_handle(a.raw());
  product.b.set_data_handle(b.raw());
  product.y.set_data_handle(y.raw());
  product.primitive.execute(dnn().stream,
                            {{DNNL_ARG_SRC, product.a}, {DNNL_ARG_WEIGHTS, product.b}, {DNNL_ARG_DST, product.y}});
}

}  // namespace bareseg
