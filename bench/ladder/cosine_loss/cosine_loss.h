// The ladder of PiCIE's fused loss. The task of every rung: features of a view, two sets of centroids with labels and
// class weights; the two weighted cross-entropies and the gradient of their mean by the features (cuda/kernels/
// cosine_loss.h has the formula). Sizes are PiCIE's.
#pragma once

#include <string>

#include "cuda/launch.h"
#include "engine/dtype.h"

namespace bareseg::cosine_ladder {

inline constexpr int kDims = 128, kClusters = 27, kTargets = 2, kColumns = kTargets * kClusters;
inline constexpr float kEps = 1e-12f;

/// All in the device's memory.
struct LossCase {
  int64_t rows;
  const float* features;       // [rows, kDims]
  const float* centroids;      // [kTargets, kClusters, kDims]
  const uint8_t* labels;       // [kTargets, rows]
  const float* class_weights;  // [kTargets, kClusters]
  char* scratch;               // scratch_bytes(rows)
  float* terms;                // [kTargets]
  float* dfeatures;            // [rows, kDims]
  // The same for rungs that are narrow: bfloat16 holds the features exactly.
  const bfloat16* narrow_features;
  bfloat16* narrow_dfeatures;
};
int64_t scratch_bytes(int64_t rows);

// Parts of the sum of weights, each a block's work; and so many blocks at most leave a loss.
inline constexpr int kParts = 256, kMaxBlocks = 2112;

// How the rungs lay out the scratch memory: the sums, then what a rung keeps per row.
struct Scratch {
  double* weights;  // [kTargets][kParts]
  double* losses;   // [kTargets][kMaxBlocks]
  float* rows;

  explicit Scratch(const LossCase& c)
      : weights(reinterpret_cast<double*>(c.scratch)),
        losses(weights + kTargets * kParts),
        rows(reinterpret_cast<float*>(losses + kTargets * kMaxBlocks)) {}
};

using Rung = void (*)(Stream, const LossCase&);
void v1_naive(Stream stream, const LossCase& c);
void v2_warp_per_row(Stream stream, const LossCase& c);
void v3_thread_per_row(Stream stream, const LossCase& c);
void v4_shipped_float(Stream stream, const LossCase& c);
void v5_shipped_bfloat16(Stream stream, const LossCase& c);

struct NamedRung {
  const char* name;
  Rung run;
  bool narrow = false;  // reads and writes bfloat16
};
inline constexpr NamedRung kRungs[] = {{"v1 naive", v1_naive},
                                       {"v2 warp per row", v2_warp_per_row},
                                       {"v3 thread per row", v3_thread_per_row},
                                       {"v4 shipped, float", v4_shipped_float},
                                       {"v5 shipped, bfloat16", v5_shipped_bfloat16, true}};

/// Random numbers for `rows` rows, the same each time, in arrays that live until the process ends or the next call.
const LossCase& make_case(int64_t rows);
/// Runs the rung on make_case(rows) and compares with a loop in double: what is wrong, empty when nothing is.
std::string check(const NamedRung& rung, int64_t rows);

}  // namespace bareseg::cosine_ladder
