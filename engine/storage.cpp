#include "engine/storage.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "engine/error.h"

namespace bareseg {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = 2 << 20;  // bytes of Linux' large pages, given to those who ask
constexpr int64_t kHugeFrom = 2 * kHugePage;
constexpr int64_t kKeepFrom = 64 << 10;     // smaller blocks: malloc is as good
constexpr int64_t kKeepAtMost = 2LL << 30;  // bytes of freed blocks kept

// Rounds up to 1/8 of a power of two, so that nearly equal sizes share freed blocks.
int64_t size_class(int64_t bytes) {
  if (bytes < kKeepFrom) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const int64_t step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes))) / 8;
  return (bytes + step - 1) / step * step;
}

// nullptr when there is no memory. Large blocks are in large pages where the system has them: a pass over a tensor of
// hundreds of megabytes would otherwise wait for a new translation every 4 KB.
void* allocate_block(int64_t size) {
  const bool large = size >= kHugeFrom;
  void* data = nullptr;
  if (posix_memalign(&data, static_cast<size_t>(large ? kHugePage : kAlignment), static_cast<size_t>(size)) != 0)
    return nullptr;
  if (large) madvise(data, static_cast<size_t>(size), MADV_HUGEPAGE);  // a wish: the system may say no
  return data;
}

class HostAllocator final : public Allocator {
 public:
  void* allocate(int64_t bytes) override {
    const int64_t size = size_class(std::max<int64_t>(bytes, 1));
    {
      const std::lock_guard lock(mutex_);
      use_.live += size;
      use_.peak = std::max(use_.peak, use_.live);
      const auto kept = kept_.find(size);
      if (kept != kept_.end() && !kept->second.empty()) {
        void* data = kept->second.back();
        kept->second.pop_back();
        kept_bytes_ -= size;
        return data;
      }
    }
    void* data = allocate_block(size);
    if (data == nullptr) {
      const std::lock_guard lock(mutex_);
      use_.live -= size;
      fail_at(__FILE__, __LINE__, "out of host memory: ", bytes, " bytes asked for, ", use_.live, " in use");
    }
    return data;
  }

  void deallocate(void* data, int64_t bytes) noexcept override {
    const int64_t size = size_class(std::max<int64_t>(bytes, 1));
    {
      const std::lock_guard lock(mutex_);
      use_.live -= size;
      if (kKeep && size >= kKeepFrom && kept_bytes_ + size <= kKeepAtMost) {
        kept_[size].push_back(data);
        kept_bytes_ += size;
        return;
      }
    }
    std::free(data);
  }

  int64_t available() const override { return int64_t{sysconf(_SC_AVPHYS_PAGES)} * sysconf(_SC_PAGESIZE); }

  MemoryUse use() const override {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  void reset_peak() override {
    const std::lock_guard lock(mutex_);
    use_.peak = use_.live;
  }

 private:
#ifdef BARESEG_SANITIZED
  static constexpr bool kKeep = false;  // a kept block would hide use after free from the sanitizer
#else
  static constexpr bool kKeep = true;
#endif
  mutable std::mutex mutex_;
  MemoryUse use_;
  std::map<int64_t, std::vector<void*>> kept_;
  int64_t kept_bytes_ = 0;
};

}  // namespace

Allocator& host_allocator() {
  static HostAllocator* allocator = new HostAllocator;  // never destroyed: static tensors may outlive any order
  return *allocator;
}

Storage::Storage(int64_t bytes, Device device, Allocator& allocator)
    : allocator_(allocator),
      data_(static_cast<std::byte*>(allocator.allocate(bytes))),
      bytes_(bytes),
      device_(device) {}

Storage::~Storage() { allocator_.deallocate(data_, bytes_); }

}  // namespace bareseg
