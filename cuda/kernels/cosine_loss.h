// PiCIE's loss on one view, fused: cosine_cluster_loss of engine/backend.h.
#pragma once

#include <span>

#include "cuda/launch.h"
#include "engine/labelled_rows.h"

namespace bareseg {

/// One classifier: centroids [labels.classes, dims] and the labels of all rows.
struct CosineTarget {
  const float* centroids;
  LabelledRows labels;
};
/// So many fit the arguments of a kernel.
inline constexpr int64_t kMaxCosineTargets = 60;

struct CosineLoss {
  std::span<const CosineTarget> targets;
  int64_t rows, dims;
  float eps;
};

/// Bytes of device memory that cosine_loss needs beside its arguments.
int64_t cosine_loss_scratch(const CosineLoss& loss);

/// terms[t] = sum_r w[r] (-log softmax(z_r)[label r]) / sum_r w[r] of target t, z_r = centroids f_r / max(|f_r|, eps);
/// 0 where the weights sum to 0. Unless dfeatures is null, dfeatures = d mean(terms) / d features. T is float or
/// bfloat16, features and dfeatures [rows, dims].
template <typename T>
void cosine_loss(Stream stream, const CosineLoss& loss, const T* features, void* scratch, float* terms, T* dfeatures);

}  // namespace bareseg
