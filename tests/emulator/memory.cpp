#include "tests/emulator/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>

#include "engine/error.h"
#include "tests/emulator/emulator.h"

namespace bareseg::emulator {
namespace {

constexpr size_t kAlignment = 64;
constexpr std::byte kGuardByte{0xff}, kFreshByte{0x7f};
// Under AddressSanitizer its own red zones do better: they stop the very access.
#if defined(BARESEG_ASAN)
constexpr size_t kGuard = 0;
#else
constexpr size_t kGuard = 1024;
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
  if (keep_) {
    kept_.emplace_back(data, bytes);
    return;
  }
  blocks_.erase(static_cast<std::byte*>(data));
  use_.live -= bytes;
  std::free(static_cast<std::byte*>(data) - kGuard);
}

void Memory::keep_freed() {
  const std::lock_guard guard(mutex_);
  keep_ = true;
}

Memory::Kept Memory::take_kept() {
  const std::lock_guard guard(mutex_);
  keep_ = false;
  return std::exchange(kept_, {});
}

void Memory::release(const Kept& kept) noexcept {
  for (const auto& [data, bytes] : kept) deallocate(data, bytes);
}

MemoryUse Memory::use() const {
  const std::lock_guard guard(mutex_);
  return use_;
}

void Memory::reset_peak() {
  const std::lock_guard guard(mutex_);
  use_.peak = use_.live;
}

Memory::Blocks Memory::reachable(std::span<const std::byte> roots) const {
  Blocks found;
  if (blocks_.empty()) return found;
  const auto lowest = reinterpret_cast<uintptr_t>(blocks_.begin()->first);
  const auto highest = reinterpret_cast<uintptr_t>(blocks_.rbegin()->first) + blocks_.rbegin()->second;
  std::set<const std::byte*> known;
  for (size_t next = 0;; roots = found[next++]) {
    for (size_t at = 0; at + sizeof(uintptr_t) <= roots.size(); at += sizeof(uintptr_t)) {
      uintptr_t word = 0;
      std::memcpy(&word, roots.data() + at, sizeof(word));
      if (word < lowest || word >= highest) continue;
      const auto [data, size] = *std::prev(blocks_.upper_bound(reinterpret_cast<std::byte*>(word)));
      if (word - reinterpret_cast<uintptr_t>(data) < size && known.insert(data).second) found.emplace_back(data, size);
    }
    if (next == found.size()) return found;
  }
}

std::string Memory::broken_guard(const Blocks& blocks) {
  for (const std::span<std::byte> block : blocks) {
    for (std::byte* guard : {block.data() - kGuard, block.data() + block.size()}) {
      if (intact(guard)) continue;
      std::fill_n(guard, kGuard, kGuardByte);
      return concat("memory ", guard < block.data() ? "before" : "after", " an allocation of ", block.size(),
                    " bytes was written");
    }
  }
  return "";
}

Memory& memory() {
  static Memory* memory = new Memory;  // never destroyed: static tensors may outlive any order
  return *memory;
}

}  // namespace bareseg::emulator
