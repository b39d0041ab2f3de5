// One test, every device: TEST_P(OpTest, Name) runs on each device of all_devices() whose backend main.cpp installed
// and is skipped, saying so, on the others. The macros compare with the double reference of tests/reference.h.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/random.h"
#include "tests/reference.h"

namespace bareseg {

/// Seed of every random number in the tests; printed with each failure.
inline constexpr uint64_t kTestSeed = 20211210;

/// The device types that tests are listed for, and their names in test names.
std::vector<Device::Type> all_devices();
std::string device_name(const testing::TestParamInfo<Device::Type>& info);

/// How GoogleTest prints the parameter of a failed test.
void PrintTo(Device::Type type, std::ostream* out);

/// Relative error allowed: of float32 arithmetic, or of a result rounded to bfloat16's 8-bit mantissa a few times.
inline double tolerance(DType dtype) { return dtype == kBFloat16 ? 1e-2 : 1e-5; }

class OpTest : public testing::TestWithParam<Device::Type> {
 protected:
  void SetUp() override;
  Device device() const { return {GetParam(), 0}; }
  /// One that is not device(), where there is any.
  std::optional<Device> another_device() const;

  /// Standard normal numbers times `std`, new ones at each call of a test.
  Tensor normal(const Shape& shape, DType dtype = kFloat32, float std = 1.0f);
  Tensor uniform(const Shape& shape, float low, float high, DType dtype = kFloat32);
  /// 0 .. count - 1 in random order, divided by `divisor`: no two are equal.
  Tensor distinct(const Shape& shape, float divisor, DType dtype = kFloat32);
  /// x's elements at an address that is no multiple of 16 bytes.
  Tensor misaligned(const Tensor& x);
  /// Labels in [0, classes) as uint8 or int32.
  Tensor labels(const Shape& shape, int64_t classes, DType dtype = kInt32);

 private:
  uint64_t draws_ = 0;
};

using Op = std::function<Tensor(const Tensor&)>;
using ReferenceOp = std::function<reference::Array(const reference::Array&)>;

/// Shapes equal, |actual - expected| <= tolerance |expected| in the 2-norm, and no single element off by more than
/// 16 tolerance max(|its value|, root mean square). NaN equals NaN alone.
testing::AssertionResult close(const reference::Array& actual, const reference::Array& expected, double tolerance);
testing::AssertionResult close(const Tensor& actual, const reference::Array& expected, double tolerance);

/// d <op(x), g> / dx for random g, by backward(), against central differences of the reference at x (at most 64
/// elements of it, drawn at random); every element must have been written.
testing::AssertionResult gradient_matches(const Op& op, const ReferenceOp& reference, const Tensor& x,
                                          double tolerance);

/// The gradient of <op(x), cotangent> at x.
Tensor gradient_of(const Op& op, const Tensor& x, const Tensor& cotangent);
/// A scalar whose gradient is `cotangent`, for any y: <y, cotangent> in the graph, its value not computed.
Tensor against(const Tensor& y, const Tensor& cotangent);

/// `call` throws Error with `text` in its message.
testing::AssertionResult throws_error(const std::function<void()>& call, const std::string& text);

}  // namespace bareseg

#define EXPECT_CLOSE(actual, expected, tolerance) \
  EXPECT_TRUE(::bareseg::close(actual, expected, tolerance)) << "seed " << ::bareseg::kTestSeed
#define EXPECT_GRADIENT(op, reference, x, tolerance) \
  EXPECT_TRUE(::bareseg::gradient_matches(op, reference, x, tolerance)) << "seed " << ::bareseg::kTestSeed
#define EXPECT_ERROR(expression, text) \
  EXPECT_TRUE(::bareseg::throws_error([&] { static_cast<void>(expression); }, text))
