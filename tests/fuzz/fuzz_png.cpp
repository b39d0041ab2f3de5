#include <zlib.h>

#include "data/codec.h"
#include "data/exif.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr int64_t kPixels = 1 << 18;  // as for JPEG

// Sets the checksum of every chunk: else hardly any mutation would come past the first.
void repair_checksums(uint8_t* data, size_t size) {
  constexpr size_t kSignature = 8, kAround = 12;  // length, type and checksum
  for (size_t at = kSignature; at + kAround <= size;) {
    const size_t length =
        size_t{data[at]} << 24 | size_t{data[at + 1]} << 16 | size_t{data[at + 2]} << 8 | data[at + 3];
    if (length > size - at - kAround) return;
    const uLong checksum = crc32(0, data + at + 4, static_cast<uInt>(length + 4));
    for (size_t i = 0; i < 4; ++i) data[at + 8 + length + i] = static_cast<uint8_t>(checksum >> (24 - 8 * i));
    at += kAround + length;
  }
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const size_t mutated = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 != 0) repair_checksums(data, mutated);
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bareseg::Bytes bytes(data, size);
  const int orientation = bareseg::exif_orientation(bytes);
  bareseg::read_or_refuse([&] {
    const bareseg::ImageSize sides = bareseg::png_size(bytes, "f");
    if (sides.width * sides.height > kPixels) return;
    bareseg::read_or_refuse([&] { bareseg::decode_png_labels(bytes, "f"); });
    bareseg::apply_orientation(bareseg::decode_png(bytes, "f"), orientation);
  });
  return 0;
}
