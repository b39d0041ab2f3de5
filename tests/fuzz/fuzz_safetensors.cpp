#include "engine/safetensors.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bareseg::read_or_refuse([&] { bareseg::parse_safetensors(bareseg::bytes_of(data, size), "f"); });
  return 0;
}
