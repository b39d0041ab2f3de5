#include "data/disk_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr uint64_t kMagic = 0x3153504F52435342;  // "BSCROPS1"
constexpr int64_t kWord = 8, kHeaderWords = 5;
using Header = std::array<uint64_t, kHeaderWords>;

std::span<uint8_t> bytes_of(std::span<uint64_t> words) {
  return {reinterpret_cast<uint8_t*>(words.data()), words.size_bytes()};
}

Header make_header(uint64_t owner, int64_t count, int64_t record_bytes) {
  Header header = {kMagic, owner, static_cast<uint64_t>(count), static_cast<uint64_t>(record_bytes), 0};
  header[4] = checksum(bytes_of(std::span(header).first(4)), 0);
  return header;
}

/// False at the end of the file or on an error.
bool read_at(int descriptor, std::span<uint8_t> bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(got));
    offset += got;
  }
  return true;
}

bool write_at(int descriptor, std::span<const uint8_t> bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += put;
  }
  return true;
}

uint64_t record_checksum(std::span<const uint8_t> record, int64_t index) {
  const uint64_t sum = checksum(record, static_cast<uint64_t>(index) + 1);
  return sum == 0 ? 1 : sum;  // 0 says that there is no record
}

}  // namespace

uint64_t checksum(std::span<const uint8_t> bytes, uint64_t seed) {
  constexpr uint64_t kPrime = 0x100000001B3;
  uint64_t sum = 0xCBF29CE484222325 ^ seed * 0x9E3779B97F4A7C15;
  while (bytes.size() >= kWord) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), kWord);
    sum = (sum ^ word) * kPrime;
    sum ^= sum >> 29;  // the multiplication alone carries nothing downwards
    bytes = bytes.subspan(kWord);
  }
  for (const uint8_t byte : bytes) sum = (sum ^ byte) * kPrime;
  return sum ^ sum >> 32;
}

DiskCache::DiskCache(const std::filesystem::path& file, uint64_t owner, int64_t count, int64_t record_bytes)
    : file_(file), count_(count), record_bytes_(record_bytes) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    Header header = make_header(owner, count, record_bytes);
    const std::vector<std::byte> empty_table(static_cast<size_t>(count * kWord));
    write_file_atomically(file, [&](AtomicFile& out) {
      out.write(std::as_bytes(std::span(header)));
      out.write(empty_table);
    });
  }
  BS_CHECK(std::filesystem::is_regular_file(file, ignored), "disk cache ", file.string(), ": is not a regular file");
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  BS_CHECK(descriptor_ >= 0, "disk cache ", file.string(), ": cannot be opened: ", std::strerror(errno));
  try {
    check_header(owner, count);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

DiskCache::~DiskCache() { ::close(descriptor_); }

void DiskCache::check_header(uint64_t owner, int64_t count) const {
  const std::string name = "disk cache " + file_.string();
  Header header{};
  const bool complete = read_at(descriptor_, bytes_of(header), 0);
  BS_CHECK(complete && header[0] == kMagic, name, ": is not a cache of crops; delete it or name another file");
  BS_CHECK(header == make_header(header[1], static_cast<int64_t>(header[2]), static_cast<int64_t>(header[3])), name,
           ": its header is damaged; delete it");
  BS_CHECK(header[2] == static_cast<uint64_t>(count) && header[3] == static_cast<uint64_t>(record_bytes_), name,
           ": holds ", header[2], " records of ", header[3], " bytes, expected ", count, " of ", record_bytes_,
           " (other images or another size); delete it or name another file");
  BS_CHECK(header[1] == owner, name, ": was made from other images; delete it or name another file");
  BS_CHECK(std::filesystem::file_size(file_) >= static_cast<uint64_t>(record_offset(0)), name,
           ": its table is cut off; delete it");
}

int64_t DiskCache::record_offset(int64_t index) const {
  return (kHeaderWords + count_) * kWord + index * record_bytes_;
}

bool DiskCache::read(int64_t index, std::span<uint8_t> record) const {
  uint64_t expected = 0;
  if (!read_at(descriptor_, bytes_of({&expected, 1}), (kHeaderWords + index) * kWord)) return false;
  if (expected == 0 || !read_at(descriptor_, record, record_offset(index))) return false;
  return record_checksum(record, index) == expected;
}

void DiskCache::write(int64_t index, std::span<const uint8_t> record) {
  uint64_t sum = record_checksum(record, index);
  const bool written = write_at(descriptor_, record, record_offset(index)) &&
                       write_at(descriptor_, bytes_of({&sum, 1}), (kHeaderWords + index) * kWord);
  BS_CHECK(written, "disk cache ", file_.string(), ": cannot be written: ", std::strerror(errno));
}

}  // namespace bareseg
