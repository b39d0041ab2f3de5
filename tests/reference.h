// The definition of every op: plain loops in double, written to be obviously right. Parity and gradient tests refer to
// these; nothing here shares code with the backends.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/augment_params.h"
#include "engine/backend.h"
#include "engine/shape.h"
#include "engine/tensor.h"

namespace bareseg::reference {

/// A dense array of doubles. Default: undefined, like a default Tensor.
struct Array {
  Shape shape;
  std::vector<double> values;

  bool defined() const { return !values.empty(); }
  double& operator[](int64_t i) { return values[static_cast<size_t>(i)]; }
  double operator[](int64_t i) const { return values[static_cast<size_t>(i)]; }
};

Array zeros(const Shape& shape);
/// The elements of a tensor of any dtype, as double; undefined for an undefined tensor.
Array from(const Tensor& x);

Array add(const Array& a, const Array& b);
Array relu(const Array& x);
Array scale(const Array& x, double factor);
Array sum(const Array& x);
Array mean(const Array& x);
Array mse_loss(const Array& x, const Array& target);
/// Element i kept where uniforms[i] >= p.
Array dropout(const Array& x, double p, const std::vector<float>& uniforms);
/// Rounded to the nearest value of a float dtype, ties to even.
Array cast(const Array& x, DType dtype);

/// x [N, H, W, I], w [O, K, K, I / groups], bias [O] or undefined.
Array conv2d(const Array& x, const Array& w, const Array& bias, const ConvOptions& o);
Array max_pool2d(const Array& x, const PoolOptions& o);

Array concat_channels(const std::vector<Array>& maps);
Array global_avg_pool(const Array& x);

/// Updates running_mean and running_var in training, as ops.h says.
Array batch_norm(const Array& x, const Array& weight, const Array& bias, Array& running_mean, Array& running_var,
                 const BatchNormOptions& o, const Array& residual = {});
Array l2_normalize(const Array& x, double eps = 1e-12);

Array matmul(const Array& a, const Array& b);
Array linear(const Array& x, const Array& w, const Array& bias);  // [M, K], [N, K], [N]

Array resize_bilinear(const Array& x, int64_t height, int64_t width, const Array& addend = {});
Array crop_resize_flip(const Array& x, const std::vector<CropWindow>& windows, int64_t side);

Array log_softmax(const Array& x);
Array cross_entropy(const Array& logits, const std::vector<int64_t>& labels, const Array& class_weights = {},
                    int64_t ignore = -1);
struct Target {
  Array centroids;              // [K, D]
  std::vector<int64_t> labels;  // one per feature vector
  Array class_weights;          // [K] or undefined
};
/// The cross-entropy of each target: [T].
Array cosine_cluster_terms(const Array& features, const std::vector<Target>& targets);
/// Their mean: [1].
Array cosine_cluster_loss(const Array& features, const std::vector<Target>& targets);

/// One parameter under an optimizer; m and v start at zero.
struct Slot {
  Array param, m, v;
};
void sgd(Slot& slot, const Array& grad, const SgdStep& step);
void adam(Slot& slot, const Array& grad, const AdamStep& step);

}  // namespace bareseg::reference
