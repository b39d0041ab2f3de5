// Operands on two devices are refused: a kernel given the other's memory would crash, or compute nonsense.
#include "tests/devices.h"

namespace bareseg {
namespace {

TEST_P(OpTest, OperandsOnTwoDevicesAreRefused) {
  const std::optional<Device> found = another_device();
  if (!found) GTEST_SKIP() << "there is one device";
  const Device other = *found;
  const std::string both = concat(" must be on one device, got ", device(), " and ", other);
  const Tensor x = normal({2, 4, 4, 8}), rows = normal({5, 8}), ones = Tensor::full({8}, 1.0, kFloat32, device());
  const Tensor away = ones.to(other), truth = labels({5}, 3), weights = normal({3, 8});
  EXPECT_ERROR(matmul(rows, normal({8, 3}).to(other)), "matmul: all tensors" + both);
  EXPECT_ERROR(linear(rows, weights.to(other)), "linear: all tensors" + both);
  EXPECT_ERROR(linear(rows, normal({8, 8}), away), both);
  EXPECT_ERROR(conv2d(x, normal({8, 3, 3, 8}).to(other), {}), "conv2d: all tensors" + both);
  EXPECT_ERROR(conv2d(x, normal({8, 3, 3, 8}), away), both);
  EXPECT_ERROR(conv2d_fused(x, normal({8, 1, 1, 8}), {.residual = x.to(other)}), "conv2d_fused: all tensors" + both);
  for (int moved = 0; moved < 5; ++moved) {
    const auto place = [&](int operand) { return operand == moved ? away : ones; };
    EXPECT_ERROR(batch_norm(x, place(0), place(1), place(2), place(3), {}, moved == 4 ? x.to(other) : Tensor()),
                 "batch_norm: all tensors" + both);
  }
  EXPECT_ERROR(fold_batch_norm(normal({8, 1, 1, 8}), ones, ones, ones, away, 1e-5f, kFloat32),
               "fold_batch_norm: all tensors" + both);
  EXPECT_ERROR(cross_entropy(weights, labels({3}, 8).to(other)), "cross_entropy: all tensors" + both);
  EXPECT_ERROR(cross_entropy(weights, labels({3}, 8), away), both);
  EXPECT_ERROR(cosine_cluster_loss(rows, {{weights.to(other), truth, {}}}), "cosine_cluster_loss: all tensors" + both);
  EXPECT_ERROR(cosine_cluster_loss(rows, {{weights, truth.to(other), {}}}), both);
  EXPECT_ERROR(resize_bilinear(x, 8, 8, normal({2, 8, 8, 8}).to(other)), "resize_bilinear: all tensors" + both);
  EXPECT_ERROR(
      crop_resize_flip(x, window_table({{.height = 4, .width = 4}, {.height = 4, .width = 4}}, 4, 4, other), 2),
      "crop_resize_flip: all tensors" + both);
}

}  // namespace
}  // namespace bareseg
