// Plans of a library's work, kept by what they are for.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "engine/error.h"

namespace bareseg {

/// At most `capacity` plans; the one that was used longest ago makes room for the next.
template <typename Key, typename Plan>
class PlanCache {
 public:
  explicit PlanCache(size_t capacity) : capacity_(capacity) {}

  /// The plan of `key`, or null.
  Plan* find(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    found->second.used = ++clock_;
    return &found->second.plan;
  }

  /// Keeps a plan that find() did not have.
  /// @throws Error when more plans had to be made again, after they had made room, than the cache holds: it thrashes,
  ///         and making plans takes longer than the work.
  Plan& put(const Key& key, Plan plan) {
    made_again_ += dropped_.erase(key);
    BS_CHECK(made_again_ <= capacity_, "more than ", capacity_,
             " shapes are in use by turns, and their plans are made again and again; use fewer image sizes");
    if (entries_.size() >= capacity_) drop_oldest();
    return entries_.emplace(key, Entry{std::move(plan), ++clock_}).first->second.plan;
  }

 private:
  struct Entry {
    Plan plan;
    uint64_t used;
  };

  void drop_oldest() {
    auto oldest = entries_.begin();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->second.used < oldest->second.used) oldest = entry;
    }
    dropped_.insert(oldest->first);
    entries_.erase(oldest);
  }

  size_t capacity_, made_again_ = 0;
  uint64_t clock_ = 0;
  std::map<Key, Entry> entries_;
  std::set<Key> dropped_;
};

}  // namespace bareseg
