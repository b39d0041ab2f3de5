// How empty clusters are filled after an iteration of k-means, as faiss does it (km_update_centroids; PiCIE section
// 6.2): a large cluster, drawn by its size, is split in two. The one copy of its draws and numbers for host and
// kernels.
#pragma once

#include <cstdint>

#include "engine/host_device.h"
#include "engine/mt19937.h"

namespace bareseg::kmeans_repair {

/// Draws from a state of mt19937::kWords words: a pointer, or what stands for one in a kernel.
template <typename Words>
class Draw {
 public:
  /// To be seeded before the first draw.
  BS_HOST_DEVICE explicit Draw(Words state) : state_(state) {}

  BS_HOST_DEVICE void seed(uint32_t number) {
    mt19937::seed(state_, number);
    next_ = mt19937::kWords;
  }

  BS_HOST_DEVICE uint32_t operator()() {
    if (next_ == mt19937::kWords) {
      mt19937::advance(state_);
      next_ = 0;
    }
    return mt19937::number_of(state_[next_++]);
  }

 private:
  Words state_;
  int next_ = mt19937::kWords;
};

inline constexpr uint32_t kSeed = 1234;
inline constexpr float kSplit = 1.0f / 1024.0f;

/// The cluster that the next empty one gets half of; sizes [clusters] in points, of n.
template <typename Sizes, typename Words>
BS_HOST_DEVICE int64_t cluster_to_split(const Sizes& sizes, int64_t clusters, int64_t n, Draw<Words>& draw) {
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
