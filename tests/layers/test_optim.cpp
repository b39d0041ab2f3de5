// What optimizers refuse. Their arithmetic is tested in tests/ops/test_optim.cpp, against torch.
#include "layers/optim.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

class OptimizerTest : public OpTest {
 protected:
  Tensor leaf(Device on, DType dtype = kFloat32) const {
    Tensor t = Tensor::zeros({3}, dtype, on);
    t.set_requires_grad();
    return t;
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, OptimizerTest, testing::ValuesIn(all_devices()), device_name);

TEST_P(OptimizerTest, WantsFloat32LeavesOfOneDevice) {
  const char* const kLeaves = "Optimizer: parameters must be float32 and require gradients";
  EXPECT_ERROR(Sgd({Tensor()}, {}), kLeaves);
  EXPECT_ERROR(Sgd({Tensor::zeros({3}, kFloat32, device())}, {}), kLeaves);
  EXPECT_ERROR(Adam({leaf(device(), kBFloat16)}, {}), kLeaves);
  const std::optional<Device> other = another_device();
  if (!other) GTEST_SKIP() << "there is one device";
  EXPECT_ERROR(Adam({leaf(device()), leaf(*other)}, {}),
               concat("Optimizer: all tensors must be on one device, got ", device(), " and ", *other));
}

TEST_P(OptimizerTest, OptionsHaveTheirRanges) {
  const std::vector<Tensor> one{leaf(device())};
  EXPECT_ERROR(Sgd(one, {.lr = -1.0f}), "Sgd: lr, momentum and weight_decay must not be negative, got -1, 0, 0");
  EXPECT_ERROR(Sgd(one, {.momentum = -0.5f}), "got 0.001, -0.5, 0");
  EXPECT_ERROR(Sgd(one, {.nesterov = true}), "Sgd: nesterov needs momentum > 0");
  EXPECT_ERROR(Adam(one, {.lr = -1.0f}), "Adam: lr, eps and weight_decay must not be negative, got -1");
  EXPECT_ERROR(Adam(one, {.beta1 = 1.0f}), "Adam: betas must lie in [0, 1), got 1");
  EXPECT_ERROR(Adam(one, {.beta2 = -0.1f}), "Adam: betas must lie in [0, 1), got 0.9, -0.1");
}

}  // namespace
}  // namespace bareseg
