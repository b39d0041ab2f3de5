// Zip archives in memory and on their way to disk. Entries never become files, so names are names, not paths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/file.h"

namespace bareseg {

class ZipFile {
 public:
  /// Reads the directory. `bytes` must live as long as this.
  /// @throws Error if it is no zip archive, is damaged, names an entry twice, has entries that overlap, an encrypted
  /// one
  ///         or one compressed by other means than deflate, or promises more than 32 times its own bytes + 16 MiB.
  explicit ZipFile(std::span<const std::byte> bytes);
  ~ZipFile();
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;

  struct Entry {
    uint64_t bytes = 0;  // uncompressed
    uint64_t directory_offset = 0, number = 0;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }
  /// The uncompressed bytes of an entry. Throws Error if there is none of this name or its checksum disagrees.
  std::vector<std::byte> read(const std::string& name);

 private:
  void read_directory();

  std::span<const std::byte> bytes_;
  void* archive_ = nullptr;
  std::map<std::string, Entry> entries_;
};

/// Writes an archive of stored entries, one after another, each beginning at a multiple of 64 bytes as torch.save's do.
class ZipWriter {
 public:
  /// `file` must live as long as this, and takes nothing else before finish().
  explicit ZipWriter(AtomicFile& file) : file_(file) {}
  /// @throws Error naming the file if the archive would have more than 4 GiB or 65535 entries, or if writing fails.
  void add(const std::string& name, std::span<const std::byte> bytes);
  /// Writes the directory.
  void finish();

 private:
  struct Entry {
    std::string name;
    uint32_t checksum, bytes, offset;
  };
  void write(const std::string& record);

  AtomicFile& file_;
  uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace bareseg
