// Pictures and label maps in host memory, and the codecs that read and write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bareseg {

/// 8-bit RGB, rows top to bottom: rgb[(y * width + x) * 3 + channel].
struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

/// One class per pixel: classes[y * width + x], kIgnoreLabel where unlabelled.
struct LabelMap {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> classes;
};
inline constexpr uint8_t kIgnoreLabel = 255;

/// A label file as stored, before a data set maps its values to classes.
struct RawLabels {
  int64_t width = 0, height = 0;
  std::vector<uint16_t> values;
};

struct ImageSize {
  int64_t width = 0, height = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Largest number of pixels that a reader accepts; the header is checked against it before memory is taken.
inline constexpr int64_t kMaxPixels = 100'000'000;

enum class Orientation : uint8_t {
  stored,  // pixels as stored: images that have a label map
  exif,    // turned as the camera says: plain photographs
};

/// Reads a JPEG or PNG, told apart by content, as 8-bit RGB: grey is replicated, alpha dropped, 16 bits cut to the
/// upper 8, CMYK converted.
/// Pixels equal Pillow's convert("RGB"), but for 16-bit grey, which that clips. A file without its end marker (JPEG
/// EOI, PNG IEND) counts as truncated even when all pixels are there; bytes after the marker are ignored.
/// @throws Error naming the file and the reason: missing, empty, not an image, damaged, truncated, too large.
Image read_image(const std::filesystem::path& file, Orientation orientation = Orientation::stored);
/// The same for a file in memory; `name` stands in messages.
Image decode_image(const uint8_t* bytes, int64_t size, const std::string& name,
                   Orientation orientation = Orientation::stored);

/// Width and height as stored, from the header alone. @throws Error as read_image, but for damage past the header.
ImageSize read_image_size(const std::filesystem::path& file);

/// Reads a one-channel PNG of indexes: grey of 1 to 16 bits, or palette, whose index is taken.
/// @throws Error naming the file when it is not that (a JPEG or an RGB picture is refused) or is damaged.
RawLabels read_labels(const std::filesystem::path& file);

/// Writes an RGB PNG, under a temporary name first. @throws Error when it cannot.
void write_png(const std::filesystem::path& file, const Image& image);
/// Writes a palette PNG the same way: indexes stay readable as classes, viewers show the colours (three bytes each, up
/// to 256; black for classes past the palette's end).
void write_label_png(const std::filesystem::path& file, const LabelMap& labels, const std::vector<uint8_t>& palette);

/// Files in memory, to be put into others: a JPEG of an image, quality in [1, 100], and what write_label_png() writes.
std::vector<uint8_t> jpeg_bytes(const Image& image, int quality = 85);
std::vector<uint8_t> label_png_bytes(const LabelMap& labels, const std::vector<uint8_t>& palette);

}  // namespace bareseg
