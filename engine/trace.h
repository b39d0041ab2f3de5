// Named spans for a profiler: Nsight Systems shows phases and ops above the kernels that they start.
#pragma once

namespace bareseg {

/// From here to the end of the scope the thread does `name`; spans nest. An NVTX range where the program was built with
/// NVIDIA's toolkit, which costs a few nanoseconds while nobody profiles; nothing elsewhere.
class TraceRange {
 public:
  explicit TraceRange(const char* name);
  ~TraceRange();
  TraceRange(const TraceRange&) = delete;
  TraceRange& operator=(const TraceRange&) = delete;
};

}  // namespace bareseg
