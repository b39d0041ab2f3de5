// Random draws as pure functions of (seed, stream, index): the same numbers on every device, in every order, after
// every resume.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/philox.h"
#include "engine/tensor.h"

namespace bareseg {

/// Names of the streams in use, so that no two purposes share numbers.
enum class Draws : uint64_t {
  weights = 1,
  permutation = 2,
  kmeans = 3,
  scenes = 4,
  test = 5,
  dropout = 6,
  augmentation = 7,
  classifier = 8,
};

/// A stream of numbers with its own subsequence. Cheap to copy; the position is the number of words drawn.
class Random {
 public:
  /// `part` separates independent uses of one stream, e.g. the epoch or the parameter's number.
  Random(uint64_t seed, Draws stream, uint64_t part = 0)
      : seed_(seed), subsequence_(static_cast<uint64_t>(stream) << 48 | part) {}

  /// The start of another stream of the same seed and part, independent of this one.
  Random split() const {
    Random other = *this;
    other.subsequence_ |= uint64_t{1} << 63;
    other.position_ = 0;
    return other;
  }

  /// What philox() is told of this stream.
  uint64_t seed() const { return seed_; }
  uint64_t subsequence() const { return subsequence_; }

  uint32_t next_u32();
  /// Uniform in [0, 1) with 24 random bits.
  float uniform() { return unit_float(next_u32()); }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box-Muller).
  float normal();
  /// Uniform integer in [0, n), n > 0, without bias.
  uint64_t below(uint64_t n);
  /// A uniform permutation of 0 .. n - 1 (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t n);

 private:
  uint64_t seed_, subsequence_, position_ = 0;
  std::array<uint32_t, 4> words_{};  // the block that position_ is in, drawn when it begins
};

/// Float tensors of random numbers, drawn on the host in element order and copied to the device.
Tensor random_normal(const Shape& shape, Random random, DType dtype = kFloat32, Device device = {}, float std = 1.0f);
Tensor random_uniform(const Shape& shape, float low, float high, Random random, DType dtype = kFloat32,
                      Device device = {});

}  // namespace bareseg
