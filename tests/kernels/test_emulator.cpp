// The emulator must see the mistakes that it is there for, and let right kernels pass.
#include <gtest/gtest.h>
#include <omp.h>

#include <limits>
#include <numeric>
#include <vector>

#include "cuda/device/async.cuh"
#include "cuda/device/pack.cuh"
#include "cuda/device/warp.cuh"
#include "tests/emulator/memory.h"

namespace bareseg {
namespace {

// n elements of the emulated device's memory.
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t n, T value = T()) : bytes_(n * static_cast<int64_t>(sizeof(T))), n_(n) {
    data_ = static_cast<T*>(emulator::memory().allocate(bytes_));
    std::fill_n(data_, n, value);
  }
  ~Buffer() { emulator::memory().deallocate(data_, bytes_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }
  std::vector<T> values() const { return {data_, data_ + n_}; }

 private:
  T* data_;
  int64_t bytes_, n_;
};

// The message of the Error that `call` throws, with its place; empty when it throws none.
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_LAUNCH_ERROR(call, text)                                             \
  do {                                                                              \
    const std::string message = error_of([&] { call; });                            \
    EXPECT_NE(message.find(text), std::string::npos) << message;                    \
    const std::string place = concat("kernels/test_emulator.cpp:", __LINE__, ": "); \
    EXPECT_EQ(message.find(place), 0u) << message << ", expected at " << place;     \
  } while (false)

// y[i] = x[n - 1 - i] within each block, through shared memory.
template <bool kBarrier>
__global__ void __launch_bounds__(1024) reverse_kernel(const float* x, float* y) {
  BS_SHARED(float, tile, 1024);
  const unsigned n = blockDim.x, first = blockIdx.x * n;
  tile[threadIdx.x] = x[first + threadIdx.x];
  if (kBarrier) __syncthreads();
  y[first + threadIdx.x] = tile[n - 1 - threadIdx.x];
}

TEST(Emulator, RunsEveryThreadOnce) {
  Buffer<float> x(3 * 257), y(3 * 257);
  std::iota(x.data(), x.data() + 3 * 257, 0.0f);
  launch(reverse_kernel<true>, {3, 257}, nullptr, x.data(), y.data());
  for (int64_t i = 0; i < 3 * 257; ++i) ASSERT_EQ(y[i], x[i / 257 * 257 + 256 - i % 257]);
}

TEST(Emulator, SeesAMissingBarrier) {
  for (const unsigned threads : {2u, 32u, 33u, 1024u}) {
    Buffer<float> x(threads, 1.0f), y(threads);
    EXPECT_LAUNCH_ERROR(launch(reverse_kernel<false>, {1, threads}, nullptr, x.data(), y.data()),
                        "order leave other results: byte");
  }
}

// Sums in a loop; without the second barrier a fast warp overwrites what a slow one has yet to read.
template <bool kSecond>
__global__ void __launch_bounds__(64) rounds_kernel(float* y) {
  BS_SHARED(float, value, 1);
  float sum = 0.0f;
  for (int round = 0; round < 4; ++round) {
    if (threadIdx.x == 0) value[0] = static_cast<float>(round);
    __syncthreads();
    sum += value[0];
    if (kSecond) __syncthreads();
  }
  y[threadIdx.x] = sum;
}

TEST(Emulator, SeesAMissingSecondBarrier) {
  Buffer<float> y(64);
  launch(rounds_kernel<true>, {1, 64}, nullptr, y.data());
  EXPECT_EQ(y.values(), std::vector<float>(64, 6.0f));
  EXPECT_LAUNCH_ERROR(launch(rounds_kernel<false>, {1, 64}, nullptr, y.data()), "order leave other results");
}

// Two arrays one after the other in dynamic shared memory.
__global__ void two_arrays_kernel(float* y, int index) {
  const auto first = dynamic_shared<float>(0, 16), second = dynamic_shared<float>(16);
  first[static_cast<int>(threadIdx.x)] = 1.0f;
  second[static_cast<int>(threadIdx.x)] = 2.0f;
  __syncthreads();
  y[threadIdx.x] = first[index] + second[index];
}

TEST(Emulator, SeesAnArrayLeftForTheNext) {
  Buffer<float> y(4);
  launch(two_arrays_kernel, {1, 4, 8 * sizeof(float)}, nullptr, y.data(), 3);
  EXPECT_EQ(y[0], 3.0f);
  EXPECT_LAUNCH_ERROR(launch(two_arrays_kernel, {1, 4, 8 * sizeof(float)}, nullptr, y.data(), 4),
                      "of a shared array of 4 elements of 4");
}

__global__ void static_shared_kernel(float* y) {
  BS_SHARED(float, tile, kMostStaticShared / sizeof(float) + 4);
  tile[0] = 1.0f;
  y[0] = tile[0];
}

// On a GPU it would be refused for some sizes of the dynamic part alone.
TEST(Emulator, SeesStaticSharedMemoryThatALaunchDoesNotReckonWith) {
  Buffer<float> y(1);
  launch(static_shared_kernel, {1, 1}, nullptr, y.data());
  EXPECT_LAUNCH_ERROR(launch(static_shared_kernel, {1, 1, 16}, nullptr, y.data()),
                      "static shared memory beside dynamic");
}

// Warps exchange through shared memory with a warp's barrier alone.
__global__ void __launch_bounds__(64) warp_barrier_kernel(int* y, int partner) {
  BS_SHARED(int, tile, 64);
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 5; ++i) __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x ^ static_cast<unsigned>(partner)];
}

TEST(Emulator, WarpsBarrierOrdersOneWarp) {
  Buffer<int> y(64);
  launch(warp_barrier_kernel, {1, 64}, nullptr, y.data(), 31);
  for (int i = 0; i < 64; ++i) ASSERT_EQ(y[i], i ^ 31);
  EXPECT_LAUNCH_ERROR(launch(warp_barrier_kernel, {1, 64}, nullptr, y.data(), 32), "order leave other results");
}

__global__ void shared_index_kernel(float* y, int count, int index) {
  BS_SHARED(float, tile, 8);
  const auto dynamic = dynamic_shared<float>(sizeof(float));
  tile[threadIdx.x] = 1.0f;
  dynamic[threadIdx.x % 4] = 1.0f;
  __syncthreads();
  if (count == 8) y[threadIdx.x] = (tile + 2)[index];
  if (count == 4) y[threadIdx.x] = dynamic[index];
  if (count == 1) y[threadIdx.x] = load_pack<4>(tile + index)[0];
}

TEST(Emulator, SeesASharedArrayLeft) {
  Buffer<float> y(8);
  const Grid grid(1, 8, 5 * sizeof(float));
  launch(shared_index_kernel, grid, nullptr, y.data(), 8, 0);
  launch(shared_index_kernel, grid, nullptr, y.data(), 8, -2);
  launch(shared_index_kernel, grid, nullptr, y.data(), 4, 3);
  launch(shared_index_kernel, grid, nullptr, y.data(), 1, 4);
  const std::string outside = "of a shared array of 8 elements of 4 bytes";
  EXPECT_NE(error_of([&] { launch(shared_index_kernel, grid, nullptr, y.data(), 8, 6); }).find("element 8 " + outside),
            std::string::npos);
  EXPECT_NE(
      error_of([&] { launch(shared_index_kernel, grid, nullptr, y.data(), 8, -3); }).find("element -1 " + outside),
      std::string::npos);
  EXPECT_LAUNCH_ERROR(launch(shared_index_kernel, {1, 8, 20}, nullptr, y.data(), 4, 4),
                      "element 4 of a shared array of 4");
  EXPECT_LAUNCH_ERROR(launch(shared_index_kernel, {1, 8, 20}, nullptr, y.data(), 1, 8), "element 11 " + outside);
  EXPECT_LAUNCH_ERROR(launch(shared_index_kernel, {1, 8, 20}, nullptr, y.data(), 1, 2), "is not aligned");
  EXPECT_LAUNCH_ERROR(launch(shared_index_kernel, {1, 9, 20}, nullptr, y.data(), 0, 0),
                      "thread (8, 0, 0) uses element 8");
}

__global__ void too_much_shared_kernel(float* y) {
  BS_SHARED(float, tile, 60 << 10);
  y[0] = tile[0];
}

TEST(Emulator, SeesTooMuchSharedMemory) {
  Buffer<float> y(1);
  EXPECT_LAUNCH_ERROR(launch(too_much_shared_kernel, {1, 1}, nullptr, y.data()), "a block has 232448");
  EXPECT_LAUNCH_ERROR(launch(shared_index_kernel, {1, 1, 228 << 10}, nullptr, y.data(), 0, 0), "a block has 232448");
}

enum class Divergence { none, returns, other_barrier, thread_skips_meeting, lane_waits_at_barrier };

__global__ void divergent_kernel(int* y, Divergence how, unsigned thread) {
  const bool odd = threadIdx.x == thread;
  if (how == Divergence::returns && odd) return;
  if (how == Divergence::other_barrier && odd)
    __syncthreads();
  else if (how == Divergence::lane_waits_at_barrier && odd)
    __syncthreads();
  else if (how == Divergence::thread_skips_meeting || how == Divergence::lane_waits_at_barrier)
    y[threadIdx.x] =
        how == Divergence::thread_skips_meeting && odd ? static_cast<int>(warp_ballot(true)) : warp_shuffle(1, 0);
  else
    __syncthreads();
  y[threadIdx.x] = 1;
}

TEST(Emulator, SeesDivergentBarriers) {
  for (const unsigned thread : {0u, 31u, 40u, 95u}) {
    Buffer<int> y(96);
    const auto run = [&](Divergence how) {
      return error_of([&] { launch(divergent_kernel, {2, 96}, nullptr, y.data(), how, thread); });
    };
    EXPECT_EQ(run(Divergence::none), "");
    EXPECT_EQ(y.values(), std::vector<int>(96, 1));
    const std::string returned = run(Divergence::returns), other = run(Divergence::other_barrier);
    EXPECT_NE(returned.find(concat("thread ", thread, " has returned")), std::string::npos) << returned;
    EXPECT_NE(other.find("divergent barrier"), std::string::npos) << other;
    EXPECT_NE(other.find("test_emulator.cpp"), std::string::npos) << other;
    for (const Divergence how : {Divergence::thread_skips_meeting, Divergence::lane_waits_at_barrier}) {
      const std::string message = run(how);
      EXPECT_NE(message.find("divergent warp"), std::string::npos) << message;
    }
    EXPECT_EQ(run(Divergence::none), "");  // nothing is left over
  }
}

TEST(Emulator, AllWhoAreThereMayWait) {
  // A warp's other lanes have returned: those left exchange among themselves.
  const auto kernel = +[](int* y) {
    if (threadIdx.x % 2 != 0) return;
    y[threadIdx.x] = static_cast<int>(warp_ballot(true));
  };
  Buffer<int> y(40);
  launch(kernel, {1, 40}, nullptr, y.data());
  for (int i = 0; i < 40; ++i) ASSERT_EQ(static_cast<unsigned>(y[i]), i % 2 != 0 ? 0 : i < 32 ? 0x55555555u : 0x55u);
}

__global__ void unset_shared_kernel(float* y, bfloat16* narrow) {
  BS_SHARED(float, tile, 2);
  BS_SHARED(bfloat16, narrow_tile, 1);
  const auto dynamic = dynamic_shared<double>();
  y[0] += tile[1];
  y[1] += static_cast<float>(dynamic[0]);
  narrow[0] = narrow_tile[0];
  tile[1] = 0.0f;  // does not reach the next block
}

TEST(Emulator, UnsetSharedMemoryIsNaN) {
  for (const int64_t blocks : {1, 2}) {
    Buffer<float> y(2);
    Buffer<bfloat16> narrow(1);
    launch(unset_shared_kernel, {blocks, 1, 8}, nullptr, y.data(), narrow.data());
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(static_cast<float>(narrow[0])));
  }
}

// Each thread copies four floats through shared memory.
template <bool kWait>
__global__ void __launch_bounds__(32) copy_kernel(const float* x, float* y) {
  BS_SHARED(float, tile, 4 * 32);
  const unsigned at = 4 * threadIdx.x;
  copy_async(tile + at, x + at);
  if (kWait) wait_for_copies();
  for (unsigned i = 0; i < 4; ++i) y[at + i] = tile[at + i];
}

TEST(Emulator, SeesAMissingWaitForCopies) {
  Buffer<float> x(4 * 32), y(4 * 32);
  for (int64_t i = 0; i < 4 * 32; ++i) x[i] = static_cast<float>(i);
  launch(copy_kernel<false>, {1, 32}, nullptr, x.data(), y.data());
  for (const float value : y.values()) EXPECT_TRUE(std::isnan(value));
  launch(copy_kernel<true>, {1, 32}, nullptr, x.data(), y.data());
  EXPECT_EQ(y.values(), x.values());
}

TEST(Emulator, SeesResultsThatDependOnTheOrder) {
  const auto last = +[](unsigned* y) { *y = blockIdx.x * blockDim.x + threadIdx.x; };
  const auto slot = +[](unsigned* y) { y[1 + atomicAdd(y, 1)] = blockIdx.x; };
  const auto count = +[](unsigned* y) { atomicAdd(y, 1); };
  Buffer<unsigned> y(65);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);  // two would take the blocks in an order of their own, now and then the same in all runs
  EXPECT_LAUNCH_ERROR(launch(last, {1, 2}, nullptr, y.data()), "in reverse order leave other results: byte 0 of");
  EXPECT_LAUNCH_ERROR(launch(last, {7, 1}, nullptr, y.data()), "order leave other results");
  y[0] = 0;
  EXPECT_LAUNCH_ERROR(launch(slot, {64, 1}, nullptr, y.data()), "order leave other results");
  omp_set_num_threads(threads);
  y[0] = 5;
  launch(count, {64, 33}, nullptr, y.data());
  EXPECT_EQ(y[0], 5u + 64 * 33);  // the three runs start from the same memory
}

// Adds through a table of pointers in the device's memory, as multi-tensor kernels do.
__global__ void table_kernel(int* const* table) { atomicAdd(table[blockIdx.x], 1); }

TEST(Emulator, FollowsPointersInMemory) {
  Buffer<int> a(3, 10), b(1, 20);
  Buffer<int*> table(2);
  table[0] = a.data() + 2;
  table[1] = b.data();
  launch(table_kernel, {2, 64}, nullptr, table.data());
  EXPECT_EQ(a.values(), (std::vector<int>{10, 10, 74}));
  EXPECT_EQ(b[0], 84);
}

TEST(Emulator, SeesWritesAroundAnAllocation) {
#if defined(BARESEG_ASAN)
  GTEST_SKIP() << "AddressSanitizer stops the access itself";
#endif
  const auto kernel = +[](float* y, int64_t at) { y[at] = 1.0f; };
  Buffer<float> y(33);
  launch(kernel, {1, 1}, nullptr, y.data(), 32);
  EXPECT_LAUNCH_ERROR(launch(kernel, {1, 1}, nullptr, y.data(), 33),
                      "memory after an allocation of 132 bytes was written");
  EXPECT_LAUNCH_ERROR(launch(kernel, {1, 1}, nullptr, y.data(), -1), "memory before an allocation of 132 bytes");
  launch(kernel, {1, 1}, nullptr, y.data(), 0);
}

TEST(Emulator, RefusesWhatNoGpuTakes) {
  const auto kernel = +[](float*) {};
  EXPECT_LAUNCH_ERROR(launch(kernel, {1, 1025}, nullptr, nullptr), "no GPU takes 1 x 1 x 1 blocks of 1025");
  EXPECT_LAUNCH_ERROR(launch(kernel, {1, 0}, nullptr, nullptr), "no GPU takes");
  EXPECT_LAUNCH_ERROR(launch(kernel, {dim3(1, 65536), 1}, nullptr, nullptr), "no GPU takes");
  EXPECT_LAUNCH_ERROR(launch(kernel, {int64_t{1} << 31, 1}, nullptr, nullptr), "no GPU takes 2147483648 blocks");
  EXPECT_LAUNCH_ERROR(launch(kernel, {-1, 1}, nullptr, nullptr), "no GPU takes -1 blocks");
}

TEST(Emulator, AnEmptyGridDoesNothing) {
  const auto kernel = +[](int* y) { *y = 1; };
  launch(kernel, {0, 32}, nullptr, nullptr);
  launch(kernel, {dim3(3, 0), 32}, nullptr, nullptr);
}

TEST(Emulator, ArgumentsBecomeTheKernelsTypes) {
  const auto kernel = +[](double* y, double value, int64_t at) { y[at] = value; };
  Buffer<double> y(2);
  launch(kernel, {1, 1}, nullptr, y.data(), 3, 1);
  EXPECT_EQ(y[1], 3.0);
}

TEST(Emulator, IndicesOfThreeDimensions) {
  const auto kernel = +[](int* y) {
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int threads = threads_in_block();
    atomicAdd(y + static_cast<int>(block) * threads + thread_in_block(), 1);
  };
  Buffer<int> y(2 * 3 * 2 * 3 * 5 * 7);
  launch(kernel, {dim3(2, 3, 2), dim3(3, 5, 7)}, nullptr, y.data());
  EXPECT_EQ(y.values(), std::vector<int>(2 * 3 * 2 * 3 * 5 * 7, 1));
}

}  // namespace
}  // namespace bareseg
