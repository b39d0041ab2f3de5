#include "data/image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "data/exif.h"
#include "engine/error.h"
#include "engine/random.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kSeed = 11;

Image decode(const std::vector<uint8_t>& bytes, Orientation orientation = Orientation::stored) {
  return decode_image(bytes.data(), static_cast<int64_t>(bytes.size()), "here", orientation);
}

double mean_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  if (a.rgb.size() != b.rgb.size() || a.rgb.empty()) return 1e9;
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
  return sum / static_cast<double>(a.rgb.size());
}

// As text, one letter per pixel, lines parted by '/'.
Image letters(const std::string& text) {
  Image image;
  image.width = static_cast<int64_t>(std::min(text.find('/'), text.size()));
  for (const char c : text) {
    if (c != '/') image.rgb.insert(image.rgb.end(), {static_cast<uint8_t>(c), 1, 2});
  }
  image.height = static_cast<int64_t>(image.rgb.size()) / 3 / image.width;
  return image;
}

std::string text_of(const Image& image) {
  std::string text;
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    if (i > 0 && i % image.width == 0) text += '/';
    text += static_cast<char>(image.rgb[static_cast<size_t>(3 * i)]);
  }
  return text;
}

TEST(Jpeg, DecodesEveryKind) {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{1, 1}, {17, 31}, {64, 48}}) {
    const Image picture = drawn_picture(width, height);
    for (const JpegKind kind :
         {JpegKind::baseline, JpegKind::progressive, JpegKind::rgb, JpegKind::cmyk, JpegKind::ycck}) {
      const Image read = decode(encode_jpeg(picture, {.kind = kind, .chroma_halved = false}));
      EXPECT_LT(mean_difference(read, picture), 3.0) << "kind " << static_cast<int>(kind);
    }
    EXPECT_LT(mean_difference(decode(encode_jpeg(picture)), picture), 12.0);
  }
}

TEST(Jpeg, ProgressiveHoldsTheSamePixels) {
  const Image picture = drawn_picture(33, 20);
  EXPECT_EQ(decode(encode_jpeg(picture, {.kind = JpegKind::progressive})).rgb, decode(encode_jpeg(picture)).rgb);
}

TEST(Jpeg, GreyIsReplicated) {
  const Image read = decode(encode_grey_jpeg(std::vector<uint8_t>(7 * 5, 93), 7, 5));
  EXPECT_EQ(read.rgb, std::vector<uint8_t>(7 * 5 * 3, 93));
}

TEST(Jpeg, RefusesMoreScansThanAnEncoderWrites) {
  const std::vector<uint8_t> bytes = encode_jpeg(drawn_picture(16, 16), {.kind = JpegKind::many_scans});
  EXPECT_TRUE(refuses([&] { decode(bytes); }, {"here", "scans"}));
}

TEST(Jpeg, IgnoresBytesAfterTheEndAndRefusesAnyMissing) {
  for (const JpegKind kind : {JpegKind::baseline, JpegKind::progressive}) {
    const std::vector<uint8_t> whole = encode_jpeg(drawn_picture(24, 17), {.kind = kind});
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<int64_t>(size));
      ASSERT_TRUE(refuses([&] { decode(part); }, {"here"})) << size << " of " << whole.size() << " bytes";
    }
    std::vector<uint8_t> longer = whole;
    longer.insert(longer.end(), {1, 2, 3, 0xFF, 0xD8, 0xFF});
    EXPECT_EQ(decode(longer).rgb, decode(whole).rgb);
  }
}

// Either pixels of the size in the header or an Error; sanitizers watch the rest.
void flip_bytes(const std::vector<uint8_t>& whole, int rounds, int64_t& refused) {
  Random random(kSeed, Draws::test);
  for (int round = 0; round < rounds; ++round) {
    std::vector<uint8_t> bytes = whole;
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
      bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1 + random.below(255));
    }
    try {
      const Image image = decode(bytes, Orientation::exif);
      ASSERT_EQ(static_cast<int64_t>(image.rgb.size()), image.width * image.height * 3);
    } catch (const Error&) {
      ++refused;
    }
  }
}

TEST(Jpeg, SurvivesFlippedBytes) {
  for (const JpegKind kind : {JpegKind::baseline, JpegKind::progressive, JpegKind::ycck}) {
    int64_t refused = 0;
    flip_bytes(encode_jpeg(drawn_picture(40, 24), {.kind = kind, .orientation = 6}), 400, refused);
    EXPECT_GT(refused, 40) << "seed " << kSeed;
    EXPECT_LT(refused, 400) << "seed " << kSeed;
  }
}

TEST(Png, RefusesFlippedAndMissingBytes) {
  const Image picture = drawn_picture(9, 14);
  const std::vector<uint8_t> whole = encode_any_png(picture.rgb, 9, 14, {.colour_type = 2, .orientation = 3});
  EXPECT_EQ(decode(whole).rgb, picture.rgb);
  for (size_t i = 0; i < whole.size(); ++i) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<int64_t>(i));
    ASSERT_TRUE(refuses([&] { decode(part); }, {"here"})) << i << " of " << whole.size() << " bytes";
    std::vector<uint8_t> flipped = whole;
    flipped[i] ^= 0x41;
    ASSERT_TRUE(refuses([&] { decode(flipped, Orientation::exif); }, {"here"})) << "byte " << i;
  }
  int64_t refused = 0;
  flip_bytes(whole, 300, refused);
  EXPECT_EQ(refused, 300) << "seed " << kSeed;
  std::vector<uint8_t> longer = whole;
  longer.push_back(7);
  EXPECT_EQ(decode(longer).rgb, picture.rgb);
}

// Two pixels in one row.
void expect_pixels(const std::vector<uint8_t>& row, const PngOptions& options, const std::vector<uint8_t>& rgb) {
  const Image read = decode(encode_any_png(row, 2, 1, options));
  EXPECT_EQ(read.width, 2);
  EXPECT_EQ(read.rgb, rgb) << "type " << options.colour_type << ", depth " << options.depth;
}

TEST(Png, DecodesEveryColourTypeAndDepth) {
  const std::vector<uint8_t> palette = {10, 20, 30, 40, 50, 60};
  expect_pixels({0x40}, {.depth = 1}, {0, 0, 0, 255, 255, 255});
  expect_pixels({0x70}, {.depth = 2}, {85, 85, 85, 255, 255, 255});
  expect_pixels({0x2F}, {.depth = 4}, {34, 34, 34, 255, 255, 255});
  expect_pixels({7, 200}, {.depth = 8}, {7, 7, 7, 200, 200, 200});
  expect_pixels({7, 255, 200, 0}, {.depth = 16}, {7, 7, 7, 200, 200, 200});
  expect_pixels({1, 2, 3, 4, 5, 6}, {.colour_type = 2}, {1, 2, 3, 4, 5, 6});
  expect_pixels({1, 255, 2, 0, 3, 9, 4, 0, 5, 0, 6, 255}, {.depth = 16, .colour_type = 2}, {1, 2, 3, 4, 5, 6});
  expect_pixels({0x40}, {.depth = 1, .colour_type = 3, .palette = palette}, palette);
  expect_pixels({0, 1}, {.depth = 8, .colour_type = 3, .palette = palette}, palette);
  expect_pixels({9, 0, 8, 255}, {.colour_type = 4}, {9, 9, 9, 8, 8, 8});
  expect_pixels({1, 2, 3, 0, 4, 5, 6, 77}, {.colour_type = 6}, {1, 2, 3, 4, 5, 6});
}

TEST(Png, InterlacedHoldsTheSamePixels) {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{1, 1}, {3, 2}, {33, 17}}) {
    const Image picture = drawn_picture(width, height);
    const auto bytes = encode_any_png(picture.rgb, width, height, {.colour_type = 2, .interlaced = true});
    EXPECT_EQ(decode(bytes).rgb, picture.rgb);
  }
}

TEST(Image, RefusesByTheHeaderWhatIsTooLarge) {
  std::vector<uint8_t> png = encode_any_png(std::vector<uint8_t>(3), 1, 1, {.colour_type = 2});
  png[16] = 0x7F;
  EXPECT_TRUE(refuses([&] { decode(png); }, {"here", "2130706433x1", "100000000"}));
  std::vector<uint8_t> jpeg = encode_jpeg(drawn_picture(8, 8));
  const std::vector<uint8_t> frame = {0xFF, 0xC0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  std::fill_n(at + 5, 4, uint8_t{0xFE});
  EXPECT_TRUE(refuses([&] { decode(jpeg); }, {"here", "65278x65278"}));
}

TEST(Image, NamesTheFileThatIsNoImage) {
  const TemporaryFolder folder;
  put_file(folder / "empty.png", "");
  put_file(folder / "text.jpg", "hello");
  EXPECT_TRUE(refuses([&] { read_image(folder / "empty.png"); }, {"empty.png", "empty"}));
  EXPECT_TRUE(refuses([&] { read_image(folder / "text.jpg"); }, {"text.jpg", "neither"}));
  EXPECT_TRUE(refuses([&] { read_image_size(folder / "text.jpg"); }, {"text.jpg", "neither"}));
  EXPECT_TRUE(refuses([&] { read_labels(folder / "text.jpg"); }, {"text.jpg", "neither"}));
  EXPECT_TRUE(refuses([&] { read_image(folder / "absent.jpg"); }, {"absent.jpg"}));
  EXPECT_TRUE(refuses([&] { read_image(folder.path()); }, {folder.path().string()}));
}

TEST(Exif, TurnsThePictureEightWays) {
  const std::vector<std::string> seen = {"abc/def",  "cba/fed",  "fed/cba",  "def/abc",
                                         "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = apply_orientation(letters("abc/def"), orientation);
    EXPECT_EQ(text_of(turned), seen[static_cast<size_t>(orientation - 1)]) << orientation;
    EXPECT_EQ(turned.rgb[4], 1);
    const auto png = encode_any_png(letters("abc/def").rgb, 3, 2, {.colour_type = 2, .orientation = orientation});
    EXPECT_EQ(text_of(decode(png, Orientation::exif)), seen[static_cast<size_t>(orientation - 1)]) << orientation;
    EXPECT_EQ(text_of(decode(png)), "abc/def");
    EXPECT_EQ(exif_orientation(encode_jpeg(drawn_picture(4, 4), {.orientation = orientation})), orientation);
  }
}

TEST(Exif, StaysUprightOnNonsense) {
  EXPECT_EQ(exif_orientation(encode_jpeg(drawn_picture(4, 4))), 1);
  EXPECT_EQ(exif_orientation(encode_jpeg(drawn_picture(4, 4), {.orientation = 9})), 1);
  EXPECT_EQ(exif_orientation({}), 1);
  const std::vector<uint8_t> whole = encode_jpeg(drawn_picture(4, 4), {.orientation = 6});
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<int64_t>(size));
    const int got = exif_orientation(part);
    EXPECT_TRUE(got == 1 || got == 6) << size;
  }
}

TEST(Labels, IndexesComeBackAsWritten) {
  const TemporaryFolder folder;
  const LabelMap map{3, 2, {0, 1, 255, 7, 7, 2}};
  write_label_png(folder / "map.png", map, {1, 2, 3, 4, 5, 6});
  const RawLabels read = read_labels(folder / "map.png");
  EXPECT_EQ(read.width, 3);
  EXPECT_EQ(read.height, 2);
  EXPECT_EQ(read.values, std::vector<uint16_t>(map.classes.begin(), map.classes.end()));
  const Image colours = read_image(folder / "map.png");
  EXPECT_EQ(colours.rgb, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(read_image_size(folder / "map.png"), (ImageSize{3, 2}));
}

TEST(Labels, ReadsGreyOfEveryDepthAndPalettes) {
  const TemporaryFolder folder;
  const auto read = [&](const std::vector<uint8_t>& row, const PngOptions& options) {
    put_file(folder / "l.png", encode_any_png(row, 2, 1, options));
    return read_labels(folder / "l.png").values;
  };
  EXPECT_EQ(read({0x40}, {.depth = 1}), (std::vector<uint16_t>{0, 1}));
  EXPECT_EQ(read({0x70}, {.depth = 2}), (std::vector<uint16_t>{1, 3}));
  EXPECT_EQ(read({0x2F}, {.depth = 4}), (std::vector<uint16_t>{2, 15}));
  EXPECT_EQ(read({1, 2, 255, 255}, {.depth = 16}), (std::vector<uint16_t>{258, 65535}));
  EXPECT_EQ(read({1, 0}, {.colour_type = 3, .palette = {9, 9, 9, 8, 8, 8}}), (std::vector<uint16_t>{1, 0}));
}

TEST(Labels, RefusesPicturesInPlaceOfIndexes) {
  const TemporaryFolder folder;
  put_picture(folder / "rgb.png", 4, 3);
  put_file(folder / "jpeg.png", encode_jpeg(drawn_picture(4, 3)));
  put_file(folder / "alpha.png", encode_any_png({1, 2, 3, 4}, 2, 1, {.colour_type = 4}));
  EXPECT_TRUE(refuses([&] { read_labels(folder / "rgb.png"); }, {"rgb.png", "one channel"}));
  EXPECT_TRUE(refuses([&] { read_labels(folder / "jpeg.png"); }, {"jpeg.png", "JPEG"}));
  EXPECT_TRUE(refuses([&] { read_labels(folder / "alpha.png"); }, {"alpha.png", "alpha"}));
}

TEST(WritePng, RoundTripAndFailures) {
  const TemporaryFolder folder;
  const Image picture = drawn_picture(31, 7);
  write_png(folder / "p.png", picture);
  EXPECT_EQ(read_image(folder / "p.png").rgb, picture.rgb);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
  EXPECT_TRUE(refuses([&] { write_png(folder / "absent/p.png", picture); }, {"absent/p.png"}));
  EXPECT_TRUE(refuses([&] { write_png(folder / "p.png", Image{2, 2, {1}}); }, {"p.png", "expected 12"}));
  EXPECT_TRUE(refuses([&] { write_png(folder / "p.png", Image{}); }, {"p.png", "0x0"}));
  EXPECT_TRUE(refuses([&] { write_label_png(folder / "l.png", {2, 2, {1}}, {}); }, {"l.png", "expected 4"}));
  EXPECT_TRUE(refuses([&] { write_label_png(folder / "l.png", {1, 1, {1}}, {1, 2}); }, {"l.png", "palette"}));
  EXPECT_EQ(read_image(folder / "p.png").rgb, picture.rgb);
}

class SharedImages : public testing::Test {
 protected:
  void SetUp() override {
    const auto shared = shared_data();
    if (!shared || !fs::is_directory(*shared / "images_bad")) GTEST_SKIP() << "no shared folder of unusual images";
    folder_ = *shared / "images_bad";
  }
  fs::path folder_;
};

TEST_F(SharedImages, EachBadOneIsRefusedByName) {
  int64_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "bad")) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(refuses([&] { read_image(entry.path()); }, {name})) << name;
    ++files;
  }
  EXPECT_EQ(files, 22);
}

TEST_F(SharedImages, EachOddOneIsCloseToTheReference) {
  const Image reference = read_image(folder_ / "odd_but_valid/reference.png");
  // The differences that the folder states.
  const std::map<std::string, double> stated = {
      {"baseline_420.jpg", 5.7},
      {"progressive.jpg", 5.7},
      {"restart_markers.jpg", 5.7},
      {"arithmetic.jpg", 5.7},
      {"trailing_garbage.jpg", 5.7},
      {"jpeg_named.png", 5.7},
      {"png_named.jpg", 0},
      {"subsampling_422.jpg", 4.1},
      {"subsampling_444.jpg", 1.8},
      {"cmyk.jpg", 0.6},
      {"rgb_colourspace.jpg", 0.8},
      {"exif_orientation_6.jpg", 5.5},
      {"interlaced.png", 0},
      {"exif_orientation_3.jpg", 5.5},
      {"rgb16.png", 0},
      {"rgba.png", 0},
      {"palette.png", 19},
  };
  for (const auto& [name, difference] : stated) {
    const Image image = read_image(folder_ / "odd_but_valid" / name, Orientation::exif);
    EXPECT_NEAR(mean_difference(image, reference), difference, 0.06 + 0.03 * difference) << name;
  }
  const auto rgb = [&](const char* name) { return read_image(folder_ / "odd_but_valid" / name).rgb; };
  for (const char* name : {"progressive.jpg", "restart_markers.jpg", "arithmetic.jpg", "trailing_garbage.jpg"}) {
    EXPECT_EQ(rgb(name), rgb("baseline_420.jpg")) << name;
  }
}

TEST_F(SharedImages, EveryOddOneDecodes) {
  int64_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "odd_but_valid")) {
    EXPECT_FALSE(read_image(entry.path()).rgb.empty()) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 26);
  EXPECT_EQ(read_image_size(folder_ / "odd_but_valid/exif_orientation_6.jpg"), (ImageSize{64, 96}));
  const std::vector<uint8_t> grey = read_image(folder_ / "odd_but_valid/greyscale.jpg").rgb;
  double sum = 0;
  for (const uint8_t value : grey) sum += value;
  EXPECT_NEAR(sum / static_cast<double>(grey.size()), 110.4, 0.1);
}

TEST(FilesInMemory, JpegIsCloseAndSmallerWhereAskedTo) {
  const Image image = drawn_picture(61, 37);
  const std::vector<uint8_t> fine = jpeg_bytes(image, 98), rough = jpeg_bytes(image, 20);
  EXPECT_LT(rough.size(), fine.size());
  const Image read = decode_image(fine.data(), std::ssize(fine), "fine");
  ASSERT_EQ(read.width, 61);
  ASSERT_EQ(read.height, 37);
  double difference = 0.0;
  for (size_t i = 0; i < image.rgb.size(); ++i) difference += std::abs(int{read.rgb[i]} - int{image.rgb[i]});
  EXPECT_LT(difference / static_cast<double>(image.rgb.size()), 6.0);
  EXPECT_TRUE(refuses([&] { jpeg_bytes(image, 0); }, {"quality", "got 0"}));
  EXPECT_TRUE(refuses([&] { jpeg_bytes({4, 4, {1, 2, 3}}); }, {"48", "got 3"}));
  EXPECT_TRUE(refuses([&] { jpeg_bytes(Image{70'000, 1, std::vector<uint8_t>(210'000)}); }, {"65500", "70000x1"}));
}

TEST(FilesInMemory, LabelPngKeepsNumbers) {
  const LabelMap labels{3, 2, {0, 1, 2, 255, 1, 0}};
  const TemporaryFolder folder;
  const std::vector<uint8_t> palette = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  put_file(folder / "memory.png", label_png_bytes(labels, palette));
  write_label_png(folder / "file.png", labels, palette);
  EXPECT_EQ(bytes_of(folder / "memory.png"), bytes_of(folder / "file.png"));
  EXPECT_EQ(read_labels(folder / "memory.png").values, (std::vector<uint16_t>{0, 1, 2, 255, 1, 0}));
}

}  // namespace
}  // namespace bareseg
