// The sizes of a tensor, outermost dimension first.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>

namespace bareseg {

/// Up to 6 dimensions, each >= 0. Constructors throw Error on more dimensions, negative sizes, or a count past int64.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(dims.begin(), static_cast<int>(dims.size())) {}
  Shape(const int64_t* dims, int rank);

  int rank() const { return rank_; }
  /// Size of dimension i; negative i counts from the end. Throws Error when out of range.
  int64_t dim(int i) const;
  /// Number of elements; 1 for rank 0.
  int64_t count() const;

  Shape drop_last() const;
  /// This shape with one more dimension at the end.
  Shape append(int64_t dim) const;

  bool operator==(const Shape& other) const = default;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/// "[2, 3, 4]".
std::ostream& operator<<(std::ostream& out, const Shape& shape);

}  // namespace bareseg
