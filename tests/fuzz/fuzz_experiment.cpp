#include <string_view>

#include "apps/experiment.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bareseg::read_or_refuse(
      [&] { bareseg::parse_experiment(std::string_view(reinterpret_cast<const char*>(data), size), "f"); });
  return 0;
}
