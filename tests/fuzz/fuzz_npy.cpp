#include "engine/npy.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = bareseg::bytes_of(data, size);
  bareseg::read_or_refuse([&] {
    if (bareseg::looks_like_npz(bytes)) {
      bareseg::parse_npz(bytes, "f");
    } else {
      bareseg::parse_npy(bytes, "f");
    }
  });
  return 0;
}
