#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

// Length of the output along one dimension; <= 0 when the kernel does not fit.
int64_t out_size(int64_t in, int64_t kernel, const ConvOptions& o) {
  const int64_t room = in + 2 * o.padding - o.dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / o.stride + 1;
}

// Whether x are images of 4 channels, for weights of 3.
bool pads(const Tensor& x, const Tensor& w, const ConvOptions& o) {
  return o.groups == 1 && x.dim(3) == 4 && w.dim(3) == 3;
}

// w with as many channels as x; those that it lacks weigh 0.
Tensor padded(const Tensor& w, const Tensor& x, const ConvOptions& o) {
  if (!pads(x, w, o)) return w;
  Tensor y = Tensor::zeros({w.dim(0), w.dim(1), w.dim(2), x.dim(3)}, w.dtype(), w.device());
  backend(y.device()).copy_channels(w, 0, w.dim(3), y, 0);
  return y;
}

void check_conv(const Tensor& x, const Tensor& w, DType w_dtype, const Tensor& bias, const ConvOptions& o) {
  BS_CHECK(x.rank() == 4 && is_float(x.dtype()), "conv2d: x must be float [N, H, W, I], got ", x.dtype(), " ",
           x.shape());
  BS_CHECK(w.rank() == 4 && w.dim(1) == w.dim(2) && w.dim(1) > 0 && w.dtype() == w_dtype, "conv2d: w must be ", w_dtype,
           " [O, K, K, I / groups], got ", w.dtype(), " ", w.shape());
  BS_CHECK(o.stride > 0 && o.dilation > 0 && o.padding >= 0,
           "conv2d: stride and dilation must be positive and padding "
           "not negative, got ",
           o.stride, ", ", o.dilation, ", ", o.padding);
  BS_CHECK(o.groups > 0 && (x.dim(3) == w.dim(3) * o.groups || pads(x, w, o)) && w.dim(0) % o.groups == 0,
           "conv2d: groups ", o.groups, " do not fit x ", x.shape(), " and w ", w.shape());
  BS_CHECK(!bias.defined() || (bias.dtype() == kFloat32 && bias.shape() == Shape{w.dim(0)}),
           "conv2d: bias must be float32 [", w.dim(0), "], got ",
           bias.defined() ? concat(bias.dtype(), " ", bias.shape()) : "");
  BS_CHECK(out_size(x.dim(1), w.dim(1), o) > 0 && out_size(x.dim(2), w.dim(1), o) > 0, "conv2d: kernel ", w.dim(1),
           " with dilation ", o.dilation, " and padding ", o.padding, " does not fit x ", x.shape());
  check_device("conv2d", x, {&w, &bias});
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o) {
  const TraceRange range("conv2d");
  check_conv(x, w, kFloat32, bias, o);
  Tensor y = Tensor::empty({x.dim(0), out_size(x.dim(1), w.dim(1), o), out_size(x.dim(2), w.dim(1), o), w.dim(0)},
                           x.dtype(), x.device());
  const Tensor weight = padded(x.dtype() == kFloat32 ? w.detach() : w.narrow(), x, o);
  backend(x.device()).conv2d(x, weight, bias, o, y);
  const bool wants_x = x.requires_grad(), wants_w = w.requires_grad();
  const bool wants_bias = bias.defined() && bias.requires_grad();
  return record(
      "conv2d", {x, w, bias}, y,
      [x = x.detach(), weight, shape = w.shape(), o, wants_x, wants_w, wants_bias](const Tensor& dy) -> Grads {
        Backend& device = backend(dy.device());
        Grads grads(3);
        if (wants_x) {
          grads[0] = Tensor::empty_like(x);
          device.conv2d_backward_data(dy, weight, o, grads[0]);
        }
        if (wants_w) {
          grads[1] = Tensor::empty(weight.shape(), kFloat32, dy.device());
          device.conv2d_backward_weight(dy, x, o, grads[1]);
          if (shape != weight.shape()) {
            const Tensor all = grads[1];
            grads[1] = Tensor::empty(shape, kFloat32, dy.device());
            device.copy_channels(all, 0, shape.dim(3), grads[1], 0);
          }
        }
        if (wants_bias) {
          grads[2] = Tensor::empty({weight.dim(0)}, kFloat32, dy.device());
          device.sum_rows(dy, grads[2]);
        }
        return grads;
      });
}

Tensor conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o) {
  const TraceRange range("conv2d_fused");
  check_conv(x, w, x.dtype(), e.bias, o);
  BS_CHECK(!needs_graph({x, w, e.bias, e.residual}), "conv2d_fused: there is no gradient of it");
  Tensor y = Tensor::empty({x.dim(0), out_size(x.dim(1), w.dim(1), o), out_size(x.dim(2), w.dim(1), o), w.dim(0)},
                           x.dtype(), x.device());
  BS_CHECK(!e.residual.defined() || (e.residual.shape() == y.shape() && e.residual.dtype() == y.dtype()),
           "conv2d_fused: residual must be ", y.dtype(), " ", y.shape(), ", got ",
           e.residual.defined() ? concat(e.residual.dtype(), " ", e.residual.shape()) : "");
  check_device("conv2d_fused", x, {&e.residual});
  backend(x.device()).conv2d_fused(x, padded(w, x, o), e, o, y);
  return y;
}

Tensor max_pool2d(const Tensor& x, const PoolOptions& o) {
  const TraceRange range("max_pool2d");
  BS_CHECK(x.rank() == 4 && is_float(x.dtype()), "max_pool2d: x must be float [N, H, W, C], got ", x.dtype(), " ",
           x.shape());
  BS_CHECK(o.kernel > 0 && o.kernel <= 16 && o.stride > 0 && o.padding >= 0 && o.padding <= o.kernel / 2,
           "max_pool2d: kernel must be 1 to 16, stride positive, padding at most half the kernel, got ", o.kernel, ", ",
           o.stride, ", ", o.padding);
  const ConvOptions window{.stride = o.stride, .padding = o.padding};
  const int64_t height = out_size(x.dim(1), o.kernel, window), width = out_size(x.dim(2), o.kernel, window);
  BS_CHECK(height > 0 && width > 0, "max_pool2d: kernel ", o.kernel, " does not fit x ", x.shape());
  Tensor y = Tensor::empty({x.dim(0), height, width, x.dim(3)}, x.dtype(), x.device());
  Tensor place = Tensor::empty(y.shape(), kUInt8, x.device());
  backend(x.device()).max_pool(x, o, y, place);
  return record("max_pool2d", {x}, y, [from = x.shape(), place, o](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(from, dy.dtype(), dy.device());
    backend(dy.device()).max_pool_backward(dy, place, o, dx);
    return {dx};
  });
}

}  // namespace bareseg
