#include "cuda/arena.h"

#include <algorithm>
#include <iterator>

#include "engine/host_device.h"

namespace bareseg {
namespace {

constexpr int64_t kAlignment = 256;

int64_t rounded(int64_t bytes) { return std::max<int64_t>(ceil_div(bytes, kAlignment), 1) * kAlignment; }

}  // namespace

void* Arena::take(int64_t bytes) {
  const int64_t size = rounded(bytes);
  auto best = gaps_.end();
  for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
    if (gap->second >= size && (best == gaps_.end() || gap->second < best->second)) best = gap;
  }
  if (best == gaps_.end()) return nullptr;
  const auto [data, width] = *best;
  gaps_.erase(best);
  if (width > size) gaps_[data + size] = width - size;
  taken_[data] = size;
  return data;
}

void Arena::give_back(void* data) {
  const auto found = taken_.find(static_cast<std::byte*>(data));
  auto [begin, size] = *found;
  taken_.erase(found);
  // Neighbouring gaps become one, but not across the border of two segments.
  const auto after = gaps_.find(begin + size);
  if (after != gaps_.end() && !segments_.contains(after->first)) {
    size += after->second;
    gaps_.erase(after);
  }
  const auto next = gaps_.lower_bound(begin);
  if (next != gaps_.begin() && !segments_.contains(begin)) {
    const auto before = std::prev(next);
    if (before->first + before->second == begin) {
      before->second += size;
      return;
    }
  }
  gaps_[begin] = size;
}

void Arena::add_segment(void* data, int64_t bytes) {
  segments_[static_cast<std::byte*>(data)] = bytes;
  gaps_[static_cast<std::byte*>(data)] = bytes;
}

bool Arena::holds(const void* data) const {
  // The map's key is no const pointer.
  return taken_.contains(static_cast<std::byte*>(const_cast<void*>(data)));
}

int64_t Arena::bytes() const {
  int64_t sum = 0;
  for (const auto& [data, bytes] : segments_) sum += bytes;
  return sum;
}

}  // namespace bareseg
