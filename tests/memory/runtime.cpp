#include "tests/memory/runtime.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace {

using Done = std::shared_ptr<bool>;

struct Work {
  Done after;  // runs when this is done; null for at once
  std::function<void()> run;
};

}  // namespace

struct CUgraph_st {
  std::vector<std::function<void()>> work;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> work;
};
struct CUstream_st {
  std::deque<Work> work;
  std::unique_ptr<CUgraph_st> captured;  // while work is captured
  bool broken = false;                   // the capture, by what a graph does not take
};
struct CUevent_st {
  Done recorded;
};

namespace {

std::vector<std::unique_ptr<CUstream_st>> streams;
std::deque<CUevent_st> events;
std::mt19937_64 order;
int64_t limit_bytes = 0, used_bytes = 0;
std::map<void*, size_t> sizes;
cudaError_t last_error = cudaSuccess;

// Does one piece of work of one stream that has some to do. False when there is none.
bool step() {
  std::vector<CUstream_st*> ready;
  for (const auto& stream : streams) {
    if (!stream->work.empty() && (stream->work.front().after == nullptr || *stream->work.front().after))
      ready.push_back(stream.get());
  }
  if (ready.empty()) return false;
  CUstream_st& stream = *ready[order() % ready.size()];
  const Work work = std::move(stream.work.front());
  stream.work.pop_front();
  work.run();
  return true;
}

void release(void* data) {
  used_bytes -= static_cast<int64_t>(sizes.at(data));
  sizes.erase(data);
  std::free(data);
}

// Work that a graph takes too.
cudaError_t queue(cudaStream_t stream, const std::function<void()>& run) {
  if (stream->captured != nullptr)
    stream->captured->work.push_back(run);
  else
    stream->work.push_back({nullptr, run});
  return cudaSuccess;
}

// What the program must not do on a stream whose work is captured, though CUDA would take some of it.
bool refused(cudaStream_t stream) { return stream->broken = stream->captured != nullptr; }

cudaError_t give(void** data, size_t bytes) {
  if (used_bytes + static_cast<int64_t>(bytes) > limit_bytes) return last_error = cudaErrorMemoryAllocation;
  *data = std::malloc(bytes);
  sizes[*data] = bytes;
  used_bytes += static_cast<int64_t>(bytes);
  return cudaSuccess;
}

}  // namespace

namespace bareseg::fake_runtime {

void reset(uint64_t seed, int64_t limit) {
  while (step()) {
  }
  while (!sizes.empty()) release(sizes.begin()->first);
  streams.clear();
  order.seed(seed);
  limit_bytes = limit;
  last_error = cudaSuccess;
}

int64_t in_use() { return used_bytes; }

int64_t events_made() { return std::ssize(events); }

}  // namespace bareseg::fake_runtime

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = streams.emplace_back(std::make_unique<CUstream_st>()).get();
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (refused(stream)) return last_error = cudaErrorStreamCaptureUnsupported;
  while (!stream->work.empty() && step()) {
  }
  return stream->work.empty() ? cudaSuccess : cudaErrorUnknown;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (refused(stream)) return last_error = cudaErrorStreamCaptureUnsupported;
  stream->work.push_back({event->recorded, [] {}});
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = &events.emplace_back();
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Done done = event->recorded = std::make_shared<bool>(false);
  stream->work.push_back({nullptr, [done] { *done = true; }});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (event->recorded != nullptr && !*event->recorded && step()) {
  }
  return event->recorded == nullptr || *event->recorded ? cudaSuccess : cudaErrorUnknown;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return queue(stream, [=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaMalloc(void** data, size_t bytes) { return give(data, bytes); }
cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) { return give(data, bytes); }
cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  return refused(stream) ? last_error = cudaErrorStreamCaptureUnsupported : give(data, bytes);
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  if (refused(stream)) return last_error = cudaErrorStreamCaptureUnsupported;
  stream->work.push_back({nullptr, [=] { release(data); }});
  return cudaSuccess;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = nullptr;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* unused, size_t* total) {
  *unused = static_cast<size_t>(limit_bytes - used_bytes);
  *total = static_cast<size_t>(limit_bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->captured = std::make_unique<CUgraph_st>();
  stream->broken = false;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const auto captured = std::exchange(stream->captured, nullptr).release();
  *graph = captured;
  if (!stream->broken) return cudaSuccess;
  delete captured;
  *graph = nullptr;
  return last_error = cudaErrorStreamCaptureInvalidated;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  *made = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  for (const auto& run : graph->work) queue(stream, run);
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t) { return "error"; }
const char* cudaGetErrorString(cudaError_t) { return "of the runtime that the test brings"; }

}  // extern "C"
