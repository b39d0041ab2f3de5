// What a device must be able to do: one pure virtual per primitive, so a backend that lacks one does not compile.
//
// Callers (ops.h and the drivers in cluster/ and data/) have checked the arguments and allocated the outputs, and all
// tensors are on the backend's device. Work goes to the device's stream and returns. Unless said otherwise float
// tensors of one call share a dtype, float32 or bfloat16; arithmetic and sums are float32 at least; y may not overlap
// x. [N, H, W, C] is the layout of every image and map; [R, C] below means "any leading dimensions, C last".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/augment_params.h"
#include "engine/optim_step.h"
#include "engine/tensor.h"

namespace bareseg {

/// torch's names and meanings, the same in both directions.
struct ConvOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};
struct PoolOptions {
  int64_t kernel = 2, stride = 2, padding = 0;
};

/// What a convolution adds to its sums before it writes them: y = relu(conv + bias + residual), each where it is there.
struct ConvEpilogue {
  Tensor bias = {};      // float32 [O]
  Tensor residual = {};  // shape and dtype of y
  bool relu = false;
};

/// Arguments of batch norm that are not tensors. `relu` fuses max(., 0) at the end, after the residual is added.
struct BatchNormOptions {
  bool training = true;
  float momentum = 0.1f;  // of the running statistics: r <- (1 - momentum) r + momentum batch
  float eps = 1e-5f;
  bool relu = false;
};

/// Labels and class weights of one classifier whose rows are `centroids`; see cosine_cluster_loss in ops.h.
struct ClusterTarget {
  Tensor centroids;      // float32 [K, D]
  Tensor labels;         // uint8 or int32 [R], each in [0, K)
  Tensor class_weights;  // float32 [K], or undefined for all ones
};

/// How far a point is from a centroid: squared 2-norm of the difference, or minus the inner product.
enum class Metric { euclidean, cosine };

/// One parameter with its gradient and optimizer state; all float32 but for the gradient, which may be bfloat16, and
/// `narrow`, the parameter as bfloat16, which is written together with it; undefined where there is none.
struct OptimSlot {
  Tensor param, grad, m, v;  // sgd uses m alone; undefined m: no momentum
  Tensor narrow = {};
};

/// The bytes of an SgdStep or AdamFactors, as sgd() and adam() take them.
template <typename Step>
Tensor optim_numbers(const Step& step, Device device) {
  return Tensor::from_host(&step, {static_cast<int64_t>(sizeof step)}, kUInt8, device);
}

/// What a backend is told before the first work on a device.
struct DeviceSetup {
  bool tf32 = false;           // products of float32 tensors may round their factors to TF32
  double tune_seconds = 0.0;   // time that may go into finding the fastest way of each convolution
  std::string plan_file = {};  // where what was found is kept from run to run; "" for nowhere
};

/// A device or library that a backend works with.
struct Component {
  std::string name;     // "cuda:0", "cuDNN"
  std::string what;     // "NVIDIA H200, 139.8 GiB, compute capability 9.0", "9.19.0, /usr/lib/libcudnn.so.9"
  std::string problem;  // why it cannot be used, and what to install; "" where it can
};

/// What a device was told to do once, to be done again.
class RecordedWork {
 public:
  RecordedWork() = default;
  virtual ~RecordedWork() = default;
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;
  /// Queues all of it.
  virtual void replay() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Makes `device` ready. @throws Error naming what is missing of hardware, driver or libraries, and what to install.
  virtual void open(Device /*device*/, const DeviceSetup& /*setup*/) {}
  /// What there is and what is missing. Throws nothing for the latter.
  virtual std::vector<Component> components() { return {}; }
  /// Calls `work`, and records what it queues on `device` in place of doing it, on the memory that its tensors take,
  /// which stays theirs. Null, and `work` is not called, where the device has no such thing.
  /// @throws Error where work waits for the device or brings numbers from the host.
  virtual std::unique_ptr<RecordedWork> record(Device /*device*/, const std::function<void()>& /*work*/) {
    return nullptr;
  }

  // Memory.
  virtual Allocator& allocator(Device device) = 0;
  virtual void copy_to_host(const Tensor& x, void* host) = 0;  // waits
  virtual void copy_from_host(const void* host, Tensor& y) = 0;
  virtual void copy(const Tensor& x, Tensor& y) = 0;
  virtual void fill(Tensor& y, double value) = 0;
  virtual void cast(const Tensor& x, Tensor& y) = 0;  // float32 <-> bfloat16, or same
  // Rows of any dtype and equal size, below the first dimension: y[i] = x[rows[i]], and y[rows[i]] = x[i] where no two
  // of `rows` are equal.
  virtual void gather_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) = 0;
  virtual void scatter_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) = 0;

  // Pointwise.
  virtual void add(const Tensor& a, const Tensor& b, Tensor& y) = 0;
  virtual void relu(const Tensor& x, Tensor& y) = 0;
  virtual void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) = 0;             // dx = dy where y > 0
  virtual void multiply(const Tensor& x, const Tensor& factor, float scale, Tensor& y) = 0;  // y = x factor[0] scale
  virtual void spread(const Tensor& value, float scale, Tensor& y) = 0;                      // y[i] = value[0] scale
  virtual void sum(const Tensor& x, float scale, Tensor& y) = 0;                             // y [1] = scale sum(x)
  virtual void mse(const Tensor& x, const Tensor& target, Tensor& y) = 0;  // y [1] = mean((x - target)^2)
  virtual void mse_backward(const Tensor& dy, const Tensor& x, const Tensor& target, Tensor& dx) = 0;

  // y[i] = x[i] / (1 - p) where unit_float(word i % 4 of philox(draw[0], draw[1], i / 4)) >= p, else 0; draw int64 [2].
  virtual void dropout(const Tensor& x, float p, const Tensor& draw, Tensor& y) = 0;

  // Convolution. x [N, H, W, I], w [O, K, K, I / groups] in x's dtype and its gradient dw in float32,
  // bias float32 [O] or undefined, y [N, OH, OW, O].
  virtual void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) = 0;
  // For inference.
  virtual void conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o,
                            Tensor& y) = 0;
  virtual void conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) = 0;
  virtual void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) = 0;
  virtual void sum_rows(const Tensor& x, Tensor& y) = 0;  // x [R, C] -> y float32 [C]

  // y [M, N] = a b, each transposed first where asked, plus bias float32 [N] in every row where it is defined.
  virtual void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                      Tensor& y) = 0;

  // Normalisation over the channel C of x [R, C]; weight, bias and statistics are float32 [C], the statistics
  // are computed as two-pass or Welford sums. residual [R, C] may be undefined.
  // Training writes mean and inv_std of the batch and updates running_mean and running_var (unbiased) in place.
  virtual void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                                const BatchNormOptions& o, Tensor& running_mean, Tensor& running_var, Tensor& mean,
                                Tensor& inv_std, Tensor& y) = 0;
  virtual void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                               const BatchNormOptions& o, const Tensor& running_mean, const Tensor& running_var,
                               Tensor& y) = 0;
  // folded [O, ...] = w [O, ...] weight / sqrt(var + eps) in folded's dtype, offset [O] = bias - mean weight / sqrt(var
  // + eps): a convolution with these is one with w, float32, and then batch norm with running statistics.
  virtual void fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                               const Tensor& var, float eps, Tensor& folded, Tensor& offset) = 0;
  // y gives the ReLU's mask where o.relu. dresidual is undefined where it is not wanted. Without o.training mean and
  // inv_std are constants.
  virtual void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& weight,
                                   const Tensor& mean, const Tensor& inv_std, const BatchNormOptions& o, Tensor& dx,
                                   Tensor& dweight, Tensor& dbias, Tensor& dresidual) = 0;
  virtual void l2_normalize(const Tensor& x, Tensor& y, Tensor& inv_norm, float eps) = 0;  // inv_norm float32 [R]
  virtual void l2_normalize_backward(const Tensor& dy, const Tensor& y, const Tensor& inv_norm, float eps,
                                     Tensor& dx) = 0;

  // `channels` channels of every pixel of x [N, H, W, C] from channel `from` on become those of y [N, H, W, D] from
  // channel `to` on; the others of y stay as they are.
  virtual void copy_channels(const Tensor& x, int64_t from, int64_t channels, Tensor& y, int64_t to) = 0;

  // Pooling and resampling of [N, H, W, C]. `place` uint8, shape of y: index of the maximum in its window, row-major;
  // the first of equals.
  virtual void max_pool(const Tensor& x, const PoolOptions& o, Tensor& y, Tensor& place) = 0;
  virtual void max_pool_backward(const Tensor& dy, const Tensor& place, const PoolOptions& o, Tensor& dx) = 0;
  // Bilinear, align_corners = false, to y's size; y = resize(x) + addend where addend [N, OH, OW, C] is defined.
  virtual void resize_bilinear(const Tensor& x, const Tensor& addend, Tensor& y) = 0;
  virtual void resize_bilinear_backward(const Tensor& dy, Tensor& dx) = 0;
  // Per sample: window of x -> bilinear to y's size -> flips. windows int32 [N, 6]: row, col, height, width,
  // flip_horizontal, flip_vertical.
  virtual void crop_resize_flip(const Tensor& x, const Tensor& windows, Tensor& y) = 0;
  virtual void crop_resize_flip_backward(const Tensor& dy, const Tensor& windows, Tensor& dx) = 0;

  // Losses. logits [R, K], labels uint8 or int32 [R], class_weights float32 [K] or undefined, float32 scalars [1].
  virtual void log_softmax(const Tensor& x, Tensor& y) = 0;
  virtual void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) = 0;
  // loss = sum_i w[y_i] (-log softmax(z_i)[y_i]) / sum_i w[y_i] over labels other than ignore; weight_sum gets the
  // denominator. Both are 0 where nothing counts. A label outside [0, K) other than ignore makes the loss NaN.
  virtual void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights, int64_t ignore,
                             Tensor& loss, Tensor& weight_sum) = 0;
  virtual void cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                                      const Tensor& class_weights, int64_t ignore, const Tensor& weight_sum,
                                      Tensor& dlogits) = 0;
  // terms float32 [T], T = targets.size(): weighted cross-entropy of each target on the logits
  // <centroid_k, f / max(|f|, eps)> of features f [R, D]; dfeatures = d mean(terms) / d features, skipped when
  // undefined.
  virtual void cosine_cluster_loss(const Tensor& features, std::span<const ClusterTarget> targets, float eps,
                                   Tensor& terms, Tensor& dfeatures) = 0;

  // Clustering. points [N, D] float, centroids float32 [K, D], labels uint8 (K <= 256) or int32 [N]. The nearest
  // centroid wins, the lowest index among equals.
  virtual void kmeans_assign(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels) = 0;
  // Assignment and accumulation in one pass: sums float32 [K, D] (accumulated in two levels or double), counts
  // int64 [K], inertia float32 [1] = sum of squared distances (euclidean) or of 1 - inner product (cosine).
  // labels may be undefined.
  virtual void kmeans_accumulate(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels,
                                 Tensor& sums, Tensor& counts, Tensor& inertia) = 0;
  // The centroids of the next iteration: sums / counts, and where a cluster has no points half of another, as faiss
  // splits it (engine/kmeans_repair.h). sums and centroids float32 [K, D]; counts int64 [K], n in all; repaired int64
  // [1] becomes the number of those clusters.
  virtual void kmeans_update(const Tensor& sums, const Tensor& counts, int64_t n, Tensor& centroids,
                             Tensor& repaired) = 0;
  virtual void argmax(const Tensor& x, Tensor& y) = 0;  // x [R, C] -> y uint8 or int32 [R], lowest index among equals
  // counts int64 [K]: += the number of each label. labels uint8 or int32 in [0, K).
  virtual void count_labels(const Tensor& labels, Tensor& counts) = 0;
  // matrix int64 [C, K]: [t, p] += pixels of truth t predicted p; truth uint8 outside [0, C) is skipped.
  virtual void confusion(const Tensor& truth, const Tensor& predicted, Tensor& matrix) = 0;

  // Channels of images that convolution takes fastest: 3, or 4 of which the last is 0.
  virtual int64_t image_channels() const { return 3; }

  // Augmentation of images in pixels uint8 [B], bit-equal between backends (engine/augment_params.h): of each image its
  // square of side `square`, of that its views. y float [M, T, T, 3 or 4], normalised: view m is of image m % N; a
  // fourth channel becomes 0.
  virtual void augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
                       std::span<const AugmentParams> params, Tensor& y) = 0;

  // images uint8 [N, H, W, 3] -> y float [N, H, W, 3 or 4]: normal_value() of engine/augment_math.h, bit-equal between
  // backends; a fourth channel becomes 0.
  virtual void normalize_images(const Tensor& images, Tensor& y) = 0;

  // In-place steps over all parameters at once. `step` is uint8 and holds the bytes of an SgdStep or AdamFactors: on
  // the device, where a recorded step finds new numbers each time.
  virtual void sgd(std::span<const OptimSlot> slots, const Tensor& step) = 0;
  virtual void adam(std::span<const OptimSlot> slots, const Tensor& step) = 0;

  // True when every element is finite. Waits.
  virtual bool all_finite(const Tensor& x) = 0;
};

/// Makes `backend` serve every device of `type`. Called by main() and the tests, once per type.
void install_backend(Device::Type type, std::unique_ptr<Backend> backend);
/// The backend of `device`. Throws Error when none was installed.
Backend& backend(Device device);
/// Where tensors on `device` take their memory; the CPU's needs no backend.
Allocator& allocator(Device device);

}  // namespace bareseg
