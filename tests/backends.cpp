#include "tests/backends.h"

#include "cpu/cpu_backend.h"
#if defined(BARESEG_CUDA)
#include "cuda/cuda_backend.h"
#elif defined(BARESEG_EMULATOR)
#include "tests/emulator/emulated_backend.h"
#endif

namespace bareseg {

void install_test_backends() {
  install_backend(Device::Type::cpu, make_cpu_backend());
#if defined(BARESEG_CUDA)
  install_backend(Device::Type::cuda, make_cuda_backend());
#elif defined(BARESEG_EMULATOR)
  install_backend(Device::Type::emulated, make_emulated_backend());
#endif
}

}  // namespace bareseg
