#include <gtest/gtest.h>

#include "cpu/cpu_backend.h"
#include "tests/emulator/emulated_backend.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  bareseg::install_backend(bareseg::Device::Type::cpu, bareseg::make_cpu_backend());
  bareseg::install_backend(bareseg::Device::Type::emulated, bareseg::make_emulated_backend());
  return RUN_ALL_TESTS();
}
