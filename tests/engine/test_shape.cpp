#include <gtest/gtest.h>

#include <sstream>

#include "engine/error.h"
#include "engine/shape.h"

namespace bareseg {
namespace {

template <typename F>
std::string shape_error(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message();
  }
  return "nothing was thrown";
}

TEST(Shape, DimensionsFromBothEnds) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.count(), 30);
  EXPECT_EQ(shape.dim(0), 2);
  EXPECT_EQ(shape.dim(-1), 5);
  EXPECT_EQ(shape.dim(-3), 2);
}

TEST(Shape, ScalarAndEmpty) {
  EXPECT_EQ(Shape{}.count(), 1);
  EXPECT_EQ(Shape{}.rank(), 0);
  EXPECT_EQ((Shape{4, 0, 7}).count(), 0);
}

TEST(Shape, EqualityLooksAtRankAndSizes) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 1}));
  EXPECT_NE((Shape{}), (Shape{0}));
  EXPECT_EQ((Shape{2, 3}.drop_last()), (Shape{2}));  // what was dropped leaves no trace
}

TEST(Shape, DropLastAndAppend) {
  EXPECT_EQ((Shape{2, 3, 5}).drop_last(), (Shape{2, 3}));
  EXPECT_EQ((Shape{7}).drop_last(), Shape{});
  EXPECT_EQ(Shape{}.append(7), (Shape{7}));
  EXPECT_EQ((Shape{2}).append(0), (Shape{2, 0}));
}

TEST(Shape, Printed) {
  std::ostringstream out;
  out << Shape{2, 3} << Shape{} << Shape{1};
  EXPECT_EQ(out.str(), "[2, 3][][1]");
}

TEST(Shape, Errors) {
  EXPECT_EQ(shape_error([] { Shape{1, 2, 3, 4, 5, 6, 7}; }), "Shape: expected at most 6 dimensions, got 7");
  EXPECT_EQ(shape_error([] { Shape{2, -1}; }), "Shape: dimension 1 must not be negative, got -1");
  EXPECT_EQ(shape_error([] { Shape{int64_t{1} << 32, int64_t{1} << 31}; }), "Shape: more elements than int64 counts");
  // Also where a zero would hide it from count().
  EXPECT_EQ(shape_error([] { Shape{int64_t{1} << 62, 0, 2}; }), "Shape: more elements than int64 counts");
  EXPECT_EQ(shape_error([] { Shape{2, 3}.dim(2); }), "Shape: no dimension 2 in [2, 3]");
  EXPECT_EQ(shape_error([] { Shape{2, 3}.dim(-3); }), "Shape: no dimension -3 in [2, 3]");
  EXPECT_EQ(shape_error([] { Shape{}.drop_last(); }), "Shape: drop_last of a scalar");
  EXPECT_EQ(shape_error([] { Shape{1, 1, 1, 1, 1, 1}.append(2); }),
            "Shape: append to [1, 1, 1, 1, 1, 1], which has 6 dimensions already");
}

TEST(Error, NamesThePlaceInTheTree) {
  try {
    Shape{-1};
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("engine/shape.cpp:"), 0u) << error.what();
    EXPECT_EQ(error.message(), "Shape: dimension 0 must not be negative, got -1");
  }
}

}  // namespace
}  // namespace bareseg
