// A libcublasLt.so.13 that multiplies column-major float matrices on the host, as slowly as it is plain.
#include <cublasLt.h>

#include <cstdint>
#include <cstring>

namespace {

struct Operation {
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const float* bias = nullptr;
};
struct Layout {
  uint64_t rows, cols;
  int64_t ld;
};

// Entry (row, col) of a matrix, transposed first where asked.
float at(const void* data, const Layout& l, cublasOperation_t how, uint64_t row, uint64_t col) {
  if (how == CUBLAS_OP_T) std::swap(row, col);
  return static_cast<const float*>(data)[row + col * static_cast<uint64_t>(l.ld)];
}

const Layout& of(cublasLtMatrixLayout_t l) { return *reinterpret_cast<const Layout*>(l); }
const Operation& of(cublasLtMatmulDesc_t d) { return *reinterpret_cast<const Operation*>(d); }

// The sizes fit each other.
bool fits(cublasLtMatmulDesc_t d, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t y) {
  const bool ta = of(d).a == CUBLAS_OP_T, tb = of(d).b == CUBLAS_OP_T;
  const uint64_t m = ta ? of(a).cols : of(a).rows, k = ta ? of(a).rows : of(a).cols;
  const uint64_t n = tb ? of(b).rows : of(b).cols, inner = tb ? of(b).cols : of(b).rows;
  return m == of(y).rows && n == of(y).cols && k == inner;
}

}  // namespace

extern "C" {

size_t cublasLtGetVersion() { return 130000; }
const char* cublasLtGetStatusString(cublasStatus_t) { return "fake"; }
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* d, cublasComputeType_t, cudaDataType_t) {
  *d = reinterpret_cast<cublasLtMatmulDesc_t>(new Operation);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) {
  delete reinterpret_cast<Operation*>(d);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t name,
                                              const void* value, size_t bytes) {
  auto* operation = reinterpret_cast<Operation*>(d);
  const auto set = [&](auto& field) {
    if (bytes != sizeof field) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&field, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(operation->a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(operation->b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(operation->epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(operation->bias);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* l, cudaDataType type, uint64_t rows, uint64_t cols,
                                          int64_t ld) {
  if (type != CUDA_R_32F || ld < static_cast<int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *l = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{rows, cols, ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  delete reinterpret_cast<const Layout*>(l);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) {
  *p = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t y, cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t*, int* found) {
  *found = fits(d, a, b, y) ? 1 : 0;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void*, const void* a,
                              cublasLtMatrixLayout_t la, const void* b, cublasLtMatrixLayout_t lb, const void*,
                              const void*, cublasLtMatrixLayout_t, void* y, cublasLtMatrixLayout_t ly,
                              const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t) {
  const uint64_t inner = of(d).a == CUBLAS_OP_T ? of(la).rows : of(la).cols;
  for (uint64_t row = 0; row < of(ly).rows; ++row) {
    for (uint64_t col = 0; col < of(ly).cols; ++col) {
      float sum = of(d).epilogue == CUBLASLT_EPILOGUE_BIAS ? of(d).bias[row] : 0.0f;
      for (uint64_t k = 0; k < inner; ++k) sum += at(a, of(la), of(d).a, row, k) * at(b, of(lb), of(d).b, k, col);
      static_cast<float*>(y)[row + col * static_cast<uint64_t>(of(ly).ld)] = sum;
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
