#include "engine/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace bareseg {
namespace {

template <typename Draw>
Tensor filled(const Shape& shape, DType dtype, Device device, Draw draw) {
  BS_CHECK(is_float(dtype), "random tensor: expected a float dtype, got ", dtype);
  return dispatch_float(dtype, [&](auto type) {
    using T = decltype(type);
    std::vector<T> values(static_cast<size_t>(shape.count()));
    for (T& value : values) value = T(draw());
    return Tensor::from(values, shape, device);
  });
}

}  // namespace

uint32_t Random::next_u32() {
  if (position_ % 4 == 0) {
    const Philox4 block = philox(seed_, subsequence_, position_ / 4);
    words_ = {block.x, block.y, block.z, block.w};
  }
  return words_[position_++ % 4];
}

float Random::normal() {
  const float u = static_cast<float>((next_u32() >> 8) + 1) * 0x1p-24f;  // (0, 1]
  const float angle = 2.0f * std::numbers::pi_v<float> * uniform();
  return std::sqrt(-2.0f * std::log(u)) * std::cos(angle);
}

uint64_t Random::below(uint64_t n) {
  BS_CHECK(n > 0, "Random::below: n must be positive");
  const uint64_t limit = UINT64_MAX - (UINT64_MAX % n + 1) % n;  // last value of whole rounds of n
  for (;;) {
    const uint64_t high = next_u32();
    const uint64_t value = high << 32 | next_u32();
    if (value <= limit) return value % n;
  }
}

std::vector<int64_t> Random::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

Tensor random_normal(const Shape& shape, Random random, DType dtype, Device device, float std) {
  return filled(shape, dtype, device, [&] { return std * random.normal(); });
}

Tensor random_uniform(const Shape& shape, float low, float high, Random random, DType dtype, Device device) {
  return filled(shape, dtype, device, [&] { return random.uniform(low, high); });
}

}  // namespace bareseg
