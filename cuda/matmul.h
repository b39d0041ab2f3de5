// The only door to cuBLASLt: matrix products of row-major matrices.
#pragma once

#include <cublasLt.h>

#include <array>
#include <memory>

#include "cuda/plan_cache.h"
#include "engine/backend.h"

namespace bareseg {

/// y [M, N] = a b, each transposed first where asked, plus bias [N] where there is one; all of `dtype`, sums are
/// float32.
struct MatmulProblem {
  int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false, bias = false;
  DType dtype = kFloat32;
  bool tf32 = false;       // float32 factors may be rounded to TF32
  int64_t alignment = 16;  // bytes that every address is a multiple of
};

/// Matrix products on one device.
class CublasMatmul {
 public:
  /// Work goes to `stream` of `device`, which is current.
  CublasMatmul(Device device, cudaStream_t stream);

  /// Queues the work. M, N and K are positive; bias may be null where there is none. @throws Error when cuBLASLt has no
  /// way to do it.
  void run(const MatmulProblem& problem, const void* a, const void* b, const void* bias, void* y);

 private:
  using Key = std::array<int64_t, 9>;
  struct Plan {
    std::shared_ptr<cublasLtMatmulDescOpaque_t> operation;
    std::shared_ptr<cublasLtMatrixLayoutOpaque_t> first, second, result;
    cublasLtMatmulHeuristicResult_t choice = {};
  };
  Plan make_plan(const MatmulProblem& problem, const void* bias) const;

  Device device_;
  cudaStream_t stream_;
  cublasLtHandle_t handle_ = nullptr;  // lives as long as the process
  PlanCache<Key, Plan> plans_;
};

}  // namespace bareseg
