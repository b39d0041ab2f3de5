// One file of fixed-size records, numbered 0 .. count - 1, that outlives the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace bareseg {

/// Layout, little-endian 64-bit words: magic, owner, count, record bytes, checksum of these four; count checksums of
/// records, 0 where there is none; then the records. A record is written before its checksum, so one that a crash or a
/// damaged disk left incomplete reads as absent. Members may be called from many threads and processes at once as long
/// as every writer of a record writes the same bytes.
class DiskCache {
 public:
  /// Opens or creates `file`. `owner` identifies what the records are.
  /// @throws Error naming the file when it cannot be opened or created, is no such file, or holds other records.
  DiskCache(const std::filesystem::path& file, uint64_t owner, int64_t count, int64_t record_bytes);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  /// Fills `record` and returns true, or returns false when the record is absent or damaged.
  bool read(int64_t index, std::span<uint8_t> record) const;
  /// @throws Error naming the file and the system's reason, e.g. a full disk.
  void write(int64_t index, std::span<const uint8_t> record);

 private:
  void check_header(uint64_t owner, int64_t count) const;
  int64_t record_offset(int64_t index) const;

  std::filesystem::path file_;
  int64_t count_, record_bytes_;
  int descriptor_ = -1;
};

/// FNV-1a over 64-bit words and the bytes that are left, started from `seed`.
uint64_t checksum(std::span<const uint8_t> bytes, uint64_t seed);

}  // namespace bareseg
