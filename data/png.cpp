// PNG by libpng. As with libjpeg, each step that calls it is a function that sets a jump target and holds no object
// with a destructor.
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <png.h>

#include "data/codec.h"
#include "engine/error.h"

namespace bareseg {
namespace {

struct State {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes input;                             // what is still to be read
  std::vector<uint8_t>* output = nullptr;  // where encoded bytes go
  std::jmp_buf failed;
  char message[256] = {};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  State& state = *static_cast<State*>(png_get_error_ptr(png));
  std::snprintf(state.message, sizeof state.message, "%s", message);
  std::longjmp(state.failed, 1);
}

// libpng calls a damaged end of the pixel data, e.g. its checksum, a warning.
void on_warning(png_structp png, png_const_charp message) {
  if (std::strncmp(message, "IDAT", 4) == 0) on_error(png, message);
}

void on_read(png_structp png, png_bytep to, size_t size) {
  State& state = *static_cast<State*>(png_get_io_ptr(png));
  if (state.input.size() < size) png_error(png, "the file ends early");
  std::memcpy(to, state.input.data(), size);
  state.input = state.input.subspan(size);
}

void on_write(png_structp png, png_bytep from, size_t size) {
  bool stored = true;
  try {
    std::vector<uint8_t>& output = *static_cast<State*>(png_get_io_ptr(png))->output;
    output.insert(output.end(), from, from + size);
  } catch (const std::bad_alloc&) {
    stored = false;  // no exception may pass through libpng
  }
  if (!stored) png_error(png, "no memory");
}

void on_flush(png_structp) {}

bool read_header(State& state) {
  if (setjmp(state.failed)) return false;
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  if (state.png != nullptr) state.info = png_create_info_struct(state.png);
  if (state.info == nullptr) {
    std::snprintf(state.message, sizeof state.message, "no memory");
    return false;
  }
  png_set_read_fn(state.png, &state, on_read);
  png_set_crc_action(state.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // kMaxPixels is the limit
  // Texts, profiles and other records beside the pixels are not unpacked.
  png_set_keep_unknown_chunks(state.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(state.png, state.info);
  return true;
}

// `row_bytes` is the room for a row.
bool read_rows(State& state, uint8_t* rows, size_t row_bytes, size_t height, int passes) {
  if (setjmp(state.failed)) return false;
  png_read_update_info(state.png, state.info);
  if (png_get_rowbytes(state.png, state.info) != row_bytes) png_error(state.png, "unexpected row size");
  for (int pass = 0; pass < passes; ++pass) {
    for (size_t y = 0; y < height; ++y) png_read_row(state.png, rows + y * row_bytes, nullptr);
  }
  png_read_end(state.png, nullptr);
  return true;
}

class PngReader {
 public:
  PngReader(Bytes bytes, const std::string& name) : name_(name) {
    // Before libpng sees the header, so that the message tells the size.
    const auto side = [&](size_t at) {
      return int64_t{bytes[at]} << 24 | int64_t{bytes[at + 1]} << 16 | int64_t{bytes[at + 2]} << 8 | bytes[at + 3];
    };
    BS_CHECK(bytes.size() >= 33, name_, ": truncated PNG: ", bytes.size(), " bytes");
    check_size(side(16), side(20), name_);
    state_.input = bytes;
    if (!read_header(state_)) {
      const std::string reason = state_.message;
      png_destroy_read_struct(&state_.png, &state_.info, nullptr);
      fail_at(__FILE__, __LINE__, name_, ": damaged PNG: ", reason);
    }
  }
  ~PngReader() { png_destroy_read_struct(&state_.png, &state_.info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  int64_t width() const { return png_get_image_width(state_.png, state_.info); }
  int64_t height() const { return png_get_image_height(state_.png, state_.info); }
  int colour_type() const { return png_get_color_type(state_.png, state_.info); }
  int bit_depth() const { return png_get_bit_depth(state_.png, state_.info); }

  Image decode() {
    if (colour_type() == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(state_.png);
    if (bit_depth() < 8) png_set_expand_gray_1_2_4_to_8(state_.png);
    if (bit_depth() == 16) png_set_strip_16(state_.png);
    png_set_strip_alpha(state_.png);
    if ((colour_type() & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(state_.png);
    Image image;
    image.width = width();
    image.height = height();
    image.rgb.resize(static_cast<size_t>(image.width * image.height * 3));
    rows(image.rgb.data(), image.width * 3);
    return image;
  }

  RawLabels decode_labels() {
    BS_CHECK(colour_type() == PNG_COLOR_TYPE_GRAY || colour_type() == PNG_COLOR_TYPE_PALETTE, name_,
             ": a label map is a PNG of one channel (grey or palette), got one with colours or alpha");
    RawLabels labels{width(), height(), {}};
    labels.values.resize(static_cast<size_t>(labels.width * labels.height));
    if (bit_depth() == 16) {
      png_set_swap(state_.png);  // PNG is big-endian, this machine is not
      rows(reinterpret_cast<uint8_t*>(labels.values.data()), labels.width * 2);
      return labels;
    }
    png_set_packing(state_.png);
    std::vector<uint8_t> bytes(labels.values.size());
    rows(bytes.data(), labels.width);
    labels.values.assign(bytes.begin(), bytes.end());
    return labels;
  }

 private:
  void rows(uint8_t* to, int64_t row_bytes) {
    const int passes = png_set_interlace_handling(state_.png);
    BS_CHECK(read_rows(state_, to, static_cast<size_t>(row_bytes), static_cast<size_t>(height()), passes), name_,
             ": damaged PNG: ", state_.message);
  }

  State state_;
  const std::string& name_;
};

bool write_rows(State& state, const uint8_t* pixels, ImageSize size, const png_color* palette, int colours) {
  if (setjmp(state.failed)) return false;
  state.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  if (state.png != nullptr) state.info = png_create_info_struct(state.png);
  if (state.info == nullptr) {
    std::snprintf(state.message, sizeof state.message, "no memory");
    return false;
  }
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_write_fn(state.png, &state, on_write, on_flush);
  png_set_IHDR(state.png, state.info, static_cast<png_uint_32>(size.width), static_cast<png_uint_32>(size.height), 8,
               colours > 0 ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
               PNG_FILTER_TYPE_BASE);
  if (colours > 0) png_set_PLTE(state.png, state.info, palette, colours);
  png_write_info(state.png, state.info);
  const int64_t row_bytes = colours > 0 ? size.width : size.width * 3;
  for (int64_t y = 0; y < size.height; ++y) png_write_row(state.png, pixels + y * row_bytes);
  png_write_end(state.png, state.info);
  return true;
}

}  // namespace

Image decode_png(Bytes bytes, const std::string& name) { return PngReader(bytes, name).decode(); }

RawLabels decode_png_labels(Bytes bytes, const std::string& name) { return PngReader(bytes, name).decode_labels(); }

ImageSize png_size(Bytes bytes, const std::string& name) {
  const PngReader reader(bytes, name);
  return {reader.width(), reader.height()};
}

std::vector<uint8_t> encode_png(const uint8_t* pixels, ImageSize size, const std::vector<uint8_t>& palette,
                                const std::string& name) {
  std::vector<png_color> colours(palette.size() / 3);
  for (size_t i = 0; i < colours.size(); ++i) colours[i] = {palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]};
  std::vector<uint8_t> out;
  State state;
  state.output = &out;
  const bool written = write_rows(state, pixels, size, colours.data(), static_cast<int>(colours.size()));
  png_destroy_write_struct(&state.png, &state.info);
  BS_CHECK(written, name, ": cannot encode PNG: ", state.message);
  return out;
}

}  // namespace bareseg
