#include "engine/shape.h"

#include "engine/error.h"

namespace bareseg {

Shape::Shape(const int64_t* dims, int rank) : rank_(rank) {
  BS_CHECK(rank >= 0 && rank <= kMaxRank, "Shape: expected at most ", kMaxRank, " dimensions, got ", rank);
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) {
    BS_CHECK(dims[i] >= 0, "Shape: dimension ", i, " must not be negative, got ", dims[i]);
    BS_CHECK(!__builtin_mul_overflow(product, dims[i] > 0 ? dims[i] : 1, &product),
             "Shape: more elements than int64 counts");
    dims_[static_cast<size_t>(i)] = dims[i];
  }
}

int64_t Shape::dim(int i) const {
  BS_CHECK(i >= -rank_ && i < rank_, "Shape: no dimension ", i, " in ", *this);
  return dims_[static_cast<size_t>(i < 0 ? i + rank_ : i)];
}

int64_t Shape::count() const {
  int64_t product = 1;
  for (int i = 0; i < rank_; ++i) product *= dims_[static_cast<size_t>(i)];
  return product;
}

Shape Shape::drop_last() const {
  BS_CHECK(rank_ > 0, "Shape: drop_last of a scalar");
  return {dims_.data(), rank_ - 1};
}

Shape Shape::append(int64_t dim) const {
  BS_CHECK(rank_ < kMaxRank, "Shape: append to ", *this, ", which has ", kMaxRank, " dimensions already");
  Shape longer = *this;
  longer.dims_[static_cast<size_t>(rank_)] = dim;
  return {longer.dims_.data(), rank_ + 1};
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int i = 0; i < shape.rank(); ++i) out << (i > 0 ? ", " : "") << shape.dim(i);
  return out << ']';
}

}  // namespace bareseg
