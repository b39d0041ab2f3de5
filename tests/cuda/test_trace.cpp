// Spans reach NVTX, where a profiler of the test's own is listening.
#include "engine/trace.h"

#include <gtest/gtest.h>

#include <cstdint>

// What NVTX calls when the first span begins; its headers want to see the name before.
extern "C" {
extern int (*InitializeInjectionNvtx2_fnptr)(const void* (*)(uint32_t));
}
#define NVTX_STATIC_INJECTION_IMPL
#include <nvtx3/nvToolsExt.h>

#include <string>
#include <vector>

#include "cluster/kmeans.h"
#include "cpu/cpu_backend.h"
#include "engine/ops.h"

namespace {

std::string heard;

int NVTX_API push(const char* name) {
  heard += std::string(name) + "( ";
  return 0;
}
int NVTX_API pop() {
  heard += ") ";
  return 0;
}

int NVTX_API listen(NvtxGetExportTableFunc_t tables) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(tables(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable functions = nullptr;
  unsigned int count = 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &functions, &count) == 0) return 0;
  *functions[NVTX_CBID_CORE_RangePushA] = reinterpret_cast<NvtxFunctionPointer>(push);
  *functions[NVTX_CBID_CORE_RangePop] = reinterpret_cast<NvtxFunctionPointer>(pop);
  return 1;
}

}  // namespace

extern "C" {
int (*InitializeInjectionNvtx2_fnptr)(const void* (*)(uint32_t)) = listen;
}

namespace bareseg {
namespace {

TEST(Trace, OpsNestInPhasesForwardAndBackward) {
  install_backend(Device::Type::cpu, make_cpu_backend());
  Tensor x = Tensor::full({2}, 1.0);
  x.set_requires_grad();
  heard.clear();
  {
    const TraceRange phase("phase");
    backward(sum(relu(x)));
  }
  EXPECT_EQ(heard, "phase( relu( ) sum( ) backward( sum( ) relu( ) ) ) ");
}

TEST(Trace, ClusteringHasItsNames) {
  install_backend(Device::Type::cpu, make_cpu_backend());
  heard.clear();
  const Tensor points = Tensor::from(std::vector<float>{0, 1, 10, 11}, {4, 1});
  assign_clusters(points, kmeans(points, {.clusters = 2, .iterations = 1}).centroids);
  EXPECT_EQ(heard, "kmeans( kmeans_accumulate( ) ) assign_clusters( ) ");
}

}  // namespace
}  // namespace bareseg
