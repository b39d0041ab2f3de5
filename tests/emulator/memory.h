// The memory of the emulated device: every allocation has guard bytes before and after, and the whole of it can be
// saved, put back and compared.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/storage.h"

namespace bareseg::emulator {

class Memory final : public Allocator {
 public:
  /// Fresh memory holds 0x7f bytes, 3.4e38 in both float dtypes: an element that nobody wrote is seen.
  void* allocate(int64_t bytes) override;
  void deallocate(void* data, int64_t bytes) noexcept override;
  MemoryUse use() const override;
  void reset_peak() override;

  /// A kernel runs: until the lock is let go no other thread allocates, frees or runs one.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }

  // Under lock(). The content of all live allocations, one after the other.
  void save(std::vector<std::byte>& content) const;
  void restore(const std::vector<std::byte>& content);
  /// Says where the content differs from `content`; empty when it does not.
  std::string difference(const std::vector<std::byte>& content) const;
  /// Says which guard bytes were written, and repairs them; empty when none was.
  std::string broken_guard();

 private:
  mutable std::mutex mutex_;
  std::map<std::byte*, size_t> blocks_;
  MemoryUse use_;
};

/// The one of this process.
Memory& memory();

}  // namespace bareseg::emulator
