// Networks in evaluation, with batch norm folded into the convolutions, against the same networks unfolded.
#include "engine/state_dict.h"
#include "layers/fpn.h"
#include "layers/optim.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

class FoldedTest : public OpTest {
 protected:
  // Statistics that are none of a fresh network's.
  std::unique_ptr<ResNetFpn> network(int depth) {
    auto made = std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = depth, .out = 8}, ModuleOptions{device(), 3});
    const NoGrad no_grad;
    for (int i = 0; i < 2; ++i) made->forward(normal({2, 32, 32, 3}));
    made->set_training(false);
    return made;
  }
  // With gradients the norms stay by themselves.
  static Tensor unfolded(ResNetFpn& network, const Tensor& x) { return network.forward(x).detach(); }
  static Tensor folded(ResNetFpn& network, const Tensor& x) {
    const NoGrad no_grad;
    return network.forward(x);
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, FoldedTest, testing::ValuesIn(all_devices()), device_name);

TEST_P(FoldedTest, EqualsTheUnfoldedNetwork) {
  for (const int depth : {18, 50}) {
    const auto net = network(depth);
    const Tensor x = normal({2, 32, 32, 3}), expected = unfolded(*net, x), y = folded(*net, x);
    EXPECT_CLOSE(y, reference::from(expected), 1e-4) << depth;
    EXPECT_FALSE(y.to_vector<float>() == expected.to_vector<float>()) << "to the bit: nothing was folded";
    // Two roundings to bfloat16 for each of many layers.
    EXPECT_CLOSE(folded(*net, cast(x, kBFloat16)), reference::from(expected), 5e-2) << depth;
  }
}

TEST_P(FoldedTest, ImagesMayHaveAFourthChannel) {
  const auto net = network(18);
  const Tensor x = normal({2, 32, 32, 3}), padded = concat_channels({x, normal({2, 32, 32, 1})});
  EXPECT_CLOSE(unfolded(*net, padded), reference::from(unfolded(*net, x)), 1e-5);
  EXPECT_CLOSE(folded(*net, padded), reference::from(folded(*net, x)), 1e-5);
}

TEST_P(FoldedTest, FollowsTheWeights) {
  const auto net = network(18), other = network(18);
  const Tensor x = normal({2, 32, 32, 3});
  const auto expect_current = [&](const char* when) {
    EXPECT_CLOSE(folded(*net, x), reference::from(unfolded(*net, x)), 1e-4) << when;
  };
  expect_current("at first");
  Sgd sgd(net->parameters(), {.lr = 1e-2f});
  backward(mean(net->forward(x)));
  sgd.step();
  expect_current("after a step in evaluation");
  net->set_training(true);
  static_cast<void>(folded(*net, x));
  net->set_training(false);
  expect_current("after training that changed the statistics alone");
  for (const StateEntry& entry : other->state()) {
    Tensor tensor = entry.tensor;
    if (entry.name.ends_with("running_var")) backend(device()).fill(tensor, 2.0);
  }
  load_into(net->state(), to_disk(other->state()));
  expect_current("after loading");
}

}  // namespace
}  // namespace bareseg
