// Status codes of the CUDA libraries as Errors. Every call of theirs stands in one of the three macros.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

namespace bareseg {

/// Throw Error "call: name, description" at file:line unless the status is success.
void check_cuda(cudaError_t status, const char* call, const char* file, int line);
void check_cudnn(cudnnStatus_t status, const char* call, const char* file, int line);
void check_cublas(cublasStatus_t status, const char* call, const char* file, int line);

/// With BARESEG_SYNC=1 in the environment waits for `stream`, so that failed work is reported where it was queued.
void sync_when_asked(cudaStream_t stream, const char* what, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE());

}  // namespace bareseg

#define BS_CUDA(call) ::bareseg::check_cuda((call), #call, __FILE__, __LINE__)
#define BS_CUDNN(call) ::bareseg::check_cudnn((call), #call, __FILE__, __LINE__)
#define BS_CUBLAS(call) ::bareseg::check_cublas((call), #call, __FILE__, __LINE__)
