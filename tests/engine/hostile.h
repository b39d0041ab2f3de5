// Tools of the tests that feed damaged and malicious files to the readers.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/little_endian.h"
#include "engine/random.h"

namespace bareseg {

/// An empty folder that lives as long as this.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bareseg_test_XXXXXX").string();
    BS_CHECK(::mkdtemp(name.data()) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// While one lives, the process may take at most `bytes` more address space: an allocation past it throws
/// std::bad_alloc, which no test expects. Sanitizers reserve terabytes, so with them there is no limit.
class MemoryLimit {
 public:
  explicit MemoryLimit(uint64_t bytes) {
    ::getrlimit(RLIMIT_AS, &before_);
#ifndef BARESEG_SANITIZED
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit = {pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) + bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &limit);
#else
    static_cast<void>(bytes);
#endif
  }
  ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &before_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  rlimit before_{};
};

/// The message of the Error that f throws; empty when it returns. Other exceptions pass.
template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Calls f with every beginning of `bytes` but the whole.
template <typename F>
void each_truncation(std::span<const std::byte> bytes, F&& f) {
  for (size_t length = 0; length < bytes.size(); ++length) f(bytes.first(length));
}

/// Calls f `count` times with a copy of `bytes` in which 1 to 4 bytes were changed at random.
template <typename F>
void each_corruption(std::span<const std::byte> bytes, int count, F&& f) {
  for (int seed = 0; seed < count; ++seed) {
    Random random(static_cast<uint64_t>(seed), Draws::test);
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    for (uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
      copy[random.below(copy.size())] = static_cast<std::byte>(random.below(256));
    }
    f(std::span<const std::byte>(copy));
  }
}

}  // namespace bareseg
