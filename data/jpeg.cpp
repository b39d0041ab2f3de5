// JPEG by libjpeg-turbo. libjpeg reports errors by a call that must not return, so each step that calls it is a
// function of its own that sets a jump target and holds no object with a destructor.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <jpeglib.h>
#include <csetjmp>
// After jpeglib.h, which defines what it needs.
#include <jerror.h>

#include "data/codec.h"
#include "engine/error.h"

namespace bareseg {
namespace {

// Encoders write about ten scans. Each one costs a pass over the whole picture, however few bytes it has.
constexpr int kMaxScans = 200;

struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  std::longjmp(decoder.failed, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace, not a warning
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC:
      return;  // about records that do not change the pixels
    default:
      on_error(info);
  }
}

void on_progress(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  if (decoder.info.input_scan_number <= kMaxScans) return;
  std::snprintf(decoder.message, sizeof decoder.message, "more than %d scans", kMaxScans);
  std::longjmp(decoder.failed, 1);
}

bool read_header(Decoder& decoder, Bytes bytes) {
  if (setjmp(decoder.failed)) return false;
  jpeg_create_decompress(&decoder.info);
  decoder.info.client_data = &decoder;
  decoder.info.progress = &decoder.progress;
  jpeg_mem_src(&decoder.info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

// The stored values are those that Adobe writes: 255 is no ink.
void cmyk_to_rgb(const uint8_t* cmyk, int64_t pixels, uint8_t* rgb) {
  for (int64_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * light + 128;  // ink times light, divided by 255 as Pillow does
      rgb[c] = static_cast<uint8_t>(std::max(0, light - (((product >> 8) + product) >> 8)));
    }
  }
}

// Fills `rgb`; `row` has room for a row of four channels where there are four, else it is not used.
bool read_pixels(Decoder& decoder, uint8_t* rgb, uint8_t* row) {
  if (setjmp(decoder.failed)) return false;
  jpeg_decompress_struct& info = decoder.info;
  info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    uint8_t* to = rgb + size_t{info.output_scanline} * info.output_width * 3;
    JSAMPROW target = info.num_components == 4 ? row : to;
    jpeg_read_scanlines(&info, &target, 1);
    if (info.num_components == 4) cmyk_to_rgb(row, info.output_width, to);
  }
  jpeg_finish_decompress(&info);  // reads up to the end marker
  return true;
}

// Owns libjpeg's memory.
class Jpeg {
 public:
  Jpeg(Bytes bytes, const std::string& name) : name_(name) {
    decoder_.info.err = jpeg_std_error(&decoder_.errors);
    decoder_.info.client_data = &decoder_;
    decoder_.errors.error_exit = on_error;
    decoder_.errors.emit_message = on_message;
    decoder_.progress.progress_monitor = on_progress;
    const bool read = read_header(decoder_, bytes);
    try {
      BS_CHECK(read, name_, ": damaged JPEG: ", decoder_.message);
      check_size(decoder_.info.image_width, decoder_.info.image_height, name_);
    } catch (...) {
      jpeg_destroy_decompress(&decoder_.info);
      throw;
    }
  }
  ~Jpeg() { jpeg_destroy_decompress(&decoder_.info); }
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;

  ImageSize size() const { return {decoder_.info.image_width, decoder_.info.image_height}; }

  Image decode() {
    const int components = decoder_.info.num_components;
    BS_CHECK(components == 1 || components == 3 || components == 4, name_, ": JPEG of ", components,
             " channels; expected 1, 3 or 4");
    Image image;
    image.width = size().width;
    image.height = size().height;
    image.rgb.resize(static_cast<size_t>(image.width * image.height * 3));
    std::vector<uint8_t> row(components == 4 ? static_cast<size_t>(image.width * 4) : 0);
    BS_CHECK(read_pixels(decoder_, image.rgb.data(), row.data()), name_, ": damaged JPEG: ", decoder_.message);
    return image;
  }

 private:
  Decoder decoder_{};
  const std::string& name_;
};

struct Encoder {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
  uint8_t* bytes;  // libjpeg's, by malloc
  unsigned long size;
};

[[noreturn]] void on_encoder_error(j_common_ptr info) {
  Encoder& encoder = *static_cast<Encoder*>(info->client_data);
  info->err->format_message(info, encoder.message);
  std::longjmp(encoder.failed, 1);
}

bool write_pixels(Encoder& encoder, const uint8_t* rgb, ImageSize size, int quality) {
  if (setjmp(encoder.failed)) return false;
  jpeg_compress_struct& info = encoder.info;
  jpeg_create_compress(&info);
  info.client_data = &encoder;
  jpeg_mem_dest(&info, &encoder.bytes, &encoder.size);
  info.image_width = static_cast<JDIMENSION>(size.width);
  info.image_height = static_cast<JDIMENSION>(size.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(rgb + size_t{info.next_scanline} * info.image_width * 3);  // only read
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

std::vector<uint8_t> encode_jpeg_pixels(const uint8_t* rgb, ImageSize size, int quality, const std::string& name) {
  Encoder encoder{};
  encoder.info.err = jpeg_std_error(&encoder.errors);
  encoder.info.client_data = &encoder;
  encoder.errors.error_exit = on_encoder_error;
  const bool written = write_pixels(encoder, rgb, size, quality);
  jpeg_destroy_compress(&encoder.info);
  const std::unique_ptr<uint8_t, decltype(&std::free)> owner(encoder.bytes, &std::free);
  BS_CHECK(written, name, ": cannot encode JPEG: ", encoder.message);
  return {encoder.bytes, encoder.bytes + encoder.size};
}

Image decode_jpeg(Bytes bytes, const std::string& name) { return Jpeg(bytes, name).decode(); }

ImageSize jpeg_size(Bytes bytes, const std::string& name) { return Jpeg(bytes, name).size(); }

}  // namespace bareseg
