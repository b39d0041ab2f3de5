#include "cuda/memory.h"

#include <algorithm>
#include <cstring>

#include "cuda/check.h"
#include "engine/error.h"
#include "engine/host_device.h"

namespace bareseg {
namespace {

constexpr int64_t kRing = 64 << 20, kLargestPiece = 16 << 20, kAlignment = 256;
constexpr size_t kMostPieces = 256;
constexpr int64_t kSegment = 32 << 20;      // of an arena, at least
constexpr int64_t kParallelFrom = 1 << 20;  // bytes copied by several threads: one does not keep up with the bus

void parallel_copy(std::byte* to, const std::byte* from, int64_t bytes) {
  const int64_t parts = ceil_div(bytes, kParallelFrom);
#pragma omp parallel for if (parts > 1)
  for (int64_t p = 0; p < parts; ++p) {
    const int64_t begin = p * kParallelFrom, end = std::min(bytes, begin + kParallelFrom);
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  }
}

}  // namespace

PoolAllocator::PoolAllocator(int index, cudaStream_t stream) : stream_(stream) {
  BS_CUDA(cudaDeviceGetDefaultMemPool(&pool_, index));
  uint64_t keep = UINT64_MAX;
  BS_CUDA(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep));
}

void* PoolAllocator::pool_memory(int64_t bytes, cudaStream_t stream) {
  const auto size = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  void* data = nullptr;
  cudaError_t status = cudaMallocAsync(&data, size, stream);
  if (status == cudaErrorMemoryAllocation) {
    // Freed memory of work that is still queued, and pieces of the pool too small for this request, become free again.
    static_cast<void>(cudaGetLastError());
    BS_CUDA(cudaStreamSynchronize(stream));
    BS_CUDA(cudaMemPoolTrimTo(pool_, 0));
    status = cudaMallocAsync(&data, size, stream);
  }
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    size_t unused = 0, total = 0;
    BS_CUDA(cudaMemGetInfo(&unused, &total));
    fail_at(__FILE__, __LINE__, "out of device memory: ", bytes, " bytes asked for, ", use_.live,
            " in use by tensors, ", unused, " of ", total, " unused on the device");
  }
  BS_CUDA(status);
  use_.live += bytes;
  use_.peak = std::max(use_.peak, use_.live);
  return data;
}

void* PoolAllocator::arena_memory(int64_t bytes) {
  if (void* data = recording_->take(bytes)) return data;
  const int64_t segment = std::max<int64_t>(ceil_div(bytes, kSegment), 1) * kSegment;
  recording_->add_segment(pool_memory(segment, aside_), segment);
  BS_CUDA(cudaStreamSynchronize(aside_));
  return recording_->take(bytes);
}

void* PoolAllocator::allocate(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  return recording_ != nullptr ? arena_memory(bytes) : pool_memory(bytes, stream_);
}

PoolAllocator::Entry* PoolAllocator::entry_of(const void* data) {
  const auto found = std::find_if(arenas_.begin(), arenas_.end(), [&](const Entry& e) { return e.arena.holds(data); });
  return found != arenas_.end() ? &*found : nullptr;
}

void PoolAllocator::deallocate(void* data, int64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  if (Entry* entry = entry_of(data)) {
    entry->arena.give_back(data);
    return release_if_unused(entry);
  }
  free_in_order(data, bytes);
}

void PoolAllocator::free_in_order(void* data, int64_t bytes) noexcept {
  if (recording_ != nullptr) {
    freed_.emplace_back(data, bytes);
    return;
  }
  static_cast<void>(cudaFreeAsync(data, stream_));  // fails after failed work, which the next call reports
  use_.live -= bytes;
}

Arena* PoolAllocator::begin_recording() {
  BS_CUDA(cudaStreamSynchronize(stream_));
  BS_CUDA(cudaMemPoolTrimTo(pool_, 0));
  const std::lock_guard lock(mutex_);
  if (aside_ == nullptr) BS_CUDA(cudaStreamCreateWithFlags(&aside_, cudaStreamNonBlocking));
  return recording_ = &arenas_.emplace_back().arena;
}

void PoolAllocator::end_recording() noexcept {
  const std::lock_guard lock(mutex_);
  recording_ = nullptr;
  for (const auto& [data, bytes] : std::exchange(freed_, {})) free_in_order(data, bytes);
}

void PoolAllocator::retire(Arena* arena) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(arenas_.begin(), arenas_.end(), [&](const Entry& e) { return &e.arena == arena; });
  found->retired = true;
  release_if_unused(&*found);
}

// Replays that are queued still use it, in the order of the stream.
void PoolAllocator::release_if_unused(Entry* entry) noexcept {
  if (!entry->retired || !entry->arena.unused()) return;
  for (const auto& [data, bytes] : entry->arena.segments()) free_in_order(data, bytes);
  arenas_.remove_if([&](const Entry& e) { return &e == entry; });
}

// Without what the pool keeps unused, that is.
int64_t PoolAllocator::available() const {
  size_t unused = 0, total = 0;
  BS_CUDA(cudaMemGetInfo(&unused, &total));
  return static_cast<int64_t>(unused);
}

MemoryUse PoolAllocator::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

void PoolAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  use_.peak = use_.live;
}

Staging::Staging(cudaStream_t compute) : compute_(compute) {
  BS_CUDA(cudaStreamCreateWithFlags(&uploads_, cudaStreamNonBlocking));
  BS_CUDA(cudaHostAlloc(reinterpret_cast<void**>(&pinned_), kRing, cudaHostAllocDefault));
  BS_CUDA(cudaMalloc(reinterpret_cast<void**>(&twin_), kRing));
}

cudaEvent_t Staging::event() {
  cudaEvent_t event = nullptr;
  if (events_.empty()) {
    BS_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  } else {
    event = events_.back();
    events_.pop_back();
  }
  return event;
}

// Where `bytes` bytes of the ring begin that nothing in flight needs: the host waits until they may be overwritten, the
// uploads until their twins may. Small pieces do not pile up until the ring is full of them.
int64_t Staging::claim(int64_t bytes) {
  const int64_t begin = head_ + bytes <= kRing ? head_ : 0, end = begin + bytes;
  const auto overwritten = [&](const Piece& piece) { return piece.begin < end && begin < piece.end; };
  while (pieces_.size() >= kMostPieces || std::any_of(pieces_.begin(), pieces_.end(), overwritten)) {
    const Piece oldest = pieces_.front();
    BS_CUDA(cudaEventSynchronize(oldest.arrived));
    BS_CUDA(cudaStreamWaitEvent(uploads_, oldest.taken));
    pieces_.pop_front();
    events_.insert(events_.end(), {oldest.arrived, oldest.taken});
  }
  head_ = begin + ceil_div(bytes, kAlignment) * kAlignment;
  return begin;
}

void Staging::upload(const void* host, void* device, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const int64_t part = std::min(bytes - done, kLargestPiece);
    const auto size = static_cast<size_t>(part);
    const int64_t begin = claim(part);
    const Piece piece{begin, begin + part, event(), event()};
    pieces_.push_back(piece);
    parallel_copy(pinned_ + begin, static_cast<const std::byte*>(host) + done, part);
    BS_CUDA(cudaMemcpyAsync(twin_ + begin, pinned_ + begin, size, cudaMemcpyHostToDevice, uploads_));
    BS_CUDA(cudaEventRecord(piece.arrived, uploads_));
    BS_CUDA(cudaStreamWaitEvent(compute_, piece.arrived));
    BS_CUDA(cudaMemcpyAsync(static_cast<std::byte*>(device) + done, twin_ + begin, size, cudaMemcpyDeviceToDevice,
                            compute_));
    BS_CUDA(cudaEventRecord(piece.taken, compute_));
    done += part;
  }
}

}  // namespace bareseg
