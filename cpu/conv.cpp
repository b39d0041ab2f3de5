// Convolution by oneDNN or, where winograd_pays(), by our own loops; and the bias gradient.
#include <cstring>
#include <vector>

#include "cpu/dnn.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"
#include "cpu/winograd.h"

namespace bareseg {
namespace {

using Pass = CpuBackend::Dnn::Pass;

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) {
  if (!dnn().computes(x.dtype())) {
    Tensor wide_x = Tensor::empty(x.shape()), wide_w = Tensor::empty(w.shape()), wide_y = Tensor::empty(y.shape());
    cast(x, wide_x);
    cast(w, wide_w);
    conv2d(wide_x, wide_w, bias, o, wide_y);
    return cast(wide_y, y);
  }
  if (winograd_pays(x.shape(), w.shape(), y.shape(), o, x.dtype()))
    return winograd_conv(x, w, {.bias = bias}, o.padding, y);
  DnnConv& conv = dnn().conv(Pass::forward, x.shape(), w.shape(), y.shape(), {.bias = bias.defined()}, o, x.dtype());
  conv.x.set_data_handle(x.raw());
  conv.w.set_data_handle(w.raw());
  conv.y.set_data_handle(y.raw());
  conv.reorder.execute(dnn().stream, conv.w, conv.packed_w);
  std::unordered_map<int, dnnl::memory> args{
      {DNNL_ARG_SRC, conv.x}, {DNNL_ARG_WEIGHTS, conv.packed_w}, {DNNL_ARG_DST, conv.y}};
  if (bias.defined()) {
    conv.bias.set_data_handle(bias.raw());
    args.emplace(DNNL_ARG_BIAS, conv.bias);
  }
  conv.primitive.execute(dnn().stream, args);
}

void CpuBackend::conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o,
                              Tensor& y) {
  if (!dnn().computes(x.dtype())) {
    const auto wide = [&](const Tensor& t) {
      if (!t.defined()) return t;
      Tensor result = Tensor::empty(t.shape());
      cast(t, result);
      return result;
    };
    Tensor wide_y = Tensor::empty(y.shape());
    conv2d_fused(wide(x), wide(w), {.bias = e.bias, .residual = wide(e.residual), .relu = e.relu}, o, wide_y);
    return cast(wide_y, y);
  }
  if (winograd_pays(x.shape(), w.shape(), y.shape(), o, x.dtype())) return winograd_conv(x, w, e, o.padding, y);
  const Dnn::After after{.bias = e.bias.defined(), .residual = e.residual.defined(), .relu = e.relu};
  DnnConv& conv = dnn().conv(Pass::forward, x.shape(), w.shape(), y.shape(), after, o, x.dtype());
  conv.x.set_data_handle(x.raw());
  conv.w.set_data_handle(w.raw());
  conv.y.set_data_handle(y.raw());
  conv.reorder.execute(dnn().stream, conv.w, conv.packed_w);
  std::unordered_map<int, dnnl::memory> args{
      {DNNL_ARG_SRC, conv.x}, {DNNL_ARG_WEIGHTS, conv.packed_w}, {DNNL_ARG_DST, conv.y}};
  if (after.bias) {
    conv.bias.set_data_handle(e.bias.raw());
    args.emplace(DNNL_ARG_BIAS, conv.bias);
  }
  if (after.residual) std::memcpy(y.raw(), e.residual.raw(), static_cast<size_t>(y.bytes()));  // what the sum adds to
  conv.primitive.execute(dnn().stream, args);
}

void CpuBackend::conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) {
  if (!dnn().computes(dy.dtype())) {
    Tensor wide_dy = Tensor::empty(dy.shape()), wide_w = Tensor::empty(w.shape()), wide_dx = Tensor::empty(dx.shape());
    cast(dy, wide_dy);
    cast(w, wide_w);
    conv2d_backward_data(wide_dy, wide_w, o, wide_dx);
    return cast(wide_dx, dx);
  }
  if (winograd_pays(dx.shape(), w.shape(), dy.shape(), o, dy.dtype()))
    return winograd_backward_data(dy, w, o.padding, dx);
  DnnConv& conv = dnn().conv(Pass::backward_data, dx.shape(), w.shape(), dy.shape(), {}, o, dy.dtype());
  conv.x.set_data_handle(dx.raw());
  conv.w.set_data_handle(w.raw());
  conv.y.set_data_handle(dy.raw());
  conv.reorder.execute(dnn().stream, conv.w, conv.packed_w);
  conv.primitive.execute(dnn().stream,
                         {{DNNL_ARG_DIFF_DST, conv.y}, {DNNL_ARG_WEIGHTS, conv.packed_w}, {DNNL_ARG_DIFF_SRC, conv.x}});
}

void CpuBackend::conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) {
  if (!dnn().computes(x.dtype())) {
    Tensor wide_dy = Tensor::empty(dy.shape()), wide_x = Tensor::empty(x.shape());
    cast(dy, wide_dy);
    cast(x, wide_x);
    return conv2d_backward_weight(wide_dy, wide_x, o, dw);
  }
  if (winograd_pays(x.shape(), dw.shape(), dy.shape(), o, x.dtype()))
    return winograd_backward_weight(dy, x, o.padding, dw);
  DnnConv& conv = dnn().conv(Pass::backward_weight, x.shape(), dw.shape(), dy.shape(), {}, o, x.dtype());
  conv.x.set_data_handle(x.raw());
  conv.w.set_data_handle(dw.raw());
  conv.y.set_data_handle(dy.raw());
  conv.primitive.execute(dnn().stream,
                         {{DNNL_ARG_SRC, conv.x}, {DNNL_ARG_DIFF_DST, conv.y}, {DNNL_ARG_DIFF_WEIGHTS, conv.packed_w}});
  conv.reorder.execute(dnn().stream, conv.packed_w, conv.w);
}

void CpuBackend::sum_rows(const Tensor& x, Tensor& y) {
  constexpr int64_t kRows = 1024;  // per partial sum
  const int64_t columns = x.dim(-1), rows = columns > 0 ? x.count() / columns : 0, parts = ceil_div(rows, kRows);
  std::vector<float> partial(static_cast<size_t>(parts * columns), 0.0f);
  dispatch_float(x.dtype(), [&](auto type) {
    const auto* in = x.data<decltype(type)>();
#pragma omp parallel for
    for (int64_t p = 0; p < parts; ++p) {
      float* sums = partial.data() + p * columns;
      for (int64_t r = p * kRows; r < std::min(rows, (p + 1) * kRows); ++r) {
        for (int64_t c = 0; c < columns; ++c) sums[c] += load(in + r * columns + c);
      }
    }
  });
  float* out = y.data<float>();
#pragma omp parallel for
  for (int64_t c = 0; c < columns; ++c) {
    double total = 0.0;
    for (int64_t p = 0; p < parts; ++p) total += partial[static_cast<size_t>(p * columns + c)];
    out[c] = static_cast<float>(total);
  }
}

}  // namespace bareseg
