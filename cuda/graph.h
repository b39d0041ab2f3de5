// Work of a stream as a CUDA graph.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "cuda/memory.h"
#include "engine/backend.h"

namespace bareseg {

class CudaGraph final : public RecordedWork {
 public:
  /// Calls `work`, which queues on `stream` alone and takes its memory from `memory`. @throws Error where the stream
  /// would have to wait, or does what a graph does not know.
  CudaGraph(cudaStream_t stream, PoolAllocator& memory, const std::function<void()>& work);
  ~CudaGraph() override;

  void replay() override;

 private:
  void record(const std::function<void()>& work);

  cudaStream_t stream_;
  PoolAllocator& memory_;
  Arena* arena_;
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace bareseg
