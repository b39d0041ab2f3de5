#include "tests/devices.h"

#include <algorithm>
#include <cmath>

namespace bareseg {
namespace {

constexpr int64_t kMaxDifferences = 64;
constexpr double kUnwritten = 1e30;  // main.cpp fills fresh memory with more

// Central difference of f at x along element i. The step is small beside x's bfloat16 spacing, so an element that the
// test put off a kink stays on its side.
template <typename F>
double difference(const F& f, reference::Array x, int64_t i) {
  constexpr double kStep = 1e-4;
  const double before = x[i];
  x[i] = before + kStep;
  const double high = f(x);
  x[i] = before - kStep;
  return (high - f(x)) / (2.0 * kStep);
}

}  // namespace

std::vector<Device::Type> all_devices() { return {Device::Type::cpu, Device::Type::emulated, Device::Type::cuda}; }

void PrintTo(Device::Type type, std::ostream* out) {
  switch (type) {
    case Device::Type::cpu:
      *out << "cpu";
      return;
    case Device::Type::emulated:
      *out << "emulated";
      return;
    case Device::Type::cuda:
      *out << "cuda";
      return;
  }
}

std::string device_name(const testing::TestParamInfo<Device::Type>& info) { return testing::PrintToString(info.param); }

void OpTest::SetUp() {
  try {
    backend(device()).open(device(), {});
  } catch (const Error& error) {
    GTEST_SKIP() << error.message();
  }
}

std::optional<Device> OpTest::another_device() const {
  for (const Device::Type type : all_devices()) {
    if (type == GetParam()) continue;
    try {
      backend({type, 0}).open({type, 0}, {});
      return Device{type, 0};
    } catch (const Error&) {  // not here
    }
  }
  return std::nullopt;
}

Tensor OpTest::normal(const Shape& shape, DType dtype, float std) {
  return random_normal(shape, Random(kTestSeed, Draws::test, draws_++), dtype, device(), std);
}

Tensor OpTest::uniform(const Shape& shape, float low, float high, DType dtype) {
  return random_uniform(shape, low, high, Random(kTestSeed, Draws::test, draws_++), dtype, device());
}

Tensor OpTest::distinct(const Shape& shape, float divisor, DType dtype) {
  return dispatch_float(dtype, [&](auto type) {
    using T = decltype(type);
    std::vector<T> values;
    for (const int64_t value : Random(kTestSeed, Draws::test, draws_++).permutation(shape.count())) {
      values.push_back(T(static_cast<float>(value) / divisor));
    }
    return Tensor::from(values, shape, device());
  });
}

Tensor OpTest::misaligned(const Tensor& x) {
  return dispatch(x.dtype(), [&](auto type) {
    auto values = x.to_vector<decltype(type)>();
    values.insert(values.begin(), decltype(type){});
    const int64_t end = x.count() + 1;
    return Tensor::from(values, {end}, device()).rows(1, end).view(x.shape());
  });
}

Tensor OpTest::labels(const Shape& shape, int64_t classes, DType dtype) {
  Random random(kTestSeed, Draws::test, draws_++);
  std::vector<int32_t> wide(static_cast<size_t>(shape.count()));
  for (int32_t& label : wide) label = static_cast<int32_t>(random.below(static_cast<uint64_t>(classes)));
  if (dtype == kInt32) return Tensor::from(wide, shape, device());
  return Tensor::from(std::vector<uint8_t>(wide.begin(), wide.end()), shape, device());
}

testing::AssertionResult close(const reference::Array& actual, const reference::Array& expected, double tolerance) {
  if (actual.shape != expected.shape) {
    return testing::AssertionFailure() << "shape " << actual.shape << ", expected " << expected.shape;
  }
  double error = 0.0, norm = 0.0;
  for (const double value : expected.values) norm += std::isnan(value) ? 0.0 : value * value;
  const double count = static_cast<double>(std::max<size_t>(expected.values.size(), 1));
  const double typical = std::sqrt(norm / count);
  for (int64_t i = 0; i < expected.shape.count(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
    const double off = std::abs(actual[i] - expected[i]);
    if (!(off <= 16.0 * tolerance * std::max(std::abs(expected[i]), typical))) {
      return testing::AssertionFailure() << "element " << i << " of " << expected.shape << " is " << actual[i]
                                         << ", expected " << expected[i] << "; typical size " << typical;
    }
    error += off * off;
  }
  if (std::sqrt(error) <= tolerance * std::sqrt(norm)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "relative error " << std::sqrt(error / norm) << " of " << expected.shape
                                     << ", allowed " << tolerance;
}

testing::AssertionResult close(const Tensor& actual, const reference::Array& expected, double tolerance) {
  if (!actual.defined()) return testing::AssertionFailure() << "undefined tensor";
  return close(reference::from(actual), expected, tolerance);
}

Tensor against(const Tensor& y, const Tensor& cotangent) {
  return record("against", {y}, Tensor::zeros({1}, kFloat32, y.device()),
                [cotangent](const Tensor&) -> Grads { return {cotangent}; });
}

Tensor gradient_of(const Op& op, const Tensor& x, const Tensor& cotangent) {
  Tensor leaf = x.clone();
  leaf.set_requires_grad();
  backward(against(op(leaf), cotangent));
  return leaf.grad();
}

testing::AssertionResult gradient_matches(const Op& op, const ReferenceOp& reference, const Tensor& x,
                                          double tolerance) {
  const Tensor y = op(x.detach());
  const Tensor cotangent = random_normal(y.shape(), Random(kTestSeed, Draws::test, 1 << 20), y.dtype(), y.device());
  const Tensor gradient = gradient_of(op, x, cotangent);
  if (!gradient.defined()) return testing::AssertionFailure() << "no gradient reached x";
  if (gradient.shape() != x.shape() || gradient.dtype() != x.dtype()) {
    return testing::AssertionFailure() << "gradient is " << gradient.dtype() << " " << gradient.shape() << ", x is "
                                       << x.dtype() << " " << x.shape();
  }
  const reference::Array weights = reference::from(cotangent), point = reference::from(x);
  const auto loss = [&](const reference::Array& at) {
    const reference::Array result = reference(at);
    double total = 0.0;
    for (int64_t i = 0; i < result.shape.count(); ++i) total += result[i] * weights[i];
    return total;
  };
  const reference::Array all = reference::from(gradient);
  for (int64_t i = 0; i < x.count(); ++i) {
    if (!(std::abs(all[i]) < kUnwritten)) {
      return testing::AssertionFailure() << "gradient element " << i << " of " << x.shape() << " is " << all[i];
    }
  }
  const int64_t samples = std::min(x.count(), kMaxDifferences);
  const std::vector<int64_t> order = Random(kTestSeed, Draws::test, 1 << 21).permutation(x.count());
  reference::Array actual = reference::zeros({samples}), expected = actual;
  for (int64_t s = 0; s < samples; ++s) {
    const int64_t i = order[static_cast<size_t>(s)];
    actual[s] = all[i];
    expected[s] = difference(loss, point, i);
  }
  testing::AssertionResult result = close(actual, expected, tolerance);
  if (!result) result << " (gradient of x " << x.dtype() << " " << x.shape() << ")";
  return result;
}

testing::AssertionResult throws_error(const std::function<void()>& call, const std::string& text) {
  try {
    call();
  } catch (const Error& error) {
    if (error.message().find(text) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "the message lacks '" << text << "': " << error.message();
  }
  return testing::AssertionFailure() << "nothing was thrown; expected an error with '" << text << "'";
}

}  // namespace bareseg
