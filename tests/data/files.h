// Files that the tests of the data readers make: pictures, encoded in ways the program itself never writes, and
// folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/image.h"

namespace bareseg {

/// A fresh folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// `call` throws Error whose message holds every one of `parts`.
testing::AssertionResult refuses(const std::function<void()>& call, const std::vector<std::string>& parts);

/// The project's shared sample data, or nothing where it is not at hand.
std::optional<std::filesystem::path> shared_data();

/// Of the images of a data set, in its order.
std::vector<std::string> names_of(const Dataset& data);

/// A smooth picture with an edge, no two rows or columns alike.
Image drawn_picture(int64_t width, int64_t height);

/// Writes a file and the folders above it.
void put_file(const std::filesystem::path& file, std::string_view text);
void put_file(const std::filesystem::path& file, const std::vector<uint8_t>& bytes);
void put_picture(const std::filesystem::path& file, int64_t width, int64_t height);
/// A label PNG filled with `values` in turn.
void put_labels(const std::filesystem::path& file, int64_t width, int64_t height, const std::vector<uint8_t>& values);
std::vector<uint8_t> bytes_of(const std::filesystem::path& file);

enum class JpegKind { baseline, progressive, rgb, cmyk, ycck, many_scans };
struct JpegOptions {
  JpegKind kind = JpegKind::baseline;
  bool chroma_halved = true;
  int orientation = 0;  // EXIF tag, where above 0
};
std::vector<uint8_t> encode_jpeg(const Image& image, const JpegOptions& options = {});
/// From one byte per pixel.
std::vector<uint8_t> encode_grey_jpeg(const std::vector<uint8_t>& grey, int64_t width, int64_t height);

/// EXIF record (a TIFF structure) with the tag Orientation alone.
std::vector<uint8_t> exif_record(int orientation, bool little_endian);

struct PngOptions {
  int depth = 8;
  int colour_type = 0;  // 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha
  bool interlaced = false;
  int orientation = 0;                // eXIf chunk, where above 0
  std::vector<uint8_t> palette = {};  // three bytes a colour
};
/// `rows` holds height packed rows as PNG stores them, 16 bits in big-endian order.
std::vector<uint8_t> encode_any_png(const std::vector<uint8_t>& rows, int64_t width, int64_t height,
                                    const PngOptions& options);

}  // namespace bareseg
