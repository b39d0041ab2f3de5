#include "apps/event_file.h"

#include <array>
#include <bit>
#include <chrono>

#include "engine/error.h"
#include "engine/little_endian.h"

namespace bareseg {
namespace {

// Field numbers are those of TensorFlow's event.proto and summary.proto.
enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(int field, WireType type) { return varint(static_cast<uint64_t>(field) << 3 | type); }

std::string field(int number, int64_t value) { return key(number, kVarint) + varint(static_cast<uint64_t>(value)); }
std::string field(int number, float value) { return key(number, kFixed32) + little_endian(value); }
std::string field(int number, double value) { return key(number, kFixed64) + little_endian(value); }
// A text, or a message in a message.
std::string field(int number, const std::string& bytes) { return key(number, kBytes) + varint(bytes.size()) + bytes; }
std::string field(int number, const std::vector<double>& values) {
  std::string packed;
  for (const double value : values) packed += little_endian(value);
  return field(number, packed);
}

std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}

// A checksum of data that holds checksums is weak, so the format turns and shifts it.
std::string masked_crc(const std::string& bytes) { return little_endian(std::rotr(crc32c(bytes), 15) + 0xa282ead8u); }

int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

uint32_t crc32c(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = crc_table();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, int64_t first_step)
    : file_(folder / concat("events.out.tfevents.", now_microseconds(), ".bareseg")), out_(file_, std::ios::binary) {
  constexpr int kFileVersion = 3, kSessionLog = 7, kStatus = 1;
  constexpr int64_t kStart = 1;
  event(0, field(kFileVersion, std::string("brain.Event:2")));
  event(first_step, field(kSessionLog, field(kStatus, kStart)));
}

void EventFile::scalar(const std::string& tag, int64_t step, double number) {
  constexpr int kSimpleValue = 2;
  value(tag, step, field(kSimpleValue, static_cast<float>(number)));
}

void EventFile::image(const std::string& tag, int64_t step, const Image& picture) {
  constexpr int kImage = 4, kHeight = 1, kWidth = 2, kColourSpace = 3, kEncoded = 4;
  constexpr int64_t kRgb = 3;
  const std::vector<uint8_t> jpeg = jpeg_bytes(picture);
  value(tag, step,
        field(kImage, field(kHeight, picture.height) + field(kWidth, picture.width) + field(kColourSpace, kRgb) +
                          field(kEncoded, std::string(jpeg.begin(), jpeg.end()))));
}

void EventFile::histogram(const std::string& tag, int64_t step, const std::vector<int64_t>& counts) {
  constexpr int kHistogram = 5, kMin = 1, kMax = 2, kNumber = 3, kSum = 4, kSumSquares = 5, kLimits = 6, kBuckets = 7;
  double number = 0, sum = 0, squares = 0;
  std::vector<double> limits, buckets;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto at = static_cast<double>(i), count = static_cast<double>(counts[i]);
    number += count;
    sum += at * count;
    squares += at * at * count;
    limits.push_back(at + 0.5);
    buckets.push_back(count);
  }
  value(tag, step,
        field(kHistogram, field(kMin, -0.5) + field(kMax, limits.empty() ? -0.5 : limits.back()) +
                              field(kNumber, number) + field(kSum, sum) + field(kSumSquares, squares) +
                              field(kLimits, limits) + field(kBuckets, buckets)));
}

void EventFile::value(const std::string& tag, int64_t step, const std::string& what) {
  constexpr int kSummary = 5, kValue = 1, kTag = 1;
  event(step, field(kSummary, field(kValue, field(kTag, tag) + what)));
}

// Length, its checksum, the event, its checksum.
void EventFile::event(int64_t step, const std::string& what) {
  constexpr int kWallTime = 1, kStep = 2;
  const std::string message =
      field(kWallTime, static_cast<double>(now_microseconds()) / 1e6) + field(kStep, step) + what;
  const std::string length = little_endian(uint64_t{message.size()});
  out_ << length << masked_crc(length) << message << masked_crc(message) << std::flush;
  BS_CHECK(out_.good(), file_.string(), ": cannot write (is the disk full?)");
}

}  // namespace bareseg
