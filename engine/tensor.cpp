#include "engine/tensor.h"

#include <cstring>

#include "engine/autograd.h"
#include "engine/backend.h"

namespace bareseg {

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  int64_t bytes = 0;
  BS_CHECK(!__builtin_mul_overflow(shape.count(), size_of(dtype), &bytes), "Tensor: ", dtype, " ", shape,
           " has more bytes than int64 counts");
  Tensor x;
  x.storage_ = std::make_shared<Storage>(bytes, device, allocator(device));
  x.shape_ = shape;
  x.dtype_ = dtype;
  return x;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor x = empty(shape, dtype, device);
  backend(device).fill(x, value);
  return x;
}

Tensor Tensor::from_host(const void* values, const Shape& shape, DType dtype, Device device) {
  Tensor x = empty(shape, dtype, device);
  if (device == Device{}) {
    if (x.bytes() > 0) std::memcpy(x.raw(), values, static_cast<size_t>(x.bytes()));
  } else {
    backend(device).copy_from_host(values, x);
  }
  return x;
}

Device Tensor::device() const {
  BS_CHECK(defined(), "Tensor: used before it was given elements");
  return storage_->device();
}

void* Tensor::raw() const {
  BS_CHECK(defined(), "Tensor: used before it was given elements");
  return storage_->data() + offset_;
}

void Tensor::copy_to_host(void* values) const {
  if (device() == Device{}) {
    if (bytes() > 0) std::memcpy(values, raw(), static_cast<size_t>(bytes()));
  } else {
    backend(device()).copy_to_host(*this, values);
  }
}

double Tensor::item() const {
  BS_CHECK(defined() && count() == 1, "item: expected one element, got ", shape_);
  return dispatch(dtype_, [&](auto type) -> double {
    using T = decltype(type);
    const T value = to_vector<T>().front();
    if constexpr (std::is_same_v<T, bfloat16>)
      return static_cast<float>(value);
    else
      return static_cast<double>(value);
  });
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  BS_CHECK(rank() > 0 && begin >= 0 && begin <= end && end <= dim(0), "rows: [", begin, ", ", end,
           ") does not lie in the first dimension of ", shape_);
  int64_t dims[Shape::kMaxRank];
  int64_t per_row = size_of(dtype_);
  for (int i = 0; i < rank(); ++i) {
    dims[i] = i == 0 ? end - begin : dim(i);
    if (i > 0) per_row *= dim(i);
  }
  Tensor y = detach();
  y.shape_ = Shape(dims, rank());
  y.offset_ += begin * per_row;
  return y;
}

Tensor Tensor::view(const Shape& shape) const {
  BS_CHECK(defined() && shape.count() == count(), "view: ", shape_, " cannot be seen as ", shape);
  Tensor y = detach();
  y.shape_ = shape;
  return y;
}

Tensor Tensor::to(Device target) const {
  if (device() == target) return detach();
  if (device() == Device{}) return from_host(raw(), shape_, dtype_, target);
  Tensor host = empty(shape_, dtype_);
  copy_to_host(host.raw());
  return host.to(target);
}

Tensor Tensor::clone() const {
  Tensor y = empty_like(*this);
  backend(device()).copy(*this, y);
  return y;
}

Tensor Tensor::detach() const {
  Tensor y = *this;
  y.node_ = nullptr;
  return y;
}

Tensor& Tensor::set_requires_grad() {
  BS_CHECK(defined() && is_float(dtype_), "set_requires_grad: expected a float tensor, got ",
           defined() ? name_of(dtype_) : "an undefined one");
  BS_CHECK(node_ == nullptr || node_->leaf, "set_requires_grad: the tensor is the result of an op");
  if (node_ == nullptr) node_ = std::make_shared<Node>();
  return *this;
}

Tensor Tensor::grad() const {
  BS_CHECK(node_ != nullptr && node_->leaf, "grad: the tensor is not a leaf that requires a gradient");
  return node_->grad;
}

Tensor Tensor::narrow() const {
  const bool kept = node_ != nullptr && node_->leaf;
  if (kept && node_->narrow.defined()) return node_->narrow;
  Tensor y = empty(shape_, kBFloat16, device());
  backend(device()).cast(*this, y);
  if (kept) node_->narrow = y;
  return y;
}

void Tensor::elements_changed() const {
  if (node_ == nullptr) return;
  ++node_->version;
  if (node_->narrow.defined()) backend(device()).cast(*this, node_->narrow);
}

uint64_t Tensor::version() const { return node_ != nullptr ? node_->version : 0; }

void Tensor::clear_grad() {
  BS_CHECK(node_ != nullptr && node_->leaf, "clear_grad: the tensor is not a leaf that requires a gradient");
  node_->grad = {};
}

void check_device(const char* op, const Tensor& x, std::initializer_list<const Tensor*> others) {
  for (const Tensor* t : others) {
    BS_CHECK(!t->defined() || t->device() == x.device(), op, ": all tensors must be on one device, got ", x.device(),
             " and ", t->device());
  }
}

}  // namespace bareseg
