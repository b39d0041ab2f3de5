// The codecs behind data/image.h. Nothing else includes this.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace bareseg {

using Bytes = std::span<const uint8_t>;

bool is_jpeg(Bytes bytes);
bool is_png(Bytes bytes);

/// Pixels as stored. A file without its end marker is refused as truncated even when all pixels are there: in a
/// progressive JPEG nothing tells that from a lost scan. libjpeg's warnings of damaged data are errors, bytes after the
/// end are not. @throws Error "<name>: <reason>".
Image decode_jpeg(Bytes bytes, const std::string& name);
/// The same for PNG; every wrong checksum is an error.
Image decode_png(Bytes bytes, const std::string& name);
/// One-channel PNG of indexes. @throws Error also when it has colours or alpha.
RawLabels decode_png_labels(Bytes bytes, const std::string& name);

/// Size from the header alone. @throws Error when it is damaged or past kMaxPixels.
ImageSize jpeg_size(Bytes bytes, const std::string& name);
ImageSize png_size(Bytes bytes, const std::string& name);

/// `pixels` has one byte each where `palette` (three bytes per entry, 1 to 256 entries) is given, else three.
/// `name` stands in messages.
std::vector<uint8_t> encode_png(const uint8_t* pixels, ImageSize size, const std::vector<uint8_t>& palette,
                                const std::string& name);

/// Baseline JPEG of RGB pixels; quality in [1, 100].
std::vector<uint8_t> encode_jpeg_pixels(const uint8_t* rgb, ImageSize size, int quality, const std::string& name);

/// Throws Error unless the sides are positive and the pixels at most kMaxPixels.
void check_size(int64_t width, int64_t height, const std::string& name);

}  // namespace bareseg
