#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/dtype.h"

namespace bareseg {
namespace {

uint16_t rounded(uint32_t float_bits) { return bfloat16(std::bit_cast<float>(float_bits)).bits; }

TEST(BFloat16, RoundsToNearestTiesToEven) {
  EXPECT_EQ(rounded(0x3f800000u), 0x3f80);  // 1
  EXPECT_EQ(rounded(0x3f807fffu), 0x3f80);  // just below half: down
  EXPECT_EQ(rounded(0x3f808000u), 0x3f80);  // half, even below: down
  EXPECT_EQ(rounded(0x3f808001u), 0x3f81);  // just above half: up
  EXPECT_EQ(rounded(0x3f818000u), 0x3f82);  // half, odd below: up
  EXPECT_EQ(rounded(0xbf818000u), 0xbf82);  // the same for negative numbers
  EXPECT_EQ(rounded(0x3fffffffu), 0x4000);  // carries into the exponent
}

TEST(BFloat16, EveryValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    bfloat16 value;
    value.bits = static_cast<uint16_t>(bits);
    const float wide = static_cast<float>(value);
    if (std::isnan(wide))
      EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(wide))));
    else
      EXPECT_EQ(bfloat16(wide).bits, bits);
  }
}

TEST(BFloat16, ExtremeNumbers) {
  EXPECT_EQ(rounded(0x00000000u), 0x0000);
  EXPECT_EQ(rounded(0x80000000u), 0x8000);
  EXPECT_EQ(rounded(0x7f800000u), 0x7f80);  // infinities stay
  EXPECT_EQ(rounded(0xff800000u), 0xff80);
  EXPECT_EQ(rounded(0x7f7fffffu), 0x7f80);  // the largest float rounds to infinity
  EXPECT_EQ(rounded(0x7f7f7fffu), 0x7f7f);
  EXPECT_EQ(rounded(0x00000001u), 0x0000);  // subnormals round like others
  EXPECT_EQ(rounded(0x00018001u), 0x0002);
}

TEST(BFloat16, NaNStaysNaN) {
  // With payload bits in the lower half alone, cutting would give infinity and rounding could wrap to zero.
  for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu, 0x7f80ffffu}) {
    EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::bit_cast<float>(bits))))) << std::hex << bits;
  }
}

TEST(DType, SizesNamesAndKinds) {
  EXPECT_EQ(size_of(kFloat32), 4);
  EXPECT_EQ(size_of(kBFloat16), 2);
  EXPECT_EQ(size_of(kInt32), 4);
  EXPECT_EQ(size_of(kInt64), 8);
  EXPECT_EQ(size_of(kUInt8), 1);
  EXPECT_STREQ(name_of(kBFloat16), "bfloat16");
  EXPECT_TRUE(is_float(kFloat32) && is_float(kBFloat16));
  EXPECT_FALSE(is_float(kInt32) || is_float(kInt64) || is_float(kUInt8));
}

TEST(DType, DispatchPicksTheType) {
  for (const DType dtype : {kFloat32, kBFloat16, kInt32, kInt64, kUInt8}) {
    EXPECT_EQ(dispatch(dtype, [](auto type) { return dtype_of<decltype(type)>(); }), dtype);
  }
  const auto name = [](auto type) { return dtype_of<decltype(type)>(); };
  EXPECT_EQ(dispatch_float(kBFloat16, name), kBFloat16);
  EXPECT_THROW(dispatch_float(kInt64, name), Error);
}

}  // namespace
}  // namespace bareseg
