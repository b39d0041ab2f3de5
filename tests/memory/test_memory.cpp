// Device memory and uploads on a runtime that does work as late, and in as odd an order, as it may.
#include "cuda/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/error.h"
#include "tests/memory/runtime.h"

namespace bareseg {
namespace {

constexpr int64_t kMiB = 1 << 20, kPlenty = 1024 * kMiB;

cudaStream_t compute_stream() {
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  return stream;
}

// Uploads of all sizes, several times around the ring; the source is overwritten as soon as upload() returns.
TEST(Staging, EveryByteArrivesInAnyOrderOfWork) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    fake_runtime::reset(seed, kPlenty);
    const cudaStream_t compute = compute_stream();
    Staging staging(compute);
    std::mt19937 random(static_cast<unsigned>(seed));
    std::vector<std::vector<uint8_t>> sent, arrived;
    for (int i = 0; i < 30; ++i) {
      const int64_t most = i % 6 == 5 ? 40 * kMiB : i % 2 == 0 ? 4096 : 9 * kMiB;
      const size_t bytes = 1 + random() % static_cast<size_t>(most);
      std::vector<uint8_t>& values = sent.emplace_back(bytes);
      for (size_t b = 0; b < bytes; ++b) values[b] = static_cast<uint8_t>(b * 31 + b / 4096 + static_cast<size_t>(i));
      std::vector<uint8_t> source = values;
      staging.upload(source.data(), arrived.emplace_back(bytes).data(), static_cast<int64_t>(bytes));
      std::fill(source.begin(), source.end(), uint8_t{0xee});
    }
    ASSERT_EQ(cudaStreamSynchronize(compute), cudaSuccess);
    for (size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(arrived[i] == sent[i]) << i;
  }
}

TEST(Staging, LaterWorkOnTheStreamSeesWhatWasUploadedBefore) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    fake_runtime::reset(seed, kPlenty);
    const cudaStream_t compute = compute_stream();
    Staging staging(compute);
    constexpr size_t kBytes = 5 * kMiB + 3;
    std::vector<uint8_t> source(kBytes), place(kBytes);
    std::vector<std::vector<uint8_t>> copies(40, std::vector<uint8_t>(kBytes));
    for (size_t i = 0; i < copies.size(); ++i) {
      std::fill(source.begin(), source.end(), static_cast<uint8_t>(i));
      staging.upload(source.data(), place.data(), static_cast<int64_t>(kBytes));
      ASSERT_EQ(cudaMemcpyAsync(copies[i].data(), place.data(), kBytes, cudaMemcpyDeviceToDevice, compute),
                cudaSuccess);
    }
    std::fill(source.begin(), source.end(), uint8_t{0xee});
    ASSERT_EQ(cudaStreamSynchronize(compute), cudaSuccess);
    for (size_t i = 0; i < copies.size(); ++i) {
      EXPECT_TRUE(copies[i] == std::vector<uint8_t>(kBytes, static_cast<uint8_t>(i))) << i;
    }
  }
}

// A run of nothing but small uploads does not collect an event for each until the ring is full.
TEST(Staging, SmallUploadsDoNotPileUp) {
  fake_runtime::reset(5, kPlenty);
  const cudaStream_t compute = compute_stream();
  Staging staging(compute);
  const int64_t before = fake_runtime::events_made();
  std::vector<int32_t> arrived(5000, -1);
  for (int32_t i = 0; i < 5000; ++i) staging.upload(&i, &arrived[static_cast<size_t>(i)], sizeof(i));
  EXPECT_LE(fake_runtime::events_made() - before, 512);
  ASSERT_EQ(cudaStreamSynchronize(compute), cudaSuccess);
  for (int32_t i = 0; i < 5000; ++i) ASSERT_EQ(arrived[static_cast<size_t>(i)], i);
}

TEST(Staging, NothingIsNothing) {
  fake_runtime::reset(1, kPlenty);
  Staging staging(compute_stream());
  staging.upload(nullptr, nullptr, 0);
}

TEST(PoolAllocator, CountsWhatTensorsHold) {
  fake_runtime::reset(1, kPlenty);
  const cudaStream_t compute = compute_stream();
  PoolAllocator memory(0, compute);
  void *a = memory.allocate(100), *b = memory.allocate(1000);
  EXPECT_EQ(memory.use().live, 1100);
  memory.deallocate(a, 100);
  EXPECT_EQ(memory.use().live, 1000);
  EXPECT_EQ(memory.use().peak, 1100);
  memory.reset_peak();
  EXPECT_EQ(memory.use().peak, 1000);
  memory.deallocate(b, 1000);
  void* nothing = memory.allocate(0);
  EXPECT_NE(nothing, nullptr);
  memory.deallocate(nothing, 0);
  EXPECT_EQ(memory.use().live, 0);
}

// What was freed is still held by queued work: the allocator waits for it before it gives up.
TEST(PoolAllocator, WaitsForMemoryThatIsAboutToBeFree) {
  fake_runtime::reset(1, 1000);
  PoolAllocator memory(0, compute_stream());
  memory.deallocate(memory.allocate(800), 800);
  EXPECT_EQ(fake_runtime::in_use(), 800);
  memory.deallocate(memory.allocate(900), 900);
}

TEST(PoolAllocator, OutOfMemorySaysHowMuchThereIs) {
  fake_runtime::reset(1, 1000);
  PoolAllocator memory(0, compute_stream());
  void* held = memory.allocate(600);
  try {
    memory.allocate(500);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(),
              "out of device memory: 500 bytes asked for, 600 in use by tensors, 400 of 1000 unused on the device");
  }
  EXPECT_EQ(memory.use().live, 600);
  memory.deallocate(held, 600);
}

}  // namespace
}  // namespace bareseg
