// The memory of the emulated device: every allocation has guard bytes before and after, and what a kernel reaches can
// be told from its arguments.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/storage.h"

namespace bareseg::emulator {

class Memory final : public Allocator {
 public:
  /// Fresh memory holds 0x7f bytes, 3.4e38 in both float dtypes: an element that nobody wrote is seen.
  void* allocate(int64_t bytes) override;
  void deallocate(void* data, int64_t bytes) noexcept override;
  int64_t available() const override { return host_allocator().available(); }
  MemoryUse use() const override;
  void reset_peak() override;

  /// Memory that is freed is kept from now on, for recorded work that will use it again, until take_kept().
  void keep_freed();
  using Kept = std::vector<std::pair<void*, int64_t>>;
  Kept take_kept();
  void release(const Kept& kept) noexcept;

  /// A kernel runs: until the lock is let go no other thread allocates, frees or runs one.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }

  // Under lock(), of some of the live allocations.
  using Blocks = std::vector<std::span<std::byte>>;
  /// Those that the 8-byte words of `roots` point into, those that the words of these point into, and so on: all that a
  /// kernel with these arguments may reach.
  Blocks reachable(std::span<const std::byte> roots) const;
  /// Says which guard bytes were written, and repairs them; empty when none was.
  static std::string broken_guard(const Blocks& blocks);

 private:
  mutable std::mutex mutex_;
  std::map<std::byte*, size_t> blocks_;
  MemoryUse use_;
  bool keep_ = false;
  Kept kept_;
};

/// The one of this process.
Memory& memory();

}  // namespace bareseg::emulator
