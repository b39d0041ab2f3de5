// How empty clusters are filled after an iteration of k-means, as faiss does it (km_update_centroids; PiCIE section
// 6.2): a large cluster, drawn by its size, is split in two. The one copy of its draws and numbers for host and
// kernels.
#pragma once

#include <cstdint>

#include "engine/host_device.h"

namespace bareseg::kmeans_repair {

/// MT19937 (Matsumoto & Nishimura 1998), the numbers of std::mt19937. Its state is memory of the caller's, kWords of
/// it, which kernels have too: `Words` is a pointer, or what stands for one.
template <typename Words>
class Mt19937 {
 public:
  static constexpr int kWords = 624;

  /// To be seeded before the first draw.
  BS_HOST_DEVICE explicit Mt19937(Words state) : state_(state) {}

  BS_HOST_DEVICE void seed(uint32_t number) {
    state_[0] = number;
    for (int i = 1; i < kWords; ++i) {
      state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
    }
    next_ = kWords;
  }

  BS_HOST_DEVICE uint32_t operator()() {
    if (next_ == kWords) twist();
    uint32_t y = state_[next_++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9D2C5680u;
    y ^= y << 15 & 0xEFC60000u;
    return y ^ y >> 18;
  }

 private:
  BS_HOST_DEVICE void twist() {
    constexpr int kShift = 397;
    for (int i = 0; i < kWords; ++i) {
      const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7FFFFFFFu);
      state_[i] = state_[(i + kShift) % kWords] ^ y >> 1 ^ (y % 2 != 0 ? 0x9908B0DFu : 0u);
    }
    next_ = 0;
  }

  Words state_;
  int next_ = kWords;
};

inline constexpr uint32_t kSeed = 1234;
inline constexpr float kSplit = 1.0f / 1024.0f;

/// The cluster that the next empty one gets half of; sizes [clusters] in points, of n.
template <typename Sizes, typename Words>
BS_HOST_DEVICE int64_t cluster_to_split(const Sizes& sizes, int64_t clusters, int64_t n, Mt19937<Words>& draw) {
  const auto others = static_cast<double>(static_cast<float>(n - clusters));
  for (int64_t j = 0;; j = (j + 1) % clusters) {
    const auto accept = static_cast<float>((sizes[j] - 1.0) / others);
    if (static_cast<float>(draw()) * 0x1p-32f < accept) return j;
  }
}

/// Coordinate d of the cluster that is split becomes `kept`, that of the empty one `given`.
struct Halves {
  float kept, given;
};
BS_HOST_DEVICE inline Halves split(float value, int64_t d) {
  const float change = d % 2 == 0 ? kSplit : -kSplit;
  return {value * (1.0f - change), value * (1.0f + change)};
}

}  // namespace bareseg::kmeans_repair
