// Entries of a zip archive that lies in memory. Nothing is ever written to disk, so names are names, not paths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bareseg {

class ZipFile {
 public:
  /// Reads the directory. `bytes` must live as long as this.
  /// @throws Error if it is no zip archive, is damaged, names an entry twice, has an encrypted entry or one compressed
  ///         by other means than deflate, or promises more than 32 times its own bytes + 16 MiB.
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

}  // namespace bareseg
