#include "engine/ops.h"
#include "engine/step_graph.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_same(const char* op, const char* name, const Tensor& a, const Tensor& b) {
  BS_CHECK(a.shape() == b.shape() && a.dtype() == b.dtype() && a.device() == b.device(), op, ": ", name, " must be ",
           a.dtype(), " ", a.shape(), " on ", a.device(), ", got ", b.dtype(), " ", b.shape(), " on ", b.device());
}

void check_float(const char* op, const Tensor& x) {
  BS_CHECK(x.defined() && is_float(x.dtype()), op, ": x must be float32 or bfloat16, got ",
           x.defined() ? name_of(x.dtype()) : "an undefined tensor");
}

Tensor scalar_like(const Tensor& x) { return Tensor::empty({1}, x.dtype(), x.device()); }

// sum(x) * factor, whose gradient is factor everywhere.
Tensor scaled_sum(const char* op, const Tensor& x, float factor) {
  const TraceRange range(op);
  Tensor y = scalar_like(x);
  backend(x.device()).sum(x, factor, y);
  return record(op, {x}, y, [shape = x.shape(), factor](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
    backend(dy.device()).spread(dy, factor, dx);
    return {dx};
  });
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  const TraceRange range("add");
  check_float("add", a);
  check_same("add", "b", a, b);
  Tensor y = Tensor::empty_like(a);
  backend(a.device()).add(a, b, y);
  return record("add", {a, b}, y, [](const Tensor& dy) -> Grads { return {dy, dy}; });
}

Tensor relu(const Tensor& x) {
  const TraceRange range("relu");
  check_float("relu", x);
  Tensor y = Tensor::empty_like(x);
  backend(x.device()).relu(x, y);
  return record("relu", {x}, y, [=](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    backend(dy.device()).relu_backward(dy, y, dx);
    return {dx};
  });
}

Tensor scale(const Tensor& x, float factor) {
  const TraceRange range("scale");
  check_float("scale", x);
  const Tensor one = Tensor::full({1}, 1.0, x.dtype(), x.device());
  Tensor y = Tensor::empty_like(x);
  backend(x.device()).multiply(x, one, factor, y);
  return record("scale", {x}, y, [=](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    backend(dy.device()).multiply(dy, one, factor, dx);
    return {dx};
  });
}

Tensor sum(const Tensor& x) {
  check_float("sum", x);
  return scaled_sum("sum", x, 1.0f);
}

Tensor mean(const Tensor& x) {
  check_float("mean", x);
  BS_CHECK(x.count() > 0, "mean: x must have elements, got ", x.shape());
  return scaled_sum("mean", x, 1.0f / static_cast<float>(x.count()));
}

Tensor mse_loss(const Tensor& x, const Tensor& target) {
  const TraceRange range("mse_loss");
  check_float("mse_loss", x);
  check_same("mse_loss", "target", x, target);
  BS_CHECK(x.count() > 0, "mse_loss: x must have elements, got ", x.shape());
  Tensor y = scalar_like(x);
  backend(x.device()).mse(x, target, y);
  const bool wants_x = x.requires_grad(), wants_target = target.requires_grad();
  return record("mse_loss", {x, target}, y,
                [x = x.detach(), target = target.detach(), wants_x, wants_target](const Tensor& dy) -> Grads {
                  Grads grads(2);
                  if (wants_x) {
                    grads[0] = Tensor::empty_like(x);
                    backend(dy.device()).mse_backward(dy, x, target, grads[0]);
                  }
                  if (wants_target) {
                    grads[1] = Tensor::empty_like(x);
                    backend(dy.device()).mse_backward(dy, target, x, grads[1]);
                  }
                  return grads;
                });
}

Tensor cast(const Tensor& x, DType dtype) {
  const TraceRange range("cast");
  check_float("cast", x);
  BS_CHECK(is_float(dtype), "cast: dtype must be float32 or bfloat16, got ", dtype);
  if (x.dtype() == dtype) return x;
  Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  backend(x.device()).cast(x, y);
  return record("cast", {x}, y, [from = x.dtype()](const Tensor& dy) -> Grads { return {cast(dy, from)}; });
}

Tensor dropout(const Tensor& x, float p, const Tensor& draw) {
  const TraceRange range("dropout");
  check_float("dropout", x);
  BS_CHECK(p >= 0.0f && p < 1.0f, "dropout: p must lie in [0, 1), got ", p);
  BS_CHECK(draw.dtype() == kInt64 && draw.count() == 2 && draw.device() == x.device(),
           "dropout: draw must be int64 [2] on ", x.device(), ", got ", draw.dtype(), " ", draw.shape(), " on ",
           draw.device());
  const auto masked = [p, own = draw.clone()](const Tensor& from) {
    Tensor to = Tensor::empty_like(from);
    backend(from.device()).dropout(from, p, own, to);
    return to;
  };
  // The mask is drawn again instead of being kept.
  return record("dropout", {x}, masked(x), [masked](const Tensor& dy) -> Grads { return {masked(dy)}; });
}

Tensor reshape(const Tensor& x, std::initializer_list<int64_t> shape) {
  std::vector<int64_t> dims(shape);
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == -1) {
      BS_CHECK(unknown < 0, "reshape: at most one size may be -1");
      unknown = static_cast<int64_t>(i);
    } else {
      BS_CHECK(dims[i] >= 0, "reshape: size ", i, " must be -1 or not negative, got ", dims[i]);
      known *= dims[i];
    }
  }
  if (unknown >= 0) {
    BS_CHECK(known > 0 && x.count() % known == 0, "reshape: ", x.shape(), " does not divide by the ", known,
             " elements of the sizes given");
    dims[static_cast<size_t>(unknown)] = x.count() / known;
  }
  Tensor y = x.view(Shape(dims.data(), static_cast<int>(dims.size())));
  return record("reshape", {x}, y, [from = x.shape()](const Tensor& dy) -> Grads { return {dy.view(from)}; });
}

}  // namespace bareseg
