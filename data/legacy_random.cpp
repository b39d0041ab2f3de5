#include "data/legacy_random.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "engine/error.h"

namespace bareseg {

Mt19937 Mt19937::from_seed(uint32_t seed) {
  Mt19937 g;
  mt19937::seed(g.state_, seed);
  return g;
}

Mt19937 Mt19937::from_array(const std::vector<uint32_t>& key) {
  BS_CHECK(!key.empty(), "Mt19937: the seed array must hold at least one word, got none");
  Mt19937 g = from_seed(19650218u);
  auto& s = g.state_;
  size_t i = 1, j = 0;
  const auto step = [&] {
    if (++i == kSize) {
      s[0] = s[kSize - 1];
      i = 1;
    }
  };
  for (size_t k = std::max<size_t>(kSize, key.size()); k > 0; --k) {
    s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + key[j] + static_cast<uint32_t>(j);
    step();
    if (++j == key.size()) j = 0;
  }
  for (size_t k = kSize - 1; k > 0; --k) {
    s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - static_cast<uint32_t>(i);
    step();
  }
  s[0] = 0x80000000u;
  return g;
}

uint32_t Mt19937::next_u32() {
  if (position_ == kSize) {
    mt19937::advance(state_);
    position_ = 0;
  }
  return mt19937::number_of(state_[position_++]);
}

double Mt19937::next_double() {
  const uint32_t a = next_u32() >> 5, b = next_u32() >> 6;
  return (a * 67108864.0 + b) / 9007199254740992.0;
}

// Words are masked to the bits of max and rejected when above it.
uint32_t NumpyRandom::at_most(uint32_t max) {
  if (max == 0) return 0;
  const uint32_t mask = std::numeric_limits<uint32_t>::max() >> std::countl_zero(max);
  uint32_t value;
  do {
    value = generator_.next_u32() & mask;
  } while (value > max);
  return value;
}

uint32_t NumpyRandom::randint(uint32_t high) {
  BS_CHECK(high > 0, "NumpyRandom::randint: high must be positive, got 0");
  return at_most(high - 1);
}

double NumpyRandom::uniform(double low, double high) { return low + (high - low) * random(); }

std::vector<int64_t> NumpyRandom::permutation(int64_t n) {
  BS_CHECK(n >= 0 && n <= std::numeric_limits<uint32_t>::max(),
           "NumpyRandom::permutation: n must lie in [0, 2^32), got ", n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[at_most(static_cast<uint32_t>(i))]);
  return order;
}

namespace {

// CPython takes the magnitude as 32-bit words, lowest first; zero is one word.
std::vector<uint32_t> words(uint64_t seed) {
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<uint32_t>(seed >> 32));
  return key;
}

}  // namespace

PythonRandom::PythonRandom(uint64_t seed) : generator_(Mt19937::from_array(words(seed))) {}

double PythonRandom::uniform(double low, double high) { return low + (high - low) * random(); }

}  // namespace bareseg
