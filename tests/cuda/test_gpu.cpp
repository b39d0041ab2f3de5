// What only a GPU shows: memory, uploads, precision of the libraries, plans kept. Skipped where there is none; the ops
// themselves are tested by test_ops_cuda.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"
#include "engine/file.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "tests/engine/hostile.h"
#include "tests/reference.h"

namespace bareseg {
namespace {

constexpr Device kGpu{Device::Type::cuda, 0};

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    install_backend(Device::Type::cpu, make_cpu_backend());
    install_backend(Device::Type::cuda, make_cuda_backend());
    try {
      backend(kGpu).open(kGpu, {});
    } catch (const Error& error) {
      GTEST_SKIP() << error.message();
    }
  }

  static Tensor normal(const Shape& shape, uint64_t part) { return random_normal(shape, Random(7, Draws::test, part)); }
};

// |a - b| / |b|
double relative_error(const Tensor& a, const reference::Array& b) {
  const std::vector<double> x = reference::from(a).values;
  double difference = 0.0, norm = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    difference += std::pow(x[i] - b.values[i], 2);
    norm += std::pow(b.values[i], 2);
  }
  return std::sqrt(difference / norm);
}

// More bytes than the ring holds, pieces of every size among them, while the device works on what came before.
TEST_F(Gpu, UploadsArriveWhole) {
  Random random(7, Draws::test, 0);
  std::vector<std::vector<int32_t>> sent;
  std::vector<Tensor> arrived;
  int64_t total = 0;
  for (int64_t i = 0; total < int64_t{300} << 20; ++i) {
    const int64_t count = i % 7 == 3 ? 5'000'003 : 1 + static_cast<int64_t>(random.below(300'000));
    std::vector<int32_t>& values = sent.emplace_back(static_cast<size_t>(count));
    for (int64_t j = 0; j < count; ++j) values[static_cast<size_t>(j)] = static_cast<int32_t>(i * 7919 + j);
    arrived.push_back(Tensor::from(values, {count}, kGpu).clone());
    total += count * 4;
  }
  for (size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(arrived[i].to_vector<int32_t>(), sent[i]) << i;
}

TEST_F(Gpu, TheHostMayReuseItsMemoryAtOnce) {
  std::vector<int32_t> values(1'000'000);
  std::vector<Tensor> arrived;
  for (int32_t i = 0; i < 50; ++i) {
    std::fill(values.begin(), values.end(), i);
    arrived.push_back(Tensor::from(values, {1'000'000}, kGpu));
  }
  for (int32_t i = 0; i < 50; ++i) {
    const std::vector<int32_t> got = arrived[static_cast<size_t>(i)].to_vector<int32_t>();
    ASSERT_TRUE(std::all_of(got.begin(), got.end(), [&](int32_t value) { return value == i; })) << i;
  }
}

TEST_F(Gpu, MemoryIsCounted) {
  Allocator& memory = allocator(kGpu);
  const int64_t before = memory.use().live;
  {
    const Tensor x = Tensor::empty({1000, 1000}, kFloat32, kGpu);
    EXPECT_EQ(memory.use().live, before + 4'000'000);
    memory.reset_peak();
  }
  EXPECT_EQ(memory.use().live, before);
  EXPECT_EQ(memory.use().peak, before + 4'000'000);
}

TEST_F(Gpu, OutOfMemoryIsAnErrorThatCanBeSurvived) {
  try {
    Tensor::empty({int64_t{1} << 46}, kUInt8, kGpu);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("out of device memory: 70368744177664 bytes asked for"), std::string::npos)
        << error.message();
  }
  EXPECT_EQ(Tensor::full({3}, 2.0, kFloat32, kGpu).to_vector<float>(), (std::vector<float>{2, 2, 2}));
}

TEST_F(Gpu, ThereIsNoThousandthGpu) {
  const Device far{Device::Type::cuda, 999};
  EXPECT_THROW(backend(far).open(far, {}), Error);
}

TEST_F(Gpu, Tf32IsUsedWithLeaveAlone) {
  const Tensor x = normal({4, 32, 32, 64}, 1), w = normal({64, 3, 3, 64}, 2), a = normal({512, 256}, 3);
  const ConvOptions same{.padding = 1};
  // Results and gradients of a convolution and a product.
  const auto results = [&] {
    Tensor image = x.to(kGpu), filter = w.to(kGpu), rows = a.to(kGpu), factor = a.to(kGpu);
    for (Tensor* leaf : {&image, &filter, &rows, &factor}) leaf->set_requires_grad();
    const Tensor conv = conv2d(image, filter, {}, same), product = linear(rows, factor);
    // Gradients start from numbers that TF32 holds exactly.
    for (const Tensor& y : {conv, product}) {
      const Tensor share = cast(cast(normal({1, y.dim(-1)}, 4).to(kGpu), kBFloat16), kFloat32);
      backward(mean(linear(reshape(y, {-1, y.dim(-1)}), share)));
    }
    return std::vector<Tensor>{conv.detach(), product.detach(), image.grad(),
                               filter.grad(), rows.grad(),      factor.grad()};
  };
  // float32's gradients are compared with double's by test_ops_cuda.
  const std::vector<Tensor> strict = results();
  EXPECT_LT(relative_error(strict[0], reference::conv2d(reference::from(x), reference::from(w), {}, same)), 1e-5);
  EXPECT_LT(relative_error(strict[1], reference::linear(reference::from(a), reference::from(a), {})), 1e-5);
  backend(kGpu).open(kGpu, {.tf32 = true});
  const std::vector<Tensor> loose = results();
  for (size_t i = 0; i < loose.size(); ++i) {
    const double error = relative_error(loose[i], reference::from(strict[i]));
    EXPECT_LT(error, 3e-4) << i;
    EXPECT_GT(error, 1e-5) << i;
  }
}

TEST_F(Gpu, TunedPlansAreKeptAndComputeTheSameBits) {
  const TemporaryFolder folder;
  const std::string file = (folder / "plans.txt").string();
  const Tensor x = normal({8, 40, 40, 64}, 1).to(kGpu), w = normal({128, 3, 3, 64}, 2).to(kGpu);
  const ConvOptions options{.stride = 2, .padding = 1};
  const auto result = [&](double tune_seconds) {
    backend(kGpu).open(kGpu, {.tf32 = true, .tune_seconds = tune_seconds, .plan_file = file});
    return conv2d(x, w, {}, options).to_vector<float>();
  };
  const std::vector<float> tuned = result(10.0);
  const std::vector<std::byte> kept = read_file(file);
  EXPECT_GT(kept.size(), 100u);
  EXPECT_EQ(result(0.0), tuned);   // from the file
  EXPECT_EQ(result(10.0), tuned);  // not tuned again
  EXPECT_EQ(read_file(file), kept);
}

}  // namespace
}  // namespace bareseg
