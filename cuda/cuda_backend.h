// NVIDIA GPUs: our own kernels, cuDNN for convolution, cuBLASLt for matrix products. Each device has one stream, on
// which all of its work runs in order. Driver and libraries are touched when a device is first used.
#pragma once

#include <memory>

#include "cuda/kernel_backend.h"

namespace bareseg {

std::unique_ptr<Backend> make_cuda_backend();

class CublasMatmul;
class Dnn;

class CudaBackend final : public KernelBackend {
 public:
  void open(Device device, const DeviceSetup& setup) override;
  std::vector<Component> components() override;
  std::unique_ptr<RecordedWork> record(Device device, const std::function<void()>& work) override;

  Allocator& allocator(Device device) override;
  void copy_to_host(const Tensor& x, void* host) override;
  void copy_from_host(const void* host, Tensor& y) override;
  void copy(const Tensor& x, Tensor& y) override;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) override;
  void conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o, Tensor& y) override;
  void conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) override;
  void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) override;
  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              Tensor& y) override;

 protected:
  Stream stream(Device device) override;

 private:
  struct State;
  /// The state of a device, which is made current for this thread.
  static State& state(Device device);
  static Dnn& dnn_on(Device device);
  static CublasMatmul& matmul_on(Device device);
  /// Whether products of tensors like `x` may use TF32.
  static bool uses_tf32(const Tensor& x);
  /// The largest power of two, up to 16, that every address is a multiple of.
  static int64_t common_alignment(std::initializer_list<Tensor> tensors);
  Tensor converted(const Tensor& x, DType dtype);
};

}  // namespace bareseg
