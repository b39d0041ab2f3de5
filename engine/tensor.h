// The one array type: contiguous, typed, on one device. Images and feature maps are [N, H, W, C].
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/shape.h"
#include "engine/storage.h"

namespace bareseg {

struct Node;  // a place in the graph of recorded operations, engine/autograd.h

/// A handle: copies share the same elements and the same place in the graph. A default Tensor is undefined and has no
/// elements; everything but defined() throws Error on it.
class Tensor {
 public:
  Tensor() = default;

  /// Uninitialised elements.
  static Tensor empty(const Shape& shape, DType dtype = kFloat32, Device device = {});
  static Tensor empty_like(const Tensor& x) { return empty(x.shape(), x.dtype(), x.device()); }
  static Tensor zeros(const Shape& shape, DType dtype = kFloat32, Device device = {}) {
    return full(shape, 0.0, dtype, device);
  }
  static Tensor full(const Shape& shape, double value, DType dtype = kFloat32, Device device = {});
  /// Copies `values`, whose number must be shape.count().
  template <typename T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = {}) {
    BS_CHECK(static_cast<int64_t>(values.size()) == shape.count(), "Tensor::from: shape ", shape, " has ",
             shape.count(), " elements, got ", values.size());
    return from_host(values.data(), shape, dtype_of<T>(), device);
  }
  /// Copies shape.count() elements from host memory.
  static Tensor from_host(const void* values, const Shape& shape, DType dtype, Device device = {});

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_.dim(i); }
  int64_t count() const { return shape_.count(); }
  int64_t bytes() const { return count() * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const;

  /// First element, in the device's memory. Throws Error when T is not the dtype.
  template <typename T>
  T* data() const {
    BS_CHECK(dtype_of<T>() == dtype_, "Tensor: elements are ", dtype_, ", asked for as ", dtype_of<T>());
    return static_cast<T*>(raw());
  }
  void* raw() const;

  /// The elements, copied to the host. Waits for the device.
  template <typename T>
  std::vector<T> to_vector() const {
    BS_CHECK(dtype_of<T>() == dtype_, "Tensor: elements are ", dtype_, ", asked for as ", dtype_of<T>());
    std::vector<T> values(static_cast<size_t>(count()));
    copy_to_host(values.data());
    return values;
  }
  void copy_to_host(void* values) const;
  /// The only element, as double. Waits for the device. Throws Error unless count() is 1.
  double item() const;

  /// Entries [begin, end) along the first dimension, sharing memory, outside the graph.
  Tensor rows(int64_t begin, int64_t end) const;
  /// The same elements under another shape of the same count, sharing memory, outside the graph.
  Tensor view(const Shape& shape) const;
  /// A copy on `device`, outside the graph; this very tensor (detached) when it is there already.
  Tensor to(Device device) const;
  /// A copy of its own, outside the graph.
  Tensor clone() const;
  /// The same elements outside the graph.
  Tensor detach() const;

  // Graph (engine/autograd.h).
  /// Makes this a leaf whose gradient backward() collects. Only for float tensors that no op produced.
  Tensor& set_requires_grad();
  bool requires_grad() const { return node_ != nullptr; }
  /// The gradient collected so far; undefined before backward(). Only leaves keep one.
  Tensor grad() const;
  void clear_grad();
  /// The elements as bfloat16, outside the graph. A leaf makes them once and keeps them: who writes the elements of a
  /// leaf later also writes these (optimizers), or calls elements_changed().
  Tensor narrow() const;
  /// For a leaf whose elements were written: brings narrow() up to date and counts in version().
  void elements_changed() const;
  uint64_t version() const;
  const std::shared_ptr<Node>& node() const { return node_; }
  void set_node(std::shared_ptr<Node> node) { node_ = std::move(node); }

 private:
  std::shared_ptr<Storage> storage_;
  std::shared_ptr<Node> node_;
  Shape shape_;
  int64_t offset_ = 0;  // bytes
  DType dtype_ = kFloat32;
};

/// @throws Error naming `op` and both devices where one of `others` that is defined is not where x is.
void check_device(const char* op, const Tensor& x, std::initializer_list<const Tensor*> others);

}  // namespace bareseg
