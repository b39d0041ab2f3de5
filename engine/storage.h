// Counted memory: a Storage is a block of bytes on one device, freed with its last owner.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/device.h"

namespace bareseg {

/// Live and peak bytes of one allocator since the start or the last reset_peak().
struct MemoryUse {
  int64_t live = 0, peak = 0;
};

/// Memory of one device. Implementations are thread-safe and outlive every Storage.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// At least `bytes` bytes aligned to 64. Throws Error naming the size when there is no memory.
  virtual void* allocate(int64_t bytes) = 0;
  virtual void deallocate(void* data, int64_t bytes) noexcept = 0;
  /// Bytes of the device's memory that no program uses.
  virtual int64_t available() const = 0;
  virtual MemoryUse use() const = 0;
  virtual void reset_peak() = 0;
};

/// Allocator of host memory. Freed blocks are kept and reused by size class, so a training loop that repeats its
/// shapes stops asking the system, whose fresh pages would cost a page fault each.
Allocator& host_allocator();

class Storage {
 public:
  /// `bytes` uninitialised bytes of `allocator`'s memory. `device` says where they are.
  Storage(int64_t bytes, Device device, Allocator& allocator);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  Allocator& allocator_;
  std::byte* data_;
  int64_t bytes_;
  Device device_;
};

}  // namespace bareseg
