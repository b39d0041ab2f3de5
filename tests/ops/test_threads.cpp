// The CPU's own loops split their work by the data's size alone: the same bits on any number of threads.
#include "cpu/cpu_backend.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

class CpuThreads : public OpTest {
 protected:
  ~CpuThreads() override { set_cpu_threads(0); }

  /// Value and gradient of op at x, as bytes, on 1, 2, 3 and 7 threads.
  void expect_same_bits(const char* name, const Op& op, const Tensor& x) {
    SCOPED_TRACE(testing::Message() << name << " of " << x.dtype() << " " << x.shape());
    set_cpu_threads(1);
    const auto [value, gradient] = run(op, x);
    for (const int threads : {2, 3, 7}) {
      set_cpu_threads(threads);
      const auto [other_value, other_gradient] = run(op, x);
      EXPECT_EQ(other_value, value) << threads << " threads";
      EXPECT_EQ(other_gradient, gradient) << threads << " threads";
    }
  }

 private:
  static std::string bytes(const Tensor& x) {
    std::string copy(static_cast<size_t>(x.bytes()), '\0');
    x.copy_to_host(copy.data());
    return copy;
  }
  static std::pair<std::string, std::string> run(const Op& op, const Tensor& x) {
    const Tensor y = op(x);
    const Tensor cotangent = random_normal(y.shape(), Random(kTestSeed, Draws::test, 1 << 20), y.dtype());
    return {bytes(y), bytes(gradient_of(op, x, cotangent))};
  }
};

TEST_P(CpuThreads, OwnLoopsGiveTheSameBits) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const Shape map{2, 33, 31, 67}, channels{67};
    const Tensor x = normal(map, dtype), other = normal(map, dtype);
    const Tensor weight = normal(channels), bias = normal(channels), mean = normal(channels);
    const Tensor var = uniform(channels, 0.5f, 2.0f), y = labels(map.drop_last(), 67);
    const Tensor centroids = normal({27, 67}), clusters = labels(map.drop_last(), 27, kUInt8);
    const std::vector<CropWindow> windows = {{3, 2, 20, 21, true, false}, {0, 5, 33, 26, false, true}};
    expect_same_bits("relu", relu, x);
    expect_same_bits(
        "add", [&](const Tensor& t) { return add(t, other); }, x);
    expect_same_bits("sum", sum, x);
    expect_same_bits(
        "mse_loss", [&](const Tensor& t) { return mse_loss(t, other); }, x);
    expect_same_bits(
        "batch_norm",
        [&](const Tensor& t) { return batch_norm(t, weight, bias, mean.clone(), var.clone(), {.relu = true}, other); },
        x);
    expect_same_bits(
        "weight of batch_norm",
        [&](const Tensor& t) { return batch_norm(x, t, bias, mean.clone(), var.clone(), {.relu = true}); }, weight);
    expect_same_bits(
        "l2_normalize", [](const Tensor& t) { return l2_normalize(t); }, x);
    expect_same_bits(
        "max_pool2d",
        [](const Tensor& t) {
          return max_pool2d(t, {3, 2, 1});
        },
        x);
    expect_same_bits(
        "resize_bilinear", [](const Tensor& t) { return resize_bilinear(t, 47, 18); }, x);
    expect_same_bits(
        "crop_resize_flip", [&](const Tensor& t) { return crop_resize_flip(t, windows, 25); }, x);
    expect_same_bits("log_softmax", log_softmax, x);
    expect_same_bits(
        "cross_entropy", [&](const Tensor& t) { return cross_entropy(t, y, {}, 3); }, x);
    expect_same_bits(
        "cosine_cluster_loss",
        [&](const Tensor& t) {
          return cosine_cluster_loss(t, {{centroids, clusters, {}}});
        },
        x);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, CpuThreads, testing::Values(Device::Type::cpu), device_name);

}  // namespace
}  // namespace bareseg
