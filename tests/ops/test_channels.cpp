#include "tests/devices.h"

namespace bareseg {
namespace {

const DType kFloats[] = {kFloat32, kBFloat16};

// Channels of the maps: one, whole packs and not, more than a block's threads move.
const std::vector<int64_t> kWidths[] = {{1}, {3, 1}, {8, 16}, {7, 33, 5}, {16, 3, 8}, {64, 2053}};

TEST_P(OpTest, ConcatChannels) {
  for (const DType dtype : kFloats) {
    for (const std::vector<int64_t>& widths : kWidths) {
      SCOPED_TRACE(testing::Message() << widths.size() << " maps, the first of " << widths[0] << " channels, "
                                      << dtype);
      std::vector<Tensor> maps;
      std::vector<reference::Array> arrays;
      for (const int64_t width : widths) {
        maps.push_back(normal({2, 3, 7, width}, dtype));
        arrays.push_back(reference::from(maps.back()));
      }
      EXPECT_EQ(reference::from(concat_channels(maps)).values, reference::concat_channels(arrays).values);
      for (size_t i = 0; i < maps.size(); ++i) {
        const auto op = [&, i](const Tensor& x) {
          std::vector<Tensor> with = maps;
          with[i] = x;
          return concat_channels(with);
        };
        const auto expected = [&, i](const reference::Array& x) {
          std::vector<reference::Array> with = arrays;
          with[i] = x;
          return reference::concat_channels(with);
        };
        EXPECT_GRADIENT(op, expected, maps[i], tolerance(dtype));
      }
    }
  }
}

TEST_P(OpTest, ConcatChannelsOfAMapWithItself) {
  const Tensor x = normal({1, 2, 3, 4});
  const auto op = [](const Tensor& t) { return concat_channels({t, t}); };
  const auto expected = [](const reference::Array& t) { return reference::concat_channels({t, t}); };
  EXPECT_GRADIENT(op, expected, x, tolerance(kFloat32));
}

TEST_P(OpTest, ConcatChannelsOfMisalignedMaps) {
  for (const DType dtype : kFloats) {
    const Tensor a = normal({1, 3, 5, 8}, dtype), b = normal({1, 3, 5, 16}, dtype);
    EXPECT_EQ(reference::from(concat_channels({misaligned(a), b})).values,
              reference::from(concat_channels({a, b})).values);
  }
}

TEST_P(OpTest, ConcatChannelsErrors) {
  const Tensor x = normal({1, 2, 3, 4});
  EXPECT_ERROR(concat_channels({}), "concat_channels: expected at least one map");
  EXPECT_ERROR(concat_channels({x, normal({1, 2, 4, 4})}), "must all be float32 [1, 2, 3]");
  EXPECT_ERROR(concat_channels({x, normal({1, 2, 3, 4}, kBFloat16)}), "got bfloat16 [1, 2, 3, 4]");
  EXPECT_ERROR(concat_channels({normal({2, 3, 4})}), "must be float [N, H, W, C]");
  EXPECT_ERROR(concat_channels({x, labels({1, 2, 3, 4}, 3)}), "got int32");
  EXPECT_ERROR(concat_channels({x, Tensor()}), "an undefined tensor");
  EXPECT_ERROR(concat_channels({Tensor::empty({1, 2, 3, 0}, kFloat32, device())}), "C > 0");
}

TEST_P(OpTest, GlobalAvgPool) {
  for (const DType dtype : kFloats) {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{3, 7, 5, 33}, Shape{2, 33, 2, 16}, Shape{2, 2, 3, 2053}}) {
      SCOPED_TRACE(testing::Message() << shape << " " << dtype);
      const Tensor x = uniform(shape, 0.5f, 1.5f, dtype);
      EXPECT_CLOSE(global_avg_pool(x), reference::global_avg_pool(reference::from(x)), tolerance(dtype));
      EXPECT_GRADIENT(global_avg_pool, reference::global_avg_pool, x, tolerance(dtype));
    }
  }
  EXPECT_ERROR(global_avg_pool(normal({2, 3, 4})), "global_avg_pool: maps must be float [N, H, W, C]");
  EXPECT_ERROR(global_avg_pool(labels({1, 2, 3, 4}, 3)), "got int32");
  EXPECT_ERROR(global_avg_pool(Tensor::empty({1, 0, 3, 4}, kFloat32, device())), "must have pixels, got [1, 0, 3, 4]");
}

}  // namespace
}  // namespace bareseg
