#include "cuda/check.h"

#include <string>

#include "cuda/library.h"
#include "engine/error.h"
#include "engine/shared_library.h"

namespace bareseg {

void check_cuda(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) [[likely]]
    return;
  fail_at(file, line, call, ": ", cudaGetErrorName(status), ", ", cudaGetErrorString(status));
}

void check_cudnn(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  char details[2048] = "";
  cudnn().cudnnGetLastErrorString(details, sizeof details);
  fail_at(file, line, call, ": ", cudnn().cudnnGetErrorString(status), ", ", details);
}

void check_cublas(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail_at(file, line, call, ": ", cublas_lt().cublasLtGetStatusString(status));
}

void sync_when_asked(cudaStream_t stream, const char* what, const char* file, int line) {
  static const bool asked = environment("BARESEG_SYNC") == "1";
  if (asked) check_cuda(cudaStreamSynchronize(stream), what, file, line);
}

}  // namespace bareseg
