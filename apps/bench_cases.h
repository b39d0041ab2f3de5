// What `bareseg bench kernels` times.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace bareseg {

/// One call of the backend, its arguments in memory.
struct BenchCase {
  std::string shape;   // of what it works on, for the reader
  int64_t bytes = 0;   // that it has to move: every argument once per pass that the formula takes over it
  double flops = 0.0;  // of its products, where they matter
  std::function<void()> run;
};

/// Where the arguments are, how many images they are for, and their float type.
struct BenchSetup {
  Device device;
  int64_t batch;
  DType dtype;

  Backend& on() const { return backend(device); }
  /// Of the features, at a quarter of 320x320.
  int64_t pixels() const { return batch * 80 * 80; }
  Tensor empty(const Shape& shape) const { return Tensor::empty(shape, dtype, device); }
  Tensor empty(const Shape& shape, DType type) const { return Tensor::empty(shape, type, device); }
  /// A hundred thousand standard normal numbers, again and again.
  Tensor normal(const Shape& shape) const { return normal(shape, dtype); }
  Tensor normal(const Shape& shape, DType type) const;
  /// [count] of them, in the same way.
  Tensor labels(int64_t count, int64_t classes, DType type) const;
  /// [rows, ...]: `few` repeated along its first dimension.
  Tensor repeated(const Tensor& few, int64_t rows) const;
};

/// A kernel, or a few that one call starts, and the float types that it is timed in; where it has no floats, float32.
struct BenchKernel {
  std::string name;
  std::vector<DType> dtypes;
  std::function<BenchCase(const BenchSetup&)> make;
};

/// Every hand-written kernel of bench_cases_*.cpp.
std::vector<BenchKernel> bench_kernel_list();

inline const std::vector<DType> kBenchFloats = {kFloat32, kBFloat16};
inline constexpr int64_t kBenchDims = 128, kBenchClasses = 27;

// Topics, each in a file of its own.
void add_cluster_cases(std::vector<BenchKernel>& list);    // k-means, PiCIE's loss, labels
void add_layer_cases(std::vector<BenchKernel>& list);      // batch norm, pooling, resampling
void add_pointwise_cases(std::vector<BenchKernel>& list);  // pointwise, rows, softmax, optimizers
void add_augment_cases(std::vector<BenchKernel>& list);

}  // namespace bareseg
