// Label maps that follow the edges of the image: a fully connected conditional random field.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace bareseg {

/// Krähenbühl & Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials (2011). Two pixels of
/// unlike labels, at places p and of colours v, cost
///   smooth_weight exp(-|p_i - p_j|^2 / 2 smooth_xy^2) + colour_weight exp(-|p_i - p_j|^2 / 2 colour_xy^2
///                                                                         - |v_i - v_j|^2 / 2 colour_rgb^2).
/// The defaults are those of the authors' example program.
struct DenseCrfOptions {
  int iterations = 10;
  float smooth_weight = 3.0f;
  float smooth_xy = 3.0f;  // in pixels
  float colour_weight = 10.0f;
  float colour_xy = 80.0f;
  float colour_rgb = 13.0f;  // of 255
};

/// Mean field of the image's CRF, Gaussians on permutohedral lattices.
///
/// @param image          uint8 [H, W, 3] in host memory.
/// @param probabilities  float32 [H, W, K] in host memory, of each label without the CRF, in [0, 1].
/// @return               float32 [H, W, K], each pixel's sum is 1.
/// @throws Error on other shapes, dtypes or devices, when a deviation is not positive, a weight negative, or there
///         is no iteration.
Tensor dense_crf(const Tensor& image, const Tensor& probabilities, const DenseCrfOptions& options = {});

/// One kind of edge: `filter` computes out_i = sum_j k(i, j) in_j, i itself included, for [pixels, labels].
struct CrfEdges {
  float weight;
  std::function<void(const float* in, float* out, int64_t labels)> filter;
};

/// Iterates Q_i(l) = softmax_l(log p_i(l) + sum over edges of weight sum_j n_i k(i, j) n_j Q_j(l)) from Q = p, where
/// n_i = (sum_j k(i, j))^-1/2: every pixel has as much to say whatever the number of those like it. p below 1e-10
/// counts as that.
///
/// @param probabilities  [pixels, labels]; overwritten with Q.
void mean_field(std::vector<float>& probabilities, int64_t labels, const std::vector<CrfEdges>& edges, int iterations);

}  // namespace bareseg
