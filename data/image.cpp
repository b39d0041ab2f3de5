#include "data/image.h"

#include <algorithm>
#include <span>

#include "data/codec.h"
#include "data/exif.h"
#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr int64_t kMaxJpegSide = 65500;  // libjpeg's

// An uncompressed picture of kMaxPixels with four channels of 16 bits.
constexpr int64_t kMaxImageBytes = kMaxPixels * 8 + 1'000'000;

std::vector<std::byte> read_image_file(const std::filesystem::path& file) { return read_file(file, kMaxImageBytes); }

Bytes as_bytes(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

[[noreturn]] void fail_unknown(Bytes bytes, const std::string& name) {
  BS_CHECK(!bytes.empty(), name, ": the file is empty");
  fail_at(__FILE__, __LINE__, name, ": neither a JPEG nor a PNG file");
}

void write_bytes(const std::filesystem::path& file, const std::vector<uint8_t>& bytes) {
  write_file_atomically(file, std::as_bytes(std::span(bytes)));
}

void check_pixels(const Image& image, const std::string& name) {
  check_size(image.width, image.height, name);
  BS_CHECK(static_cast<int64_t>(image.rgb.size()) == image.width * image.height * 3, name, ": expected ",
           image.width * image.height * 3, " bytes of pixels, got ", image.rgb.size());
}

std::vector<uint8_t> encode_labels(const LabelMap& labels, const std::vector<uint8_t>& palette,
                                   const std::string& name) {
  check_size(labels.width, labels.height, name);
  BS_CHECK(static_cast<int64_t>(labels.classes.size()) == labels.width * labels.height, name, ": expected ",
           labels.width * labels.height, " classes, got ", labels.classes.size());
  BS_CHECK(palette.size() % 3 == 0 && palette.size() <= 768, name,
           ": a palette has three bytes for each of up to 256 colours, got ", palette.size(), " bytes");
  const size_t colours = size_t{*std::max_element(labels.classes.begin(), labels.classes.end())} + 1;
  std::vector<uint8_t> padded = palette;
  padded.resize(std::max(palette.size(), colours * 3));
  return encode_png(labels.classes.data(), {labels.width, labels.height}, padded, name);
}

}  // namespace

bool is_jpeg(Bytes bytes) { return bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8; }

bool is_png(Bytes bytes) {
  constexpr uint8_t kHead[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  return bytes.size() >= sizeof kHead && std::equal(kHead, kHead + sizeof kHead, bytes.begin());
}

void check_size(int64_t width, int64_t height, const std::string& name) {
  BS_CHECK(width > 0 && height > 0, name, ": the header says ", width, "x", height, " pixels");
  BS_CHECK(width <= kMaxPixels / height, name, ": the header says ", width, "x", height, " pixels; expected at most ",
           kMaxPixels);
}

Image decode_image(const uint8_t* bytes, int64_t size, const std::string& name, Orientation orientation) {
  const Bytes all(bytes, static_cast<size_t>(size));
  Image image;
  if (is_jpeg(all)) {
    image = decode_jpeg(all, name);
  } else if (is_png(all)) {
    image = decode_png(all, name);
  } else {
    fail_unknown(all, name);
  }
  const int turn = orientation == Orientation::exif ? exif_orientation(all) : 1;
  return turn == 1 ? image : apply_orientation(image, turn);
}

Image read_image(const std::filesystem::path& file, Orientation orientation) {
  const std::vector<std::byte> bytes = read_image_file(file);
  return decode_image(as_bytes(bytes).data(), static_cast<int64_t>(bytes.size()), file.string(), orientation);
}

ImageSize read_image_size(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_image_file(file);
  const Bytes all = as_bytes(bytes);
  if (is_jpeg(all)) return jpeg_size(all, file.string());
  if (is_png(all)) return png_size(all, file.string());
  fail_unknown(all, file.string());
}

RawLabels read_labels(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_image_file(file);
  const Bytes all = as_bytes(bytes);
  BS_CHECK(!is_jpeg(all), file.string(), ": a label map must be a PNG, got a JPEG, whose compression changes values");
  if (!is_png(all)) fail_unknown(all, file.string());
  return decode_png_labels(all, file.string());
}

void write_png(const std::filesystem::path& file, const Image& image) {
  check_pixels(image, file.string());
  write_bytes(file, encode_png(image.rgb.data(), {image.width, image.height}, {}, file.string()));
}

void write_label_png(const std::filesystem::path& file, const LabelMap& labels, const std::vector<uint8_t>& palette) {
  write_bytes(file, encode_labels(labels, palette, file.string()));
}

std::vector<uint8_t> jpeg_bytes(const Image& image, int quality) {
  const std::string name = "picture";
  check_pixels(image, name);
  BS_CHECK(image.width <= kMaxJpegSide && image.height <= kMaxJpegSide, name, ": a JPEG has sides up to ", kMaxJpegSide,
           ", got ", image.width, "x", image.height);
  BS_CHECK(quality >= 1 && quality <= 100, name, ": the quality of a JPEG is in [1, 100], got ", quality);
  return encode_jpeg_pixels(image.rgb.data(), {image.width, image.height}, quality, name);
}

std::vector<uint8_t> label_png_bytes(const LabelMap& labels, const std::vector<uint8_t>& palette) {
  return encode_labels(labels, palette, "label map");
}

}  // namespace bareseg
