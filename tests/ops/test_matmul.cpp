#include "tests/devices.h"

namespace bareseg {
namespace {

struct Sizes {
  int64_t m, k, n;
};
const Sizes kSizes[] = {{1, 1, 1}, {7, 33, 5}, {33, 7, 1}, {1, 2053, 27}, {65, 128, 27}, {130, 64, 67}};

TEST_P(OpTest, Matmul) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const auto& [m, k, n] : kSizes) {
      SCOPED_TRACE(testing::Message() << m << "x" << k << "x" << n << " " << dtype);
      const Tensor a = normal({m, k}, dtype), b = normal({k, n}, dtype);
      const reference::Array a0 = reference::from(a), b0 = reference::from(b);
      EXPECT_CLOSE(matmul(a, b), reference::matmul(a0, b0), tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return matmul(t, b); },
                      [&](const reference::Array& t) { return reference::matmul(t, b0); }, a, tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return matmul(a, t); },
                      [&](const reference::Array& t) { return reference::matmul(a0, t); }, b, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, MatmulNt) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const auto& [m, k, n] : kSizes) {
      SCOPED_TRACE(testing::Message() << m << "x" << k << "x" << n << " " << dtype);
      const Tensor a = normal({m, k}, dtype), b = normal({n, k}, dtype);
      const reference::Array a0 = reference::from(a), b0 = reference::from(b);
      EXPECT_CLOSE(matmul_nt(a, b), reference::matmul_nt(a0, b0), tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return matmul_nt(t, b); },
                      [&](const reference::Array& t) { return reference::matmul_nt(t, b0); }, a, tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return matmul_nt(a, t); },
                      [&](const reference::Array& t) { return reference::matmul_nt(a0, t); }, b, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, MatmulErrors) {
  const Tensor a = normal({2, 3});
  EXPECT_ERROR(matmul(normal({2, 3, 4}), a), "matmul: a must be float [M, K], got float32 [2, 3, 4]");
  EXPECT_ERROR(matmul(labels({2, 3}, 3), a), "matmul: a must be float [M, K], got int32 [2, 3]");
  EXPECT_ERROR(matmul(a, normal({2, 3})), "matmul: b must be float32 [3, N], got float32 [2, 3]");
  EXPECT_ERROR(matmul(a, normal({3})), "got float32 [3]");
  EXPECT_ERROR(matmul(a, normal({3, 2}, kBFloat16)), "got bfloat16 [3, 2]");
  EXPECT_ERROR(matmul_nt(a, normal({3, 2})), "matmul_nt: b must be float32 [N, 3], got float32 [3, 2]");
}

}  // namespace
}  // namespace bareseg
