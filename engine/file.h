// Whole files in and out. A file that is written appears at once, complete and on disk, or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bareseg {

inline constexpr int64_t kMaxFileBytes = int64_t{16} << 30;

/// The bytes of a regular file. Throws Error naming the path if it cannot be read or has more than `max_bytes`; no
/// memory is taken before its size is known.
std::vector<std::byte> read_file(const std::filesystem::path& path, int64_t max_bytes = kMaxFileBytes);

/// A file on its way: bytes go to "<path>.tmp" in the same folder, and commit() puts that in the place of `path`.
/// Until then `path` is untouched; without commit() the destructor removes the temporary. One left by a killed process
/// is overwritten by the next writer. Every member throws Error naming the path and the system's reason, among others
/// when another process is writing the same file.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Waits until the bytes are on disk, then renames. No write() may follow.
  void commit();
  /// Where the file will be.
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail(const char* action, int error) const;

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// Runs `writer` on an AtomicFile and commits it. An exception of `writer` leaves `path` untouched and passes on.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(AtomicFile&)>& writer);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace bareseg
