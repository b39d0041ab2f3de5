#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>

#include "tests/backends.h"
#include "tests/devices.h"

namespace {

class PrintSeed : public testing::Environment {
  void SetUp() override { std::cout << "seed " << bareseg::kTestSeed << std::endl; }
};

}  // namespace

namespace bareseg {
INSTANTIATE_TEST_SUITE_P(Devices, OpTest, testing::ValuesIn(all_devices()), device_name);
}

int main(int argc, char** argv) {
  // Fresh memory holds 0x7f7f..., 3.4e38 in both float dtypes: an element that an op forgets to write is seen.
  mallopt(M_PERTURB, 0x80);
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new PrintSeed);  // owned by GoogleTest
  bareseg::install_test_backends();
  return RUN_ALL_TESTS();
}
