#include "tests/data/files.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <jpeglib.h>
#include <png.h>
#include <unistd.h>

#include "engine/error.h"

namespace bareseg {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "bareseg_test_XXXXXX").string();
  BS_CHECK(mkdtemp(name.data()) != nullptr, "cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

testing::AssertionResult refuses(const std::function<void()>& call, const std::vector<std::string>& parts) {
  try {
    call();
  } catch (const Error& e) {
    for (const std::string& part : parts) {
      if (e.message().find(part) == std::string::npos) {
        return testing::AssertionFailure() << "no '" << part << "' in: " << e.message();
      }
    }
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "nothing was thrown";
}

std::optional<fs::path> shared_data() {
  const char* named = std::getenv("BARESEG_SHARED");
  const fs::path folder = (named != nullptr ? fs::path(named) : fs::path(BARESEG_TESTS_DIR) / "../../shared") / "data";
  return fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < data.size(); ++i) names.push_back(data.name(i));
  return names;
}

Image drawn_picture(int64_t width, int64_t height) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool inside = 3 * x > width && 2 * y > height;
      image.rgb.push_back(static_cast<uint8_t>(x * 200 / width + (inside ? 40 : 0)));
      image.rgb.push_back(static_cast<uint8_t>(y * 220 / height));
      image.rgb.push_back(static_cast<uint8_t>(inside ? 200 : 30 + (x + y) % 90));
    }
  }
  return image;
}

void put_file(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

void put_file(const fs::path& file, const std::vector<uint8_t>& bytes) {
  put_file(file, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void put_picture(const fs::path& file, int64_t width, int64_t height) {
  fs::create_directories(file.parent_path());
  write_png(file, drawn_picture(width, height));
}

void put_labels(const fs::path& file, int64_t width, int64_t height, const std::vector<uint8_t>& values) {
  fs::create_directories(file.parent_path());
  LabelMap labels{width, height, {}};
  for (int64_t i = 0; i < width * height; ++i) labels.classes.push_back(values[static_cast<size_t>(i) % values.size()]);
  write_label_png(file, labels, {});
}

std::vector<uint8_t> bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<uint8_t> exif_record(int orientation, bool little_endian) {
  std::vector<uint8_t> out = {static_cast<uint8_t>(little_endian ? 'I' : 'M'),
                              static_cast<uint8_t>(little_endian ? 'I' : 'M')};
  const auto put = [&](uint32_t value, int size) {
    for (int i = 0; i < size; ++i) {
      out.push_back(static_cast<uint8_t>(value >> 8 * (little_endian ? i : size - 1 - i)));
    }
  };
  put(42, 2);
  put(8, 4);       // where the directory starts
  put(2, 2);       // its entries
  put(0x0100, 2);  // another tag first
  put(3, 2);
  put(1, 4);
  put(7, 2);
  put(0, 2);
  put(0x0112, 2);
  put(3, 2);
  put(1, 4);
  put(static_cast<uint32_t>(orientation), 2);
  put(0, 2);
  put(0, 4);  // no next directory
  return out;
}

namespace {

// Every coefficient in two scans of its own: legal, and far more than an encoder writes.
std::vector<jpeg_scan_info> many_scans() {
  std::vector<jpeg_scan_info> scans;
  scans.push_back({3, {0, 1, 2, 0}, 0, 0, 0, 0});
  for (int component = 0; component < 3; ++component) {
    for (int k = 1; k < 64; ++k) {
      scans.push_back({1, {component, 0, 0, 0}, k, k, 0, 1});
      scans.push_back({1, {component, 0, 0, 0}, k, k, 1, 0});
    }
  }
  return scans;
}

// Rows of `channels` bytes per pixel; libjpeg's own error handling ends the program, which is right for a test's input.
std::vector<uint8_t> compress(const std::vector<uint8_t>& pixels, int64_t width, int64_t height, int channels,
                              const JpegOptions& options) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 92, TRUE);
  if (options.kind == JpegKind::rgb) jpeg_set_colorspace(&info, JCS_RGB);
  if (options.kind == JpegKind::ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  if (options.kind == JpegKind::rgb || channels == 4) info.write_Adobe_marker = TRUE;
  if (!options.chroma_halved) info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  if (options.kind == JpegKind::progressive) jpeg_simple_progression(&info);
  const std::vector<jpeg_scan_info> scans = many_scans();
  if (options.kind == JpegKind::many_scans) {
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  if (options.orientation > 0) {
    std::vector<uint8_t> record = {'E', 'x', 'i', 'f', 0, 0};
    const std::vector<uint8_t> tiff = exif_record(options.orientation, options.orientation % 2 == 0);
    record.insert(record.end(), tiff.begin(), tiff.end());
    jpeg_write_marker(&info, JPEG_APP0 + 1, record.data(), static_cast<unsigned>(record.size()));
  }
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels.data()) + size_t{info.next_scanline} * info.image_width * channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::vector<uint8_t> out(buffer, buffer + size);
  std::free(buffer);
  return out;
}

}  // namespace

std::vector<uint8_t> encode_jpeg(const Image& image, const JpegOptions& options) {
  if (options.kind != JpegKind::cmyk && options.kind != JpegKind::ycck) {
    return compress(image.rgb, image.width, image.height, 3, options);
  }
  // Adobe's way: 255 is no ink. With no black ink, the stored values are the picture's own.
  std::vector<uint8_t> cmyk;
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    cmyk.insert(cmyk.end(), {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2], 255});
  }
  return compress(cmyk, image.width, image.height, 4, options);
}

std::vector<uint8_t> encode_grey_jpeg(const std::vector<uint8_t>& grey, int64_t width, int64_t height) {
  return compress(grey, width, height, 1, {});
}

std::vector<uint8_t> encode_any_png(const std::vector<uint8_t>& rows, int64_t width, int64_t height,
                                    const PngOptions& options) {
  std::vector<uint8_t> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto write = [](png_structp p, png_bytep bytes, size_t size) {
    auto& to = *static_cast<std::vector<uint8_t>*>(png_get_io_ptr(p));
    to.insert(to.end(), bytes, bytes + size);
  };
  png_set_write_fn(png, &out, write, [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), options.depth,
               options.colour_type, options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
  std::vector<png_color> palette;
  for (size_t i = 0; i < options.palette.size(); i += 3) {
    palette.push_back({options.palette[i], options.palette[i + 1], options.palette[i + 2]});
  }
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  std::vector<uint8_t> exif = exif_record(options.orientation, false);
  if (options.orientation > 0) png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), exif.data());
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  const size_t row_bytes = rows.size() / static_cast<size_t>(height);
  for (int64_t y = 0; y < height; ++y) {
    pointers.push_back(const_cast<png_bytep>(rows.data()) + static_cast<size_t>(y) * row_bytes);
  }
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

}  // namespace bareseg
