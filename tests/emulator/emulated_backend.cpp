#include "tests/emulator/emulated_backend.h"

#include <cstring>

#include "cpu/cpu_backend.h"
#include "cuda/kernel_backend.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

namespace bareseg {
namespace {

// Launches and what libraries would do, in order, and the memory they work on.
class EmulatedRecord final : public RecordedWork {
 public:
  explicit EmulatedRecord(const std::function<void()>& work) {
    emulator::record_into(&work_);
    emulator::memory().keep_freed();
    try {
      work();
    } catch (...) {
      stop();
      emulator::memory().release(kept_);
      throw;
    }
    stop();
  }
  ~EmulatedRecord() override { emulator::memory().release(kept_); }

  void replay() override {
    for (const auto& work : work_) work();
  }

 private:
  void stop() {
    emulator::record_into(nullptr);
    kept_ = emulator::memory().take_kept();
  }

  std::vector<std::function<void()>> work_;
  emulator::Memory::Kept kept_;
};

// What libraries do on a GPU, the CPU's backend does here: its tensors are host memory as well.
class EmulatedBackend final : public KernelBackend {
 public:
  std::unique_ptr<RecordedWork> record(Device, const std::function<void()>& work) override {
    return std::make_unique<EmulatedRecord>(work);
  }

  Allocator& allocator(Device) override { return emulator::memory(); }
  void copy_to_host(const Tensor& x, void* host) override {
    BS_CHECK(!emulator::recording(), "work that is being recorded has no results yet");
    host_.copy_to_host(x, host);
  }
  void copy_from_host(const void* host, Tensor& y) override {
    BS_CHECK(!emulator::recording(), "work that is being recorded brings nothing from the host");
    host_.copy_from_host(host, y);
  }
  void copy(const Tensor& x, Tensor& y) override {
    emulator::submit([=, this]() mutable { host_.copy(x, y); });
  }

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o, Tensor& y) override {
    emulator::submit([=, this]() mutable { host_.conv2d(x, w, bias, o, y); });
  }
  void conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& e, const ConvOptions& o, Tensor& y) override {
    emulator::submit([=, this]() mutable { host_.conv2d_fused(x, w, e, o, y); });
  }
  void conv2d_backward_data(const Tensor& dy, const Tensor& w, const ConvOptions& o, Tensor& dx) override {
    emulator::submit([=, this]() mutable { host_.conv2d_backward_data(dy, w, o, dx); });
  }
  void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const ConvOptions& o, Tensor& dw) override {
    emulator::submit([=, this]() mutable { host_.conv2d_backward_weight(dy, x, o, dw); });
  }
  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              Tensor& y) override {
    emulator::submit([=, this]() mutable { host_.matmul(a, transpose_a, b, transpose_b, bias, y); });
  }

 protected:
  Stream stream(Device) override { return nullptr; }

 private:
  CpuBackend host_;
};

}  // namespace

std::unique_ptr<Backend> make_emulated_backend() { return std::make_unique<EmulatedBackend>(); }

}  // namespace bareseg
