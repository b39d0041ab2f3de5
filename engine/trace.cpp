#include "engine/trace.h"

#if defined(BARESEG_NVTX)
#include <nvtx3/nvToolsExt.h>
#endif

namespace bareseg {

#if defined(BARESEG_NVTX)
TraceRange::TraceRange(const char* name) { nvtxRangePushA(name); }
TraceRange::~TraceRange() { nvtxRangePop(); }
#else
TraceRange::TraceRange(const char*) {}
TraceRange::~TraceRange() = default;
#endif

}  // namespace bareseg
