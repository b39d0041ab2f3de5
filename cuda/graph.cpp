#include "cuda/graph.h"

#include "cuda/check.h"

namespace bareseg {

CudaGraph::CudaGraph(cudaStream_t stream, PoolAllocator& memory, const std::function<void()>& work)
    : stream_(stream), memory_(memory), arena_(memory.begin_recording()) {
  try {
    record(work);
  } catch (...) {
    memory_.end_recording();
    memory_.retire(arena_);
    throw;
  }
  memory_.end_recording();
}

// Relaxed: memory for the arena is asked for on another stream meanwhile, and a kernel's first use may load it.
void CudaGraph::record(const std::function<void()>& work) {
  cudaGraph_t recorded = nullptr;
  BS_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed));
  try {
    work();
  } catch (...) {
    // The stream must leave the recording, whatever became of it; the error that `work` threw says more.
    static_cast<void>(cudaStreamEndCapture(stream_, &recorded));
    if (recorded != nullptr) static_cast<void>(cudaGraphDestroy(recorded));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  BS_CUDA(cudaStreamEndCapture(stream_, &recorded));
  const cudaError_t made = cudaGraphInstantiate(&graph_, recorded, 0);
  static_cast<void>(cudaGraphDestroy(recorded));
  BS_CUDA(made);
}

CudaGraph::~CudaGraph() {
  // A graph that is running stays until it is done; its memory goes in the order of the stream.
  static_cast<void>(cudaGraphExecDestroy(graph_));
  memory_.retire(arena_);
}

void CudaGraph::replay() { BS_CUDA(cudaGraphLaunch(graph_, stream_)); }

}  // namespace bareseg
