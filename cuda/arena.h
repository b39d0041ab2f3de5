// Memory whose addresses stay: what the tensors of a recorded step take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace bareseg {

/// Pieces of the segments that it is given. What comes back serves later requests, the narrowest gap first, so a step
/// that is played again in the order of the calls finds its memory as it was.
class Arena {
 public:
  /// Null where no gap is wide enough.
  void* take(int64_t bytes);
  void give_back(void* data);
  void add_segment(void* data, int64_t bytes);

  /// Whether `data` was taken and not given back.
  bool holds(const void* data) const;
  /// Nothing is taken.
  bool unused() const { return taken_.empty(); }
  /// Address and bytes.
  const std::map<std::byte*, int64_t>& segments() const { return segments_; }
  int64_t bytes() const;

 private:
  std::map<std::byte*, int64_t> segments_, gaps_, taken_;
};

}  // namespace bareseg
