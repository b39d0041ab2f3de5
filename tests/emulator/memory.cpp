#include "tests/emulator/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "engine/error.h"

namespace bareseg::emulator {
namespace {

constexpr size_t kAlignment = 64;
constexpr std::byte kGuardByte{0xff}, kFreshByte{0x7f};
// Under AddressSanitizer its own red zones do better: they stop the very access.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kGuard = 0;
#else
constexpr size_t kGuard = 4096;
#endif

bool intact(const std::byte* guard) {
  return std::all_of(guard, guard + kGuard, [](std::byte b) { return b == kGuardByte; });
}

}  // namespace

void* Memory::allocate(int64_t bytes) {
  const size_t size = static_cast<size_t>(std::max<int64_t>(bytes, 0));
  const size_t total = (size + 2 * kGuard + kAlignment) / kAlignment * kAlignment;
  auto* raw = static_cast<std::byte*>(std::aligned_alloc(kAlignment, total));
  BS_CHECK(raw != nullptr, "emulated device: no memory for ", bytes, " bytes");
  std::byte* data = raw + kGuard;
  std::fill_n(raw, kGuard, kGuardByte);
  std::fill_n(data, size, kFreshByte);
  std::fill_n(data + size, kGuard, kGuardByte);
  const std::lock_guard guard(mutex_);
  blocks_[data] = size;
  use_.live += bytes;
  use_.peak = std::max(use_.peak, use_.live);
  return data;
}

void Memory::deallocate(void* data, int64_t bytes) noexcept {
  const std::lock_guard guard(mutex_);
  blocks_.erase(static_cast<std::byte*>(data));
  use_.live -= bytes;
  std::free(static_cast<std::byte*>(data) - kGuard);
}

MemoryUse Memory::use() const {
  const std::lock_guard guard(mutex_);
  return use_;
}

void Memory::reset_peak() {
  const std::lock_guard guard(mutex_);
  use_.peak = use_.live;
}

void Memory::save(std::vector<std::byte>& content) const {
  size_t total = 0;
  for (const auto& [data, size] : blocks_) total += size;
  content.resize(total);
  std::byte* to = content.data();
  for (const auto& [data, size] : blocks_) to = std::copy_n(data, size, to);
}

void Memory::restore(const std::vector<std::byte>& content) {
  const std::byte* from = content.data();
  for (const auto& [data, size] : blocks_) {
    std::copy_n(from, size, data);
    from += size;
  }
}

std::string Memory::difference(const std::vector<std::byte>& content) const {
  const std::byte* expected = content.data();
  for (const auto& [data, size] : blocks_) {
    if (size > 0 && std::memcmp(data, expected, size) != 0) {
      const auto at = std::mismatch(data, data + size, expected).first - data;
      return concat("byte ", at, " of an allocation of ", size, " bytes");
    }
    expected += size;
  }
  return "";
}

std::string Memory::broken_guard() {
  for (const auto& [data, size] : blocks_) {
    for (std::byte* guard : {data - kGuard, data + size}) {
      if (intact(guard)) continue;
      std::fill_n(guard, kGuard, kGuardByte);
      return concat("memory ", guard < data ? "before" : "after", " an allocation of ", size, " bytes was written");
    }
  }
  return "";
}

Memory& memory() {
  static Memory* memory = new Memory;  // never destroyed: static tensors may outlive any order
  return *memory;
}

}  // namespace bareseg::emulator
