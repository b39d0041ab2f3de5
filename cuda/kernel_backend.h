// The primitives that our own kernels serve. CudaBackend adds memory, streams and the vendor's libraries; the tests'
// EmulatedBackend runs the same kernels on the CPU. Files beside this one: one per topic, each calling the launchers of
// cuda/kernels/<topic>.h.
#pragma once

#include "cuda/launch.h"
#include "engine/backend.h"

namespace bareseg {

class KernelBackend : public Backend {
 public:
  void fill(Tensor& y, double value) override;
  void cast(const Tensor& x, Tensor& y) override;
  void gather_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) override;
  void scatter_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) override;

  void add(const Tensor& a, const Tensor& b, Tensor& y) override;
  void relu(const Tensor& x, Tensor& y) override;
  void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) override;
  void multiply(const Tensor& x, const Tensor& factor, float scale, Tensor& y) override;
  void spread(const Tensor& value, float scale, Tensor& y) override;
  void sum(const Tensor& x, float scale, Tensor& y) override;
  void mse(const Tensor& x, const Tensor& target, Tensor& y) override;
  void mse_backward(const Tensor& dy, const Tensor& x, const Tensor& target, Tensor& dx) override;
  void dropout(const Tensor& x, float p, const Tensor& draw, Tensor& y) override;

  void sum_rows(const Tensor& x, Tensor& y) override;

  void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                        const BatchNormOptions& o, Tensor& running_mean, Tensor& running_var, Tensor& mean,
                        Tensor& inv_std, Tensor& y) override;
  void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                       const BatchNormOptions& o, const Tensor& running_mean, const Tensor& running_var,
                       Tensor& y) override;
  void fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& mean, const Tensor& var,
                       float eps, Tensor& folded, Tensor& offset) override;
  void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& mean,
                           const Tensor& inv_std, const BatchNormOptions& o, Tensor& dx, Tensor& dweight, Tensor& dbias,
                           Tensor& dresidual) override;
  void l2_normalize(const Tensor& x, Tensor& y, Tensor& inv_norm, float eps) override;
  void l2_normalize_backward(const Tensor& dy, const Tensor& y, const Tensor& inv_norm, float eps, Tensor& dx) override;

  void copy_channels(const Tensor& x, int64_t from, int64_t channels, Tensor& y, int64_t to) override;
  void max_pool(const Tensor& x, const PoolOptions& o, Tensor& y, Tensor& place) override;
  void max_pool_backward(const Tensor& dy, const Tensor& place, const PoolOptions& o, Tensor& dx) override;
  void resize_bilinear(const Tensor& x, const Tensor& addend, Tensor& y) override;
  void resize_bilinear_backward(const Tensor& dy, Tensor& dx) override;
  void crop_resize_flip(const Tensor& x, const Tensor& windows, Tensor& y) override;
  void crop_resize_flip_backward(const Tensor& dy, const Tensor& windows, Tensor& dx) override;

  void log_softmax(const Tensor& x, Tensor& y) override;
  void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) override;
  void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights, int64_t ignore,
                     Tensor& loss, Tensor& weight_sum) override;
  void cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                              const Tensor& class_weights, int64_t ignore, const Tensor& weight_sum,
                              Tensor& dlogits) override;
  void cosine_cluster_loss(const Tensor& features, std::span<const ClusterTarget> targets, float eps, Tensor& terms,
                           Tensor& dfeatures) override;

  void kmeans_assign(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels) override;
  void kmeans_accumulate(const Tensor& points, const Tensor& centroids, Metric metric, Tensor& labels, Tensor& sums,
                         Tensor& counts, Tensor& inertia) override;
  void kmeans_update(const Tensor& sums, const Tensor& counts, int64_t n, Tensor& centroids, Tensor& repaired) override;
  void argmax(const Tensor& x, Tensor& y) override;
  void count_labels(const Tensor& labels, Tensor& counts) override;
  void confusion(const Tensor& truth, const Tensor& predicted, Tensor& matrix) override;

  int64_t image_channels() const override { return 4; }
  void augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
               std::span<const AugmentParams> params, Tensor& y) override;
  void normalize_images(const Tensor& images, Tensor& y) override;

  void sgd(std::span<const OptimSlot> slots, const Tensor& step) override;
  void adam(std::span<const OptimSlot> slots, const Tensor& step) override;
  bool all_finite(const Tensor& x) override;

 protected:
  /// Where work on `device` is queued.
  virtual Stream stream(Device device) = 0;

  /// A copy on `device` of `bytes` bytes of host memory, which may be reused on return: tables that a kernel reads.
  Tensor upload(const void* host, int64_t bytes, Device device);
};

}  // namespace bareseg
