// The comparisons that every op test rests on must be able to fail.
#include <limits>

#include "tests/devices.h"

namespace bareseg {
namespace {

using reference::Array;

TEST(Close, SeesWhatIsWrong) {
  const Array expected{{4}, {1.0, -2.0, 3.0, 0.0}};
  EXPECT_TRUE(close(expected, expected, 0.0));
  EXPECT_FALSE(close(Array{{2, 2}, expected.values}, expected, 1.0));
  EXPECT_TRUE(close(Array{{4}, {1.0, -2.0, 3.00001, 0.0}}, expected, 1e-5));
  EXPECT_FALSE(close(Array{{4}, {1.0, -2.0, 3.0001, 0.0}}, expected, 1e-5));
  EXPECT_FALSE(close(Array{{4}, {1.0, -2.0, 3.0, std::numeric_limits<double>::quiet_NaN()}}, expected, 1.0));
  EXPECT_FALSE(close(Array{{4}, {1.0, -2.0, 3.0, std::numeric_limits<double>::infinity()}}, expected, 1.0));
}

TEST(Close, SeesOneBadElementAmongMany) {
  const Array expected{{100000}, std::vector<double>(100000, 1.0)};
  Array one_off = expected;
  one_off[77] = 1.5;
  EXPECT_FALSE(close(one_off, expected, 1e-2));  // its share of the norm is 0.0016
}

TEST(Close, NaNEqualsNaNAlone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(close(Array{{2}, {nan, 1.0}}, Array{{2}, {nan, 1.0}}, 1e-5));
  EXPECT_FALSE(close(Array{{2}, {0.0, 1.0}}, Array{{2}, {nan, 1.0}}, 1e-5));
}

TEST_P(OpTest, GradientCheckSeesAWrongGradient) {
  const Tensor x = normal({3, 7});
  const auto off_by = [](float factor) {
    return [factor](const Tensor& t) {
      return record("off", {t}, scale(t.detach(), 2.0f),
                    [factor](const Tensor& dy) -> Grads { return {scale(dy, 2.0f * factor)}; });
    };
  };
  const auto expected = [](const Array& t) { return reference::scale(t, 2.0); };
  EXPECT_TRUE(gradient_matches(off_by(1.0f), expected, x, 1e-5));
  EXPECT_FALSE(gradient_matches(off_by(1.0001f), expected, x, 1e-5));
}

TEST(ThrowsError, WantsTheErrorAndItsText) {
  EXPECT_TRUE(throws_error([] { fail_at("f.cpp", 1, "expected 3, got 4"); }, "got 4"));
  EXPECT_FALSE(throws_error([] { fail_at("f.cpp", 1, "expected 3, got 4"); }, "got 5"));
  EXPECT_FALSE(throws_error([] {}, ""));
}

}  // namespace
}  // namespace bareseg
