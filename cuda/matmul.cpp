#include "cuda/matmul.h"

#include "cuda/check.h"
#include "cuda/cuda_backend.h"
#include "cuda/library.h"

namespace bareseg {
namespace {

constexpr size_t kMatmulPlans = 4096;
constexpr uint64_t kMatmulWorkspace = 32 << 20;  // bytes; what cuBLAS recommends for Hopper

std::shared_ptr<cublasLtMatrixLayoutOpaque_t> layout(cudaDataType_t type, int64_t rows, int64_t cols) {
  cublasLtMatrixLayout_t made = nullptr;
  BS_CUBLAS(cublas_lt().cublasLtMatrixLayoutCreate(&made, type, static_cast<uint64_t>(rows),
                                                   static_cast<uint64_t>(cols), rows));
  return {made, [](cublasLtMatrixLayout_t l) { cublas_lt().cublasLtMatrixLayoutDestroy(l); }};
}

template <typename T>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name, const T& value) {
  BS_CUBLAS(cublas_lt().cublasLtMatmulDescSetAttribute(operation, name, &value, sizeof value));
}

std::shared_ptr<cublasLtMatmulDescOpaque_t> operation(cublasComputeType_t compute, bool transpose_first,
                                                      bool transpose_second, bool bias) {
  cublasLtMatmulDesc_t made = nullptr;
  BS_CUBLAS(cublas_lt().cublasLtMatmulDescCreate(&made, compute, CUDA_R_32F));
  std::shared_ptr<cublasLtMatmulDescOpaque_t> owner(
      made, [](cublasLtMatmulDesc_t d) { cublas_lt().cublasLtMatmulDescDestroy(d); });
  set(made, CUBLASLT_MATMUL_DESC_TRANSA, transpose_first ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(made, CUBLASLT_MATMUL_DESC_TRANSB, transpose_second ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (bias) set(made, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  return owner;
}

std::shared_ptr<cublasLtMatmulPreferenceOpaque_t> preference(int64_t alignment) {
  cublasLtMatmulPreference_t made = nullptr;
  BS_CUBLAS(cublas_lt().cublasLtMatmulPreferenceCreate(&made));
  std::shared_ptr<cublasLtMatmulPreferenceOpaque_t> owner(
      made, [](cublasLtMatmulPreference_t p) { cublas_lt().cublasLtMatmulPreferenceDestroy(p); });
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, auto value) {
    BS_CUBLAS(cublas_lt().cublasLtMatmulPreferenceSetAttribute(made, name, &value, sizeof value));
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMatmulWorkspace);
  // Parts of a sum meet in float32, in a fixed order, never in the narrower type of the result.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto name : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(name, static_cast<uint32_t>(alignment));
  }
  return owner;
}

}  // namespace

CublasMatmul::CublasMatmul(Device device, cudaStream_t stream)
    : device_(device), stream_(stream), plans_(kMatmulPlans) {
  BS_CUBLAS(cublas_lt().cublasLtCreate(&handle_));
}

// cuBLASLt's matrices are column-major, so that ours appear transposed: it is asked for y^T = b^T a^T, and its bias,
// one number for each row of that, is ours for each column.
CublasMatmul::Plan CublasMatmul::make_plan(const MatmulProblem& p, const void* bias) const {
  const cudaDataType_t type = p.dtype == kFloat32 ? CUDA_R_32F : CUDA_R_16BF;
  const cublasComputeType_t compute = p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  Plan plan;
  plan.operation = operation(compute, p.transpose_b, p.transpose_a, p.bias);
  if (p.bias) set(plan.operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);  // its alignment counts
  plan.first = p.transpose_b ? layout(type, p.k, p.n) : layout(type, p.n, p.k);
  plan.second = p.transpose_a ? layout(type, p.m, p.k) : layout(type, p.k, p.m);
  plan.result = layout(type, p.n, p.m);
  int found = 0;
  const cublasStatus_t status = cublas_lt().cublasLtMatmulAlgoGetHeuristic(
      handle_, plan.operation.get(), plan.first.get(), plan.second.get(), plan.result.get(), plan.result.get(),
      preference(p.alignment).get(), 1, &plan.choice, &found);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) BS_CUBLAS(status);
  BS_CHECK(found > 0, "matmul: cuBLASLt ", cublas_lt_version_text(), " has no way to multiply ", p.dtype, " [", p.m,
           ", ", p.k, "] by [", p.k, ", ", p.n, "]");
  return plan;
}

void CublasMatmul::run(const MatmulProblem& p, const void* a, const void* b, const void* bias, void* y) {
  const Key key{p.m,    p.n,        p.k, p.transpose_a, p.transpose_b, p.bias, static_cast<int64_t>(p.dtype),
                p.tf32, p.alignment};
  const Plan* plan = plans_.find(key);
  if (plan == nullptr) plan = &plans_.put(key, make_plan(p, bias));
  const auto bytes = static_cast<int64_t>(plan->choice.workspaceSize);
  const Tensor workspace = bytes > 0 ? Tensor::empty({bytes}, kUInt8, device_) : Tensor();
  if (p.bias) set(plan->operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1.0f, zero = 0.0f;
  BS_CUBLAS(cublas_lt().cublasLtMatmul(handle_, plan->operation.get(), &one, b, plan->first.get(), a,
                                       plan->second.get(), &zero, y, plan->result.get(), y, plan->result.get(),
                                       &plan->choice.algo, bytes > 0 ? workspace.raw() : nullptr,
                                       static_cast<size_t>(bytes), stream_));
  sync_when_asked(stream_, "matmul by cuBLASLt");
}

void CudaBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                         Tensor& y) {
  const int64_t k = a.dim(transpose_a ? 0 : 1);
  if (y.count() == 0) return;
  if (k == 0) return fill(y, 0.0);  // linear(), which has a bias, wants K > 0
  const Tensor offset = converted(bias, y.dtype());
  matmul_on(y.device())
      .run({.m = y.dim(0),
            .n = y.dim(1),
            .k = k,
            .transpose_a = transpose_a,
            .transpose_b = transpose_b,
            .bias = bias.defined(),
            .dtype = y.dtype(),
            .tf32 = uses_tf32(y),
            .alignment = common_alignment({a, b, offset, y})},
           a.raw(), b.raw(), bias.defined() ? offset.raw() : nullptr, y.raw());
}

}  // namespace bareseg
