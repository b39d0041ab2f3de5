// The ladder of k-means. The task of every rung is one Lloyd iteration: labels of float points, sums and numbers of the
// points of each cluster, and the sum of squared distances (cuda/kernels/kmeans.h has the formula). Sizes are PiCIE's.
#pragma once

#include <string>

#include "cuda/launch.h"

namespace bareseg::kmeans_ladder {

inline constexpr int kDims = 128, kClusters = 27;

/// All in the device's memory.
struct KMeansCase {
  int64_t n;
  const float* points;     // [n, kDims]
  const float* centroids;  // [kClusters, kDims]
  char* scratch;           // scratch_bytes(n)
  uint8_t* labels;         // [n]
  float* sums;             // [kClusters, kDims]
  int64_t* counts;         // [kClusters]
  float* inertia;          // [1]
};
int64_t scratch_bytes(int64_t n);

/// Most parts of the points that are added up side by side, two for each of an H200's multiprocessors.
inline constexpr int64_t kMaxParts = 264;

// How the first rungs lay out the scratch memory.
struct Scratch {
  double* inertia;   // [kMaxParts]
  int64_t* counts;   // [kMaxParts, kClusters]
  float* sums;       // [kMaxParts, kClusters, kDims]
  float* distances;  // [n]

  explicit Scratch(const KMeansCase& c)
      : inertia(reinterpret_cast<double*>(c.scratch)),
        counts(reinterpret_cast<int64_t*>(inertia + kMaxParts)),
        sums(reinterpret_cast<float*>(counts + kMaxParts * kClusters)),
        distances(sums + kMaxParts * kClusters * kDims) {}
};

using Rung = void (*)(Stream, const KMeansCase&);
void v1_naive(Stream stream, const KMeansCase& c);
void v2_shared(Stream stream, const KMeansCase& c);
void v3_register_tiles(Stream stream, const KMeansCase& c);
void v4_shipped(Stream stream, const KMeansCase& c);

struct NamedRung {
  const char* name;
  Rung run;
};
inline constexpr NamedRung kRungs[] = {{"v1 naive", v1_naive},
                                       {"v2 shared", v2_shared},
                                       {"v3 register tiles", v3_register_tiles},
                                       {"v4 shipped", v4_shipped}};

/// Random numbers for n points, the same each time, in arrays that live until the process ends or the next call.
const KMeansCase& make_case(int64_t n);
/// Runs the rung on make_case(n) and compares with a loop in double: what is wrong, empty when nothing is.
std::string check(Rung rung, int64_t n);

}  // namespace bareseg::kmeans_ladder
