#include "tests/emulator/emulated_backend.h"

#include <cstring>

#include "cpu/cpu_backend.h"
#include "cuda/kernel_backend.h"
#include "tests/emulator/memory.h"

namespace bareseg {
namespace {

// What libraries do on a GPU, the CPU's backend does here: its tensors are host memory as well.
class EmulatedBackend final : public KernelBackend {
 public:
  Allocator& allocator(Device) override { return emulator::memory(); }
  void copy_to_host(const Tensor& x, void* host) override { host_.copy_to_host(x, host); }
  void copy_from_host(const void* host, Tensor& y) override { host_.copy_from_host(host, y); }
  void copy(const Tensor& x, Tensor& y) override { host_.copy(x, y); }

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) override {
    host_.conv2d(x, w, bias, o, y);
  }
  void conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) override {
    host_.conv2d_backward_data(dy, w, o, dx);
  }
  void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) override {
    host_.conv2d_backward_weight(dy, x, o, dw);
  }
  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& y) override {
    host_.matmul(a, transpose_a, b, transpose_b, y);
  }

 protected:
  Stream stream(Device) override { return nullptr; }

 private:
  CpuBackend host_;
};

}  // namespace

std::unique_ptr<Backend> make_emulated_backend() { return std::make_unique<EmulatedBackend>(); }

}  // namespace bareseg
