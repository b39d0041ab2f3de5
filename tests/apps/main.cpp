#include <gtest/gtest.h>

#include "tests/backends.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  bareseg::install_test_backends();
  return RUN_ALL_TESTS();
}
