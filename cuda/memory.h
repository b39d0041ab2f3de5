// Device memory in stream order, and the way of host memory onto the device.
#pragma once

#include <cuda_runtime_api.h>

#include <deque>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/arena.h"
#include "engine/storage.h"

namespace bareseg {

/// The device's pool of cudaMallocAsync, which keeps what was freed. Memory belongs to one stream: work queued there
/// before deallocate() may still use it, and all memory is used on that stream alone.
///
/// While work of the stream is being recorded, memory comes from an arena of the record's own, and what is freed of
/// other memory is kept until the recording ends: nothing is queued. `live` counts the whole arena as long as it is
/// there.
class PoolAllocator final : public Allocator {
 public:
  /// For the current device, `index`.
  PoolAllocator(int index, cudaStream_t stream);

  void* allocate(int64_t bytes) override;
  void deallocate(void* data, int64_t bytes) noexcept override;
  int64_t available() const override;
  MemoryUse use() const override;
  void reset_peak() override;

  /// Waits for the stream, lets go what the pool keeps unused, and opens an arena.
  Arena* begin_recording();
  void end_recording() noexcept;
  /// The record is gone. Its arena goes back to the pool, at once or with the last tensor in it.
  void retire(Arena* arena) noexcept;

 private:
  struct Entry {
    Arena arena;
    bool retired = false;
  };

  void* pool_memory(int64_t bytes, cudaStream_t stream);
  void* arena_memory(int64_t bytes);
  void free_in_order(void* data, int64_t bytes) noexcept;
  Entry* entry_of(const void* data);
  void release_if_unused(Entry* entry) noexcept;

  cudaStream_t stream_, aside_ = nullptr;  // aside_: for memory while stream_ records
  cudaMemPool_t pool_ = nullptr;
  mutable std::mutex mutex_;
  MemoryUse use_;
  std::list<Entry> arenas_;
  Arena* recording_ = nullptr;
  std::vector<std::pair<void*, int64_t>> freed_;  // while recording
};

/// Uploads that overlap with work on the device. Bytes go through a ring of pinned host memory, by a stream of their
/// own into a twin of the ring on the device, and from there, in the order of the compute stream, to their place.
class Staging {
 public:
  /// For the current device.
  explicit Staging(cudaStream_t compute);

  /// Queues a copy of host memory, which may be reused on return.
  void upload(const void* host, void* device, int64_t bytes);

 private:
  // Bytes [begin, end) of the ring in flight. `arrived`: they are on the device; `taken`: they are at their place.
  struct Piece {
    int64_t begin, end;
    cudaEvent_t arrived, taken;
  };

  int64_t claim(int64_t bytes);
  cudaEvent_t event();

  cudaStream_t compute_, uploads_ = nullptr;
  std::byte *pinned_ = nullptr, *twin_ = nullptr;
  int64_t head_ = 0;                 // where the next piece begins
  std::deque<Piece> pieces_;         // in flight, the oldest first
  std::vector<cudaEvent_t> events_;  // not in use
};

}  // namespace bareseg
