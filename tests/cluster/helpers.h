// What the tests of clustering share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"

namespace bareseg {

inline constexpr uint64_t kTestSeed = 20211210;

/// `call` throws Error with `text` in its message.
inline testing::AssertionResult throws_error(const std::function<void()>& call, const std::string& text) {
  try {
    call();
  } catch (const Error& error) {
    if (error.message().find(text) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "expected '" << text << "' in: " << error.message();
  }
  return testing::AssertionFailure() << "no Error was thrown; expected one with '" << text << "'";
}

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

inline Tensor normal_points(int64_t n, int64_t dims, uint64_t part, DType dtype = kFloat32) {
  return random_normal({n, dims}, Random(kTestSeed, Draws::test, part), dtype);
}

}  // namespace bareseg

#define EXPECT_ERROR(expression, text) \
  EXPECT_TRUE(::bareseg::throws_error([&] { static_cast<void>(expression); }, text))
