#include "tests/devices.h"

namespace bareseg {
namespace {

// A row longer than a block has threads; whole packs of 16 bytes, and not.
const Shape kShapes[] = {{5, 1}, {7, 33}, {9, 64}, {4, 2, 2053}, {3, 64, 80}};

TEST_P(OpTest, GatherRows) {
  for (const DType dtype : {kUInt8, kInt32}) {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const Tensor x = labels(shape, 200, dtype);
      const std::vector<int64_t> rows{2, 0, 2, shape.dim(0) - 1};
      Tensor y = Tensor::empty({4, shape.count() / shape.dim(0)}, dtype, device());
      backend(device()).gather_rows(x, rows, y);
      const reference::Array from = reference::from(x), to = reference::from(y);
      for (int64_t i = 0; i < y.count(); ++i) {
        const int64_t row = rows[static_cast<size_t>(i / y.dim(1))];
        ASSERT_EQ(to[i], from[row * y.dim(1) + i % y.dim(1)]) << i;
      }
    }
  }
}

TEST_P(OpTest, ScatterRows) {
  for (const DType dtype : {kUInt8, kInt32}) {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const int64_t columns = shape.count() / shape.dim(0);
      const std::vector<int64_t> rows{shape.dim(0) - 1, 0};
      const Tensor x = labels({2, columns}, 200, dtype);
      Tensor y = labels(shape, 200, dtype);
      reference::Array expected = reference::from(y);
      const reference::Array from = reference::from(x);
      for (int64_t i = 0; i < x.count(); ++i) {
        expected[rows[static_cast<size_t>(i / columns)] * columns + i % columns] = from[i];
      }
      backend(device()).scatter_rows(x, rows, y);
      EXPECT_EQ(reference::from(y).values, expected.values);
    }
  }
}

TEST_P(OpTest, NoRowsAreGatheredFromAnywhere) {
  const Tensor x = labels({3, 5}, 9, kUInt8);
  Tensor y = Tensor::empty({0, 5}, kUInt8, device()), unchanged = x.clone();
  backend(device()).gather_rows(x, {}, y);
  backend(device()).scatter_rows(y, {}, unchanged);
  EXPECT_EQ(unchanged.to_vector<uint8_t>(), x.to_vector<uint8_t>());
}

}  // namespace
}  // namespace bareseg
