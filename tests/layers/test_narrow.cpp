// The bfloat16 copies of weights: made once, and never older than the weights.
#include "engine/state_dict.h"
#include "layers/conv.h"
#include "layers/optim.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

class NarrowTest : public OpTest {
 protected:
  std::unique_ptr<Conv2d> conv_;
  Tensor weight_, x_;

  void SetUp() override {
    OpTest::SetUp();
    if (IsSkipped()) return;
    conv_ = std::make_unique<Conv2d>(Conv2d::Options{.in = 3, .out = 5, .kernel = 3}, Random(2, Draws::test), device());
    weight_ = conv_->parameters().front();
    x_ = normal({2, 6, 6, 3}, kBFloat16);
  }
  void step(Optimizer& optimizer) {
    backward(mean(cast(conv_->forward(x_), kFloat32)));
    optimizer.step();
  }
  void expect_fresh() { EXPECT_CLOSE(weight_.narrow(), reference::from(cast(weight_.detach(), kBFloat16)), 0.0); }
};
INSTANTIATE_TEST_SUITE_P(Devices, NarrowTest, testing::ValuesIn(all_devices()), device_name);

TEST_P(NarrowTest, OptimizersWriteBoth) {
  Adam adam({weight_}, {.lr = 0.1f});
  Sgd sgd({weight_}, {.lr = 0.1f});
  const void* kept = weight_.narrow().raw();
  for (Optimizer* optimizer : {static_cast<Optimizer*>(&adam), static_cast<Optimizer*>(&sgd)}) {
    const std::vector<float> before = weight_.to_vector<float>();
    step(*optimizer);
    EXPECT_NE(weight_.to_vector<float>(), before);
    EXPECT_EQ(weight_.narrow().raw(), kept) << "it was made again";
    expect_fresh();
  }
}

TEST_P(NarrowTest, LoadedWeightsReachIt) {
  static_cast<void>(weight_.narrow());
  load_into(conv_->state(), {{"weight", random_normal({5, 3, 3, 3}, Random(9, Draws::test))}});
  expect_fresh();
}

TEST_P(NarrowTest, OnlyLeavesKeepIt) {
  EXPECT_EQ(weight_.narrow().raw(), weight_.narrow().raw());
  const Tensor plain = weight_.detach(), first = plain.narrow();
  EXPECT_NE(plain.narrow().raw(), first.raw());
}

}  // namespace
}  // namespace bareseg
