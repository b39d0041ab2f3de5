#include "data/codec.h"
#include "data/exif.h"
#include "tests/fuzz/fuzz.h"

// Large pictures of few bytes only take time: the readers' own limit has a test, tests/data/test_image.cpp.
constexpr int64_t kPixels = 1 << 18;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bareseg::Bytes bytes(data, size);
  const int orientation = bareseg::exif_orientation(bytes);
  bareseg::read_or_refuse([&] {
    const bareseg::ImageSize sides = bareseg::jpeg_size(bytes, "f");
    if (sides.width * sides.height > kPixels) return;
    bareseg::apply_orientation(bareseg::decode_jpeg(bytes, "f"), orientation);
  });
  return 0;
}
