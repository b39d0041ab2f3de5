// The CUDA libraries as tables of the functions used, opened on first use. Looked for in the folders of
// BARESEG_CUDA_LIBRARY_PATH, where the loader looks (LD_LIBRARY_PATH, the system's folders), in /usr/local/cuda/lib64
// and, where BARESEG_PYTHON_ENV names a Python environment, in its packages' nvidia/*/lib.
#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#include "engine/shared_library.h"

namespace bareseg {

/// cuDNN 9. Members are named as the functions they point to.
struct Cudnn {
  SharedLibrary library;
  decltype(::cudnnGetVersion)* cudnnGetVersion = library.entry<decltype(::cudnnGetVersion)>("cudnnGetVersion");
  decltype(::cudnnGetErrorString)* cudnnGetErrorString =
      library.entry<decltype(::cudnnGetErrorString)>("cudnnGetErrorString");
  decltype(::cudnnGetLastErrorString)* cudnnGetLastErrorString =
      library.entry<decltype(::cudnnGetLastErrorString)>("cudnnGetLastErrorString");
  decltype(::cudnnCreate)* cudnnCreate = library.entry<decltype(::cudnnCreate)>("cudnnCreate");
  decltype(::cudnnDestroy)* cudnnDestroy = library.entry<decltype(::cudnnDestroy)>("cudnnDestroy");
  decltype(::cudnnSetStream)* cudnnSetStream = library.entry<decltype(::cudnnSetStream)>("cudnnSetStream");
  decltype(::cudnnBackendCreateDescriptor)* cudnnBackendCreateDescriptor =
      library.entry<decltype(::cudnnBackendCreateDescriptor)>("cudnnBackendCreateDescriptor");
  decltype(::cudnnBackendDestroyDescriptor)* cudnnBackendDestroyDescriptor =
      library.entry<decltype(::cudnnBackendDestroyDescriptor)>("cudnnBackendDestroyDescriptor");
  decltype(::cudnnBackendSetAttribute)* cudnnBackendSetAttribute =
      library.entry<decltype(::cudnnBackendSetAttribute)>("cudnnBackendSetAttribute");
  decltype(::cudnnBackendGetAttribute)* cudnnBackendGetAttribute =
      library.entry<decltype(::cudnnBackendGetAttribute)>("cudnnBackendGetAttribute");
  decltype(::cudnnBackendFinalize)* cudnnBackendFinalize =
      library.entry<decltype(::cudnnBackendFinalize)>("cudnnBackendFinalize");
  decltype(::cudnnBackendExecute)* cudnnBackendExecute =
      library.entry<decltype(::cudnnBackendExecute)>("cudnnBackendExecute");
};

/// cuBLASLt of CUDA 12 or 13.
struct CublasLt {
  SharedLibrary library;
  decltype(::cublasLtGetVersion)* cublasLtGetVersion =
      library.entry<decltype(::cublasLtGetVersion)>("cublasLtGetVersion");
  decltype(::cublasLtGetStatusString)* cublasLtGetStatusString =
      library.entry<decltype(::cublasLtGetStatusString)>("cublasLtGetStatusString");
  decltype(::cublasLtCreate)* cublasLtCreate = library.entry<decltype(::cublasLtCreate)>("cublasLtCreate");
  decltype(::cublasLtMatmulDescCreate)* cublasLtMatmulDescCreate =
      library.entry<decltype(::cublasLtMatmulDescCreate)>("cublasLtMatmulDescCreate");
  decltype(::cublasLtMatmulDescDestroy)* cublasLtMatmulDescDestroy =
      library.entry<decltype(::cublasLtMatmulDescDestroy)>("cublasLtMatmulDescDestroy");
  decltype(::cublasLtMatmulDescSetAttribute)* cublasLtMatmulDescSetAttribute =
      library.entry<decltype(::cublasLtMatmulDescSetAttribute)>("cublasLtMatmulDescSetAttribute");
  decltype(::cublasLtMatrixLayoutCreate)* cublasLtMatrixLayoutCreate =
      library.entry<decltype(::cublasLtMatrixLayoutCreate)>("cublasLtMatrixLayoutCreate");
  decltype(::cublasLtMatrixLayoutDestroy)* cublasLtMatrixLayoutDestroy =
      library.entry<decltype(::cublasLtMatrixLayoutDestroy)>("cublasLtMatrixLayoutDestroy");
  decltype(::cublasLtMatmulPreferenceCreate)* cublasLtMatmulPreferenceCreate =
      library.entry<decltype(::cublasLtMatmulPreferenceCreate)>("cublasLtMatmulPreferenceCreate");
  decltype(::cublasLtMatmulPreferenceDestroy)* cublasLtMatmulPreferenceDestroy =
      library.entry<decltype(::cublasLtMatmulPreferenceDestroy)>("cublasLtMatmulPreferenceDestroy");
  decltype(::cublasLtMatmulPreferenceSetAttribute)* cublasLtMatmulPreferenceSetAttribute =
      library.entry<decltype(::cublasLtMatmulPreferenceSetAttribute)>("cublasLtMatmulPreferenceSetAttribute");
  decltype(::cublasLtMatmulAlgoGetHeuristic)* cublasLtMatmulAlgoGetHeuristic =
      library.entry<decltype(::cublasLtMatmulAlgoGetHeuristic)>("cublasLtMatmulAlgoGetHeuristic");
  decltype(::cublasLtMatmul)* cublasLtMatmul = library.entry<decltype(::cublasLtMatmul)>("cublasLtMatmul");
};

/// NCCL, by which GPUs exchange gradients. Training uses one GPU yet, so of its functions only the version is asked.
struct Nccl {
  SharedLibrary library;
  using GetVersion = int(int*);  // an ncclResult_t; not every toolkit has nccl.h
  GetVersion* ncclGetVersion = library.entry<GetVersion>("ncclGetVersion");
};

/// Where the libraries are looked for, in this order; "" is the loader's own search.
std::vector<std::filesystem::path> cuda_library_folders();

/// The library, open. @throws Error, each time, when it is missing or older than what the program needs.
const Cudnn& cudnn();
const CublasLt& cublas_lt();
const Nccl& nccl();

/// "9.19.0" of the library's own number.
std::string cudnn_version_text();
std::string cublas_lt_version_text();
std::string nccl_version_text();

}  // namespace bareseg
