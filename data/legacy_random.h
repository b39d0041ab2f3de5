// The two generators the PiCIE authors drew from, number for number: NumPy's legacy RandomState and CPython's random.
// Both are MT19937 under different seeding. Everything new draws from engine/random.h instead.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/mt19937.h"

namespace bareseg {

/// Mersenne Twister MT19937 of Matsumoto and Nishimura.
class Mt19937 {
 public:
  /// init_genrand: one 32-bit seed.
  static Mt19937 from_seed(uint32_t seed);
  /// init_by_array: any number of words, at least one.
  static Mt19937 from_array(const std::vector<uint32_t>& key);

  uint32_t next_u32();
  /// Uniform in [0, 1) with 53 random bits, from two words: ((a >> 5) * 2^26 + (b >> 6)) / 2^53.
  double next_double();

 private:
  static constexpr int kSize = mt19937::kWords;
  Mt19937() = default;

  std::array<uint32_t, kSize> state_{};
  int position_ = kSize;
};

/// numpy.random.RandomState(seed), also reached by numpy.random.seed.
class NumpyRandom {
 public:
  /// Seeds are 32 bits, as NumPy demands of an integer seed.
  explicit NumpyRandom(uint32_t seed) : generator_(Mt19937::from_seed(seed)) {}

  /// random_sample(): uniform in [0, 1).
  double random() { return generator_.next_double(); }
  /// uniform(low, high).
  double uniform(double low, double high);
  /// randint(high): uniform integer in [0, high). randint(1) is 0 and draws nothing.
  /// @throws Error when high is 0.
  uint32_t randint(uint32_t high);
  /// arange(n) after shuffle().
  std::vector<int64_t> permutation(int64_t n);

 private:
  uint32_t at_most(uint32_t max);

  Mt19937 generator_;
};

/// CPython's random.Random(seed) for a non-negative integer seed.
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);

  /// random(): uniform in [0, 1).
  double random() { return generator_.next_double(); }
  /// uniform(low, high).
  double uniform(double low, double high);

 private:
  Mt19937 generator_;
};

}  // namespace bareseg
