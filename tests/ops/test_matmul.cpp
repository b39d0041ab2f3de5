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

TEST_P(OpTest, Linear) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const auto& [m, k, n] : kSizes) {
      for (const bool with_bias : {false, true}) {
        SCOPED_TRACE(testing::Message() << m << "x" << k << "x" << n << " " << dtype << (with_bias ? " bias" : ""));
        const Tensor x = normal({m, k}, dtype), w = normal({n, k}, dtype), b = with_bias ? normal({n}) : Tensor();
        const reference::Array x0 = reference::from(x), w0 = reference::from(w);
        const reference::Array b0 = with_bias ? reference::from(b) : reference::zeros({n});
        EXPECT_CLOSE(linear(x, w, b), reference::linear(x0, w0, b0), tolerance(dtype));
        EXPECT_GRADIENT([&](const Tensor& t) { return linear(t, w, b); },
                        [&](const reference::Array& t) { return reference::linear(t, w0, b0); }, x, tolerance(dtype));
        EXPECT_GRADIENT([&](const Tensor& t) { return linear(x, t, b); },
                        [&](const reference::Array& t) { return reference::linear(x0, t, b0); }, w, tolerance(dtype));
        if (!with_bias) continue;
        EXPECT_GRADIENT([&](const Tensor& t) { return linear(x, w, t); },
                        [&](const reference::Array& t) { return reference::linear(x0, w0, t); }, b, tolerance(dtype));
      }
    }
  }
  const Tensor map = normal({2, 3, 5, 7}), w = normal({4, 7}), bias = normal({4});
  const Tensor y = linear(map, w, bias);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 5, 4}));
  EXPECT_EQ(y.to_vector<float>(), linear(map.view({30, 7}), w, bias).to_vector<float>());
}

TEST_P(OpTest, MatmulErrors) {
  const Tensor a = normal({2, 3});
  EXPECT_ERROR(matmul(normal({2, 3, 4}), a), "matmul: a must be float [M, K], got float32 [2, 3, 4]");
  EXPECT_ERROR(matmul(labels({2, 3}, 3), a), "matmul: a must be float [M, K], got int32 [2, 3]");
  EXPECT_ERROR(matmul(a, normal({2, 3})), "matmul: b must be float32 [3, N], got float32 [2, 3]");
  EXPECT_ERROR(matmul(a, normal({3})), "got float32 [3]");
  EXPECT_ERROR(matmul(a, normal({3, 2}, kBFloat16)), "got bfloat16 [3, 2]");
  EXPECT_ERROR(linear(a, normal({3, 2})), "linear: w must be float32 [N, 3], got float32 [3, 2]");
  EXPECT_ERROR(linear(a, normal({2, 3}, kBFloat16)), "linear: w must be float32 [N, 3], got bfloat16 [2, 3]");
  EXPECT_ERROR(linear(a, normal({2, 3}), normal({3})), "linear: bias must be float32 [2], got float32 [3]");
  EXPECT_ERROR(linear(normal({2, 0}), normal({2, 0})), "linear: x must be float [..., K], K > 0");
  EXPECT_ERROR(linear(labels({2, 3}, 3), a), "linear: x must be float [..., K], K > 0, got int32 [2, 3]");
}

}  // namespace
}  // namespace bareseg
