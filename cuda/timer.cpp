#include "cuda/timer.h"

#include "cuda/check.h"
#include "cuda/kernel_backend.h"

namespace bareseg {
namespace {

// Names the protected stream() of a backend that it is not part of.
struct StreamAccess : KernelBackend {
  static Stream of(Device device) {
    return (dynamic_cast<KernelBackend&>(backend(device)).*&StreamAccess::stream)(device);
  }
};

class CudaTimer final : public Timer {
 public:
  explicit CudaTimer(Device device) : stream_(StreamAccess::of(device)) {
    BS_CUDA(cudaEventCreate(&start_));
    BS_CUDA(cudaEventCreate(&stop_));
  }
  ~CudaTimer() override {
    static_cast<void>(cudaEventDestroy(start_));
    static_cast<void>(cudaEventDestroy(stop_));
  }
  CudaTimer(const CudaTimer&) = delete;
  CudaTimer& operator=(const CudaTimer&) = delete;

  void start() override { BS_CUDA(cudaEventRecord(start_, stream_)); }
  double stop() override {
    BS_CUDA(cudaEventRecord(stop_, stream_));
    BS_CUDA(cudaEventSynchronize(stop_));
    float ms = 0.0f;
    BS_CUDA(cudaEventElapsedTime(&ms, start_, stop_));
    return 1e-3 * static_cast<double>(ms);
  }

 private:
  Stream stream_;
  cudaEvent_t start_ = nullptr, stop_ = nullptr;
};

}  // namespace

std::unique_ptr<Timer> make_cuda_timer(Device device) { return std::make_unique<CudaTimer>(device); }

}  // namespace bareseg
