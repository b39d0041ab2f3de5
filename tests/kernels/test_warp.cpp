// The vocabulary of cuda/device: warps and blocks of any size, packs.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"

namespace bareseg {
namespace {

// Threads of one block after the other; what each gets.
template <typename T>
std::vector<T> run_block(void (*kernel)(T*), dim3 block) {
  std::vector<T> y(block.x * block.y * block.z, T(-1));
  launch(kernel, {1, block}, nullptr, y.data());
  return y;
}

TEST(Warp, Shuffles) {
  const auto broadcast =
      run_block<int>([](int* y) { y[threadIdx.x] = warp_shuffle(static_cast<int>(threadIdx.x), 5); }, 64);
  const auto down =
      run_block<int>([](int* y) { y[threadIdx.x] = warp_shuffle_down(static_cast<int>(threadIdx.x), 3); }, 64);
  const auto up =
      run_block<int>([](int* y) { y[threadIdx.x] = warp_shuffle_up(static_cast<int>(threadIdx.x), 3); }, 64);
  const auto flip =
      run_block<int>([](int* y) { y[threadIdx.x] = warp_shuffle_xor(static_cast<int>(threadIdx.x), 6); }, 64);
  for (int i = 0; i < 64; ++i) {
    const size_t at = static_cast<size_t>(i);
    const int lane = i % kWarp;
    EXPECT_EQ(broadcast[at], i - lane + 5);
    EXPECT_EQ(down[at], lane + 3 < kWarp ? i + 3 : i);
    EXPECT_EQ(up[at], lane >= 3 ? i - 3 : i);
    EXPECT_EQ(flip[at], i ^ 6);
  }
}

TEST(Warp, AnAbsentLaneGivesPoison) {
  const auto y = run_block<float>([](float* out) { out[threadIdx.x] = warp_shuffle_down(1.0f, 1); }, 5);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y[i], 1.0f);
  EXPECT_TRUE(std::isnan(y[4]));
}

TEST(Warp, SumAndMaximumOfGroups) {
  const auto sum =
      run_block<double>([](double* y) { y[threadIdx.x] = warp_sum(static_cast<double>(threadIdx.x)); }, 96);
  const auto of8 =
      run_block<float>([](float* y) { y[threadIdx.x] = warp_sum<8>(static_cast<float>(threadIdx.x)); }, 96);
  const auto max = run_block<int>([](int* y) { y[threadIdx.x] = warp_max<4>(static_cast<int>(threadIdx.x ^ 2)); }, 96);
  for (size_t i = 0; i < 96; ++i) {
    EXPECT_EQ(sum[i], static_cast<double>(i / 32 * 32 * 32 + 496));
    EXPECT_EQ(of8[i], static_cast<float>(i / 8 * 8 * 8 + 28));
    EXPECT_EQ(max[i], static_cast<int>(i / 4 * 4 + 3));
  }
}

TEST(Warp, Votes) {
  const auto any = run_block<int>([](int* y) { y[threadIdx.x] = warp_any(threadIdx.x == 40); }, 96);
  for (size_t i = 0; i < 96; ++i) EXPECT_EQ(any[i], i / 32 == 1 ? 1 : 0);
}

template <typename T>
__global__ void block_reduce_kernel(T* y) {
  BS_SHARED(T, scratch, kWarp);
  const T value = static_cast<T>(thread_in_block() + 1);
  const T sum = block_sum(value, scratch);
  const T max = block_max(static_cast<T>(-value), scratch);  // at once: the scratch is free
  y[thread_in_block()] = sum * 2048 - max;
}

template <typename T>
void expect_block_reductions() {
  for (const dim3& block : {dim3(1), dim3(2), dim3(31), dim3(32), dim3(33), dim3(7, 5), dim3(63), dim3(96),
                            dim3(3, 5, 7), dim3(257), dim3(1023), dim3(1024)}) {
    const std::vector<T> y = run_block<T>(block_reduce_kernel<T>, block);
    const T n = static_cast<T>(y.size());
    EXPECT_EQ(y, std::vector<T>(y.size(), n * (n + 1) / 2 * 2048 + 1)) << y.size() << " threads";
  }
}

TEST(Block, ReductionsOfAnySize) {
  expect_block_reductions<double>();
  expect_block_reductions<int>();
}

TEST(Pack, MovesElementsAsTheyAre) {
  alignas(16) bfloat16 x[8], y[8];
  for (int i = 0; i < 8; ++i) x[i] = bfloat16(static_cast<float>(i) - 3.0f);
  Pack<bfloat16, 8> pack = load_pack<8>(x);
  pack[3] = bfloat16(7.0f);
  store_pack(y, pack);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(static_cast<float>(y[i]), i == 3 ? 7.0f : static_cast<float>(i) - 3.0f);
}

template <typename T, int N>
void expect_floats_survive() {
  alignas(16) T x[N];
  float in[N], out[N];
  for (int i = 0; i < N; ++i) in[i] = 0.5f * static_cast<float>(i) - 2.0f;
  store_floats(x, in);
  load_floats(x, out);
  for (int i = 0; i < N; ++i) EXPECT_EQ(out[i], in[i]);
}

TEST(Pack, FloatsOfBothTypesInAnyNumber) {
  expect_floats_survive<float, 1>();
  expect_floats_survive<float, 4>();
  expect_floats_survive<float, 16>();
  expect_floats_survive<bfloat16, 1>();
  expect_floats_survive<bfloat16, 2>();
  expect_floats_survive<bfloat16, 8>();
  expect_floats_survive<bfloat16, 16>();
}

TEST(Pack, AlignmentOfAllPointers) {
  alignas(16) float x[8];
  EXPECT_TRUE(aligned_for_packs(x, x + 4));
  EXPECT_FALSE(aligned_for_packs(x, x + 1));
  EXPECT_FALSE(aligned_for_packs(x + 2));
}

}  // namespace
}  // namespace bareseg
