#include "cuda/cuda_backend.h"

#include <map>
#include <mutex>

#include "cuda/check.h"
#include "cuda/devices.h"
#include "cuda/dnn.h"
#include "cuda/graph.h"
#include "cuda/matmul.h"
#include "cuda/memory.h"
#include "engine/shared_library.h"

namespace bareseg {
namespace {

cudaStream_t make_stream() {
  cudaStream_t stream = nullptr;
  BS_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

// Sets a flag for a scope.
class RecordingGuard {
 public:
  explicit RecordingGuard(bool& flag) : flag_(flag) { flag_ = true; }
  ~RecordingGuard() { flag_ = false; }
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool& flag_;
};

}  // namespace

// Made with the device current; the members use it.
struct CudaBackend::State {
  explicit State(int index) : stream(make_stream()), memory(index, stream), staging(stream) {}

  cudaStream_t stream;
  PoolAllocator memory;
  Staging staging;
  bool recording = false;
  DeviceSetup setup;
  std::unique_ptr<Dnn> dnn;
  std::unique_ptr<CublasMatmul> matmul;
};

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<CudaBackend>(); }

CudaBackend::State& CudaBackend::state(Device device) {
  // Never destroyed: static tensors may outlive any order, and the driver goes when it likes.
  static auto* states = new std::map<int, State>;
  static auto* mutex = new std::mutex;
  const std::lock_guard lock(*mutex);
  const auto found = states->find(device.index);
  if (found == states->end()) require_cuda(device.index);
  BS_CUDA(cudaSetDevice(device.index));
  return found != states->end() ? found->second : states->try_emplace(device.index, device.index).first->second;
}

void CudaBackend::open(Device device, const DeviceSetup& setup) {
  State& s = state(device);
  s.setup = setup;
  s.dnn.reset();
}

std::vector<Component> CudaBackend::components() { return cuda_components(); }

std::unique_ptr<RecordedWork> CudaBackend::record(Device device, const std::function<void()>& work) {
  BS_CHECK(environment("BARESEG_SYNC") != "1", "with BARESEG_SYNC=1 every kernel is waited for");
  State& s = state(device);
  return std::make_unique<CudaGraph>(s.stream, s.memory, [&] {
    const RecordingGuard guard(s.recording);
    work();
  });
}

Dnn& CudaBackend::dnn_on(Device device) {
  State& s = state(device);
  if (s.dnn == nullptr) s.dnn = std::make_unique<Dnn>(device, s.stream, s.setup.tune_seconds, s.setup.plan_file);
  return *s.dnn;
}

CublasMatmul& CudaBackend::matmul_on(Device device) {
  State& s = state(device);
  if (s.matmul == nullptr) s.matmul = std::make_unique<CublasMatmul>(device, s.stream);
  return *s.matmul;
}

bool CudaBackend::uses_tf32(const Tensor& x) { return x.dtype() == kFloat32 && state(x.device()).setup.tf32; }

int64_t CudaBackend::common_alignment(std::initializer_list<Tensor> tensors) {
  uintptr_t bits = 16;
  for (const Tensor& t : tensors) {
    if (t.defined()) bits |= reinterpret_cast<uintptr_t>(t.raw());
  }
  return static_cast<int64_t>(bits & -bits);
}

Stream CudaBackend::stream(Device device) { return state(device).stream; }

Allocator& CudaBackend::allocator(Device device) { return state(device).memory; }

void CudaBackend::copy_to_host(const Tensor& x, void* host) {
  if (x.bytes() == 0) return;
  BS_CHECK(!state(x.device()).recording, "work that is being recorded has no results yet");
  const cudaStream_t queue = stream(x.device());
  BS_CUDA(cudaMemcpyAsync(host, x.raw(), static_cast<size_t>(x.bytes()), cudaMemcpyDeviceToHost, queue));
  BS_CUDA(cudaStreamSynchronize(queue));
}

void CudaBackend::copy_from_host(const void* host, Tensor& y) {
  State& s = state(y.device());
  BS_CHECK(!s.recording, "work that is being recorded brings nothing from the host");
  s.staging.upload(host, y.raw(), y.bytes());
}

void CudaBackend::copy(const Tensor& x, Tensor& y) {
  if (x.bytes() == 0) return;
  BS_CUDA(
      cudaMemcpyAsync(y.raw(), x.raw(), static_cast<size_t>(x.bytes()), cudaMemcpyDeviceToDevice, stream(y.device())));
}

}  // namespace bareseg
