#include "tests/devices.h"

namespace bareseg {
namespace {

struct ResizeCase {
  Shape x;
  int64_t height, width;
};
// Both ways, by whole and odd factors, to and from one pixel, unchanged.
const ResizeCase kResizes[] = {
    {{1, 1, 1, 1}, 7, 5},  {{2, 5, 7, 3}, 1, 1},  {{1, 5, 7, 33}, 10, 14}, {{2, 10, 14, 16}, 5, 7},
    {{1, 7, 9, 5}, 33, 2}, {{1, 33, 8, 1}, 7, 9}, {{1, 6, 4, 2}, 6, 4},    {{1, 2, 3, 2053}, 3, 4},
};

TEST_P(OpTest, ResizeBilinear) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const ResizeCase& c : kResizes) {
      SCOPED_TRACE(testing::Message() << c.x << " to " << c.height << "x" << c.width << " " << dtype);
      const Tensor x = normal(c.x, dtype), addend = normal({c.x.dim(0), c.height, c.width, c.x.dim(3)}, dtype);
      const reference::Array x0 = reference::from(x), addend0 = reference::from(addend);
      const auto plain = [&](const reference::Array& t) { return reference::resize_bilinear(t, c.height, c.width); };
      EXPECT_CLOSE(resize_bilinear(x, c.height, c.width), plain(x0), tolerance(dtype));
      EXPECT_CLOSE(resize_bilinear(x, c.height, c.width, addend),
                   reference::resize_bilinear(x0, c.height, c.width, addend0), tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return resize_bilinear(t, c.height, c.width, addend); }, plain, x,
                      tolerance(dtype));
      EXPECT_GRADIENT([&](const Tensor& t) { return resize_bilinear(x, c.height, c.width, t); },
                      [](const reference::Array& t) { return t; }, addend, tolerance(dtype));
    }
  }
}

TEST_P(OpTest, ResizeBilinearToItsOwnSizeChangesNothing) {
  const Tensor x = normal({2, 7, 5, 3});
  EXPECT_EQ(resize_bilinear(x, 7, 5).to_vector<float>(), x.to_vector<float>());
}

TEST_P(OpTest, ResizeBilinearOfMisalignedTensors) {
  const auto op = [](const Tensor& t) { return resize_bilinear(t, 7, 6); };
  for (const DType dtype : {kFloat32, kBFloat16}) {
    SCOPED_TRACE(dtype);
    const Tensor x = normal({1, 4, 3, 8}, dtype), g = normal({1, 7, 6, 8}, dtype);
    EXPECT_CLOSE(op(misaligned(x)), reference::from(op(x)), tolerance(dtype));
    EXPECT_CLOSE(gradient_of(op, x, misaligned(g)), reference::from(gradient_of(op, x, g)), tolerance(dtype));
  }
}

TEST_P(OpTest, ResizeBilinearErrors) {
  const Tensor x = normal({1, 4, 4, 2});
  EXPECT_ERROR(resize_bilinear(normal({4, 4, 2}), 2, 2), "resize_bilinear: x must be float [N, H, W, C]");
  EXPECT_ERROR(resize_bilinear(labels({1, 4, 4, 2}, 3), 2, 2), "got int32");
  EXPECT_ERROR(resize_bilinear(Tensor::empty({1, 0, 4, 2}, kFloat32, device()), 2, 2), "H, W > 0");
  EXPECT_ERROR(resize_bilinear(x, 0, 2), "height and width must be positive, got 0, 2");
  EXPECT_ERROR(resize_bilinear(x, 2, -1), "got 2, -1");
  EXPECT_ERROR(resize_bilinear(x, 2, 2, normal({1, 2, 3, 2})), "addend must be float32 [1, 2, 2, 2]");
  EXPECT_ERROR(resize_bilinear(x, 2, 2, normal({1, 2, 2, 2}, kBFloat16)), "got bfloat16 [1, 2, 2, 2]");
}

struct CropCase {
  Shape x;
  std::vector<CropWindow> windows;
  int64_t side;
};
CropWindow window(int32_t row, int32_t col, int32_t height, int32_t width, bool horizontal, bool vertical) {
  return {row, col, height, width, horizontal, vertical};
}
// Every flip, whole maps and single pixels, enlarging and shrinking, windows at the far edges.
const CropCase kCrops[] = {
    {{1, 1, 1, 1}, {window(0, 0, 1, 1, true, true)}, 3},
    {{4, 9, 9, 3},
     {window(0, 0, 9, 9, false, false), window(2, 1, 5, 5, true, false), window(4, 4, 5, 5, false, true),
      window(3, 0, 6, 6, true, true)},
     9},
    {{2, 16, 16, 33}, {window(0, 7, 9, 9, true, false), window(7, 0, 9, 9, false, false)}, 7},
    {{2, 7, 11, 5}, {window(6, 10, 1, 1, false, false), window(1, 3, 4, 8, true, true)}, 5},
    {{1, 5, 5, 2053}, {window(1, 1, 3, 3, true, false)}, 4},
    {{2, 9, 7, 16}, {window(2, 0, 6, 6, true, false), window(0, 0, 9, 7, false, true)}, 8},
};

TEST_P(OpTest, CropResizeFlip) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const CropCase& c : kCrops) {
      SCOPED_TRACE(testing::Message() << c.x << " to " << c.side << " " << dtype);
      const Tensor x = normal(c.x, dtype);
      const auto op = [&](const Tensor& t) { return crop_resize_flip(t, c.windows, c.side); };
      const auto expected = [&](const reference::Array& t) {
        return reference::crop_resize_flip(t, c.windows, c.side);
      };
      EXPECT_CLOSE(op(x), expected(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT(op, expected, x, tolerance(dtype));
    }
  }
}

// Pixels outside the window take no part: their gradient is zero, also in memory that was used before.
TEST_P(OpTest, CropResizeFlipLeavesTheRestWithoutGradient) {
  const Tensor x = normal({1, 8, 8, 3});
  const auto op = [](const Tensor& t) { return crop_resize_flip(t, {window(2, 3, 4, 4, true, false)}, 8); };
  const std::vector<float> dx = gradient_of(op, x, normal({1, 8, 8, 3})).to_vector<float>();
  for (int row = 0; row < 8; ++row) {
    for (int col = 0; col < 8; ++col) {
      const bool inside = row >= 2 && row < 6 && col >= 3 && col < 7;
      EXPECT_EQ(dx[static_cast<size_t>((row * 8 + col) * 3)] != 0.0f, inside) << row << ", " << col;
    }
  }
}

TEST_P(OpTest, CropResizeFlipErrors) {
  const Tensor x = normal({1, 4, 4, 2});
  const CropWindow whole = window(0, 0, 4, 4, false, false);
  EXPECT_ERROR(crop_resize_flip(normal({4, 4, 2}), {whole}, 2), "crop_resize_flip: x must be float [N, H, W, C]");
  EXPECT_ERROR(crop_resize_flip(x, std::vector<CropWindow>(), 2), "crop_resize_flip: expected 1 windows, got 0");
  EXPECT_ERROR(crop_resize_flip(x, {whole, whole}, 2), "expected 1 windows, got 2");
  EXPECT_ERROR(crop_resize_flip(x, {whole}, 0), "side must be positive, got 0");
  EXPECT_ERROR(crop_resize_flip(x, normal({1, 6}), 2), "windows must be int32 [N, 6], got float32 [1, 6]");
  EXPECT_ERROR(crop_resize_flip(x, labels({6}, 2), 2), "windows must be int32 [N, 6], got int32 [6]");
  for (const CropWindow& outside :
       {window(1, 0, 4, 4, false, false), window(0, 1, 4, 4, false, false), window(-1, 0, 2, 2, false, false),
        window(0, -1, 2, 2, false, false), window(0, 0, 0, 2, false, false), window(0, 0, 2, 0, false, false)}) {
    EXPECT_ERROR(crop_resize_flip(x, {outside}, 2), "does not lie inside maps of 4x4");
  }
}

}  // namespace
}  // namespace bareseg
