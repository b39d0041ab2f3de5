// Matrix products by oneDNN.
#include "cpu/dnn.h"

namespace bareseg {

void CpuBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                        Tensor& y) {
  if (!dnn().computes(a.dtype())) {
    Tensor wide_a = Tensor::empty(a.shape()), wide_b = Tensor::empty(b.shape()), wide_y = Tensor::empty(y.shape());
    cast(a, wide_a);
    cast(b, wide_b);
    matmul(wide_a, transpose_a, wide_b, transpose_b, bias, wide_y);
    return cast(wide_y, y);
  }
  const int64_t k = a.dim(transpose_a ? 0 : 1);
  if (y.count() == 0) return;
  if (k == 0) return fill(y, 0.0);  // linear(), which has a bias, wants K > 0
  DnnMatmul& product = dnn().matmul(y.dim(0), y.dim(1), k, transpose_a, transpose_b, bias.defined(), y.dtype());
  product.a.set_data_handle(a.raw());
  product.b.set_data_handle(b.raw());
  product.y.set_data_handle(y.raw());
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, product.a}, {DNNL_ARG_WEIGHTS, product.b}, {DNNL_ARG_DST, product.y}};
  if (bias.defined()) {
    product.bias.set_data_handle(bias.raw());
    arguments.emplace(DNNL_ARG_BIAS, product.bias);
  }
  product.primitive.execute(dnn().stream, arguments);
}

}  // namespace bareseg
