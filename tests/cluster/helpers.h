// What the tests of clustering share.
#pragma once

#include <algorithm>
#include <vector>

#include "tests/devices.h"

namespace bareseg {

/// Elements of a float tensor as float32.
inline std::vector<float> floats(const Tensor& x) {
  if (x.dtype() == kFloat32) return x.to_vector<float>();
  std::vector<float> wide;
  for (const bfloat16 value : x.to_vector<bfloat16>()) wide.push_back(static_cast<float>(value));
  return wide;
}

/// Elements of a label tensor.
inline std::vector<int64_t> integers(const Tensor& x) {
  std::vector<int64_t> wide;
  if (x.dtype() == kUInt8)
    for (const uint8_t value : x.to_vector<uint8_t>()) wide.push_back(value);
  else
    for (const int32_t value : x.to_vector<int32_t>()) wide.push_back(value);
  return wide;
}

/// A test that runs on every device.
class ClusterTest : public OpTest {
 protected:
  /// The same numbers for the same part, on each device.
  Tensor normal_points(int64_t n, int64_t dims, uint64_t part, DType dtype = kFloat32) const {
    return random_normal({n, dims}, Random(kTestSeed, Draws::test, part), dtype, device());
  }
  template <typename T>
  Tensor from(const std::vector<T>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }
  /// The emulator is slow: it gets fewer of many points.
  int64_t many(int64_t n, int64_t emulated) const { return GetParam() == Device::Type::emulated ? emulated : n; }
};

}  // namespace bareseg
