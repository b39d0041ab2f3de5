#include "data/exif.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "data/codec.h"

namespace bareseg {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShortType = 3;

// Whole numbers of either byte order; nothing past the end.
struct Reader {
  Bytes bytes;
  bool little = false;

  std::optional<uint32_t> number(size_t offset, size_t size) const {
    if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes[offset + (little ? size - 1 - i : i)];
    return value;
  }
};

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin(),
                                                   [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

// The tag in the first directory of a TIFF structure, which is what an EXIF record is.
int orientation_of_tiff(Bytes tiff) {
  Reader reader{tiff};
  if (starts_with(tiff, "II")) {
    reader.little = true;
  } else if (!starts_with(tiff, "MM")) {
    return 1;
  }
  if (reader.number(2, 2) != 42u) return 1;
  const size_t directory = reader.number(4, 4).value_or(0);
  const size_t entries = reader.number(directory, 2).value_or(0);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    const std::optional<uint32_t> tag = reader.number(entry, 2);
    if (!tag) return 1;
    if (tag != kOrientationTag) continue;
    const uint32_t value = reader.number(entry + 8, 2).value_or(1);
    return reader.number(entry + 2, 2) == kShortType && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int orientation_of_jpeg(Bytes bytes) {
  const Reader reader{bytes};
  constexpr std::string_view kHead("Exif\0\0", 6);
  for (size_t at = 2; reader.number(at, 1) == 0xFFu;) {
    const uint32_t marker = reader.number(at + 1, 1).value_or(0);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    const size_t length = reader.number(at + 2, 2).value_or(0);
    // 0xDA: the pixels start.
    if (marker == 0xDA || length < 2 || length > bytes.size() - at - 2) return 1;
    const Bytes segment = bytes.subspan(at + 4, length - 2);
    if (marker == 0xE1 && starts_with(segment, kHead)) return orientation_of_tiff(segment.subspan(kHead.size()));
    at += 2 + length;
  }
  return 1;
}

int orientation_of_png(Bytes bytes) {
  const Reader reader{bytes};
  for (size_t at = 8; const std::optional<uint32_t> length = reader.number(at, 4);) {
    if (bytes.size() - at < 12 || *length > bytes.size() - at - 12) return 1;
    if (starts_with(bytes.subspan(at + 4), "eXIf")) return orientation_of_tiff(bytes.subspan(at + 8, *length));
    at += size_t{12} + *length;
  }
  return 1;
}

}  // namespace

int exif_orientation(Bytes bytes) {
  if (is_jpeg(bytes)) return orientation_of_jpeg(bytes);
  if (is_png(bytes)) return orientation_of_png(bytes);
  return 1;
}

Image apply_orientation(const Image& image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swap = orientation >= 5;  // rows become columns
  Image out;
  out.width = swap ? image.height : image.width;
  out.height = swap ? image.width : image.height;
  out.rgb.resize(image.rgb.size());
  // Where the first pixel of the result lies in the picture as stored, and the steps to its right and lower neighbour.
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t step_x = from_right ? -3 : 3;
  const int64_t step_y = (from_bottom ? -3 : 3) * image.width;
  const int64_t start =
      (from_right ? (image.width - 1) * 3 : 0) + (from_bottom ? (image.height - 1) * image.width * 3 : 0);
  const int64_t right = swap ? step_y : step_x, down = swap ? step_x : step_y;
  uint8_t* to = out.rgb.data();
  for (int64_t y = 0; y < out.height; ++y) {
    const uint8_t* from = image.rgb.data() + start + y * down;
    for (int64_t x = 0; x < out.width; ++x, to += 3) std::copy_n(from + x * right, 3, to);
  }
  return out;
}

}  // namespace bareseg
