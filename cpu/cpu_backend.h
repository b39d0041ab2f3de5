// The CPU: oneDNN for most convolutions and for matrix products, own OpenMP loops for the rest. The order of their sums
// depends on the data's size alone, never on the thread count: the same bits on any number of threads.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace bareseg {

std::unique_ptr<Backend> make_cpu_backend();

/// Threads used by own loops and oneDNN from now on; 0 means all processors this process may run on.
void set_cpu_threads(int threads);

class CpuBackend final : public Backend {
 public:
  CpuBackend();
  ~CpuBackend() override;

  void open(Device device, const DeviceSetup& setup) override;
  std::vector<Component> components() override;

  Allocator& allocator(Device device) override;
  void copy_to_host(const Tensor& x, void* host) override;
  void copy_from_host(const void* host, Tensor& y) override;
  void copy(const Tensor& x, Tensor& y) override;
  void fill(Tensor& y, double value) override;
  void cast(const Tensor& x, Tensor& y) override;
  void gather_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) override;
  void scatter_rows(const Tensor& x, std::span<const int64_t> rows, Tensor& y) override;
  bool all_finite(const Tensor& x) override;

  void add(const Tensor& a, const Tensor& b, Tensor& y) override;
  void relu(const Tensor& x, Tensor& y) override;
  void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) override;
  void multiply(const Tensor& x, const Tensor& factor, float scale, Tensor& y) override;
  void spread(const Tensor& value, float scale, Tensor& y) override;
  void sum(const Tensor& x, float scale, Tensor& y) override;
  void mse(const Tensor& x, const Tensor& target, Tensor& y) override;
  void mse_backward(const Tensor& dy, const Tensor& x, const Tensor& target, Tensor& dx) override;
  void dropout(const Tensor& x, float p, const Tensor& draw, Tensor& y) override;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) override;
  void conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o, Tensor& y) override;
  void conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) override;
  void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) override;
  void sum_rows(const Tensor& x, Tensor& y) override;
  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              Tensor& y) override;

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

  void augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
               std::span<const AugmentParams> params, Tensor& y) override;
  void normalize_images(const Tensor& images, Tensor& y) override;

  void sgd(std::span<const OptimSlot> slots, const Tensor& step) override;
  void adam(std::span<const OptimSlot> slots, const Tensor& step) override;

  struct Dnn;  // oneDNN engine and primitives cached by shape, cpu/dnn.h

 private:
  Dnn& dnn();  // made on first use

  std::unique_ptr<Dnn> dnn_;
};

}  // namespace bareseg
