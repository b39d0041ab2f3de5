// Recorded work and its memory, on the runtime of runtime.h.
#include "cuda/graph.h"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/arena.h"
#include "engine/error.h"
#include "tests/memory/runtime.h"

namespace bareseg {
namespace {

constexpr int64_t kMiB = 1 << 20, kBytes = 5 * kMiB;

class GraphTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_runtime::reset(1, 1024 * kMiB);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    memory_ = std::make_unique<PoolAllocator>(0, stream_);
  }
  void copy(const void* from, void* to) {
    ASSERT_EQ(cudaMemcpyAsync(to, from, kBytes, cudaMemcpyDefault, stream_), cudaSuccess);
  }
  void* taken() { return memory_->allocate(kBytes); }
  void freed(void* data) { memory_->deallocate(data, kBytes); }
  void wait() { ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess); }

  cudaStream_t stream_ = nullptr;
  std::unique_ptr<PoolAllocator> memory_;
};

TEST_F(GraphTest, ReplaysOnMemoryThatStays) {
  void *in = taken(), *out = taken();
  CudaGraph graph(stream_, *memory_, [&] {
    void *a = taken(), *b = taken();
    copy(in, a);
    copy(a, b);
    freed(a);
    void* c = taken();
    EXPECT_EQ(c, a) << "what was freed serves again";
    copy(b, c);
    freed(b);
    copy(c, out);
    freed(c);
  });
  // Other tensors come and go between the replays.
  std::vector<void*> others;
  for (int i = 1; i <= 5; ++i) {
    const std::vector<uint8_t> sent(kBytes, static_cast<uint8_t>(i));
    std::vector<uint8_t> arrived(kBytes);
    copy(sent.data(), in);
    others.push_back(taken());
    const std::vector<uint8_t> noise(kBytes, 0xee);
    copy(noise.data(), others.back());
    graph.replay();
    copy(out, arrived.data());
    wait();
    EXPECT_EQ(arrived, sent);
  }
  for (void* other : others) freed(other);
  freed(in);
  freed(out);
}

TEST_F(GraphTest, AResultOutlivesTheGraph) {
  const std::vector<uint8_t> sent(kBytes, 7);
  std::vector<uint8_t> arrived(kBytes);
  void *in = taken(), *result = nullptr;
  copy(sent.data(), in);
  {
    CudaGraph graph(stream_, *memory_, [&] {
      result = taken();
      copy(in, result);
    });
    graph.replay();
  }
  copy(result, arrived.data());
  wait();
  EXPECT_EQ(arrived, sent);
  freed(in);
  wait();
  EXPECT_GT(fake_runtime::in_use(), 0);
  freed(result);
  wait();
  EXPECT_EQ(fake_runtime::in_use(), 0);
  EXPECT_EQ(memory_->use().live, 0);
}

TEST_F(GraphTest, MemoryOfBeforeIsFreedAfterTheRecording) {
  void* before = taken();
  const CudaGraph graph(stream_, *memory_, [&] {
    freed(before);
    EXPECT_EQ(memory_->use().live, kBytes);
  });
  wait();
  EXPECT_EQ(fake_runtime::in_use(), 0);
}

TEST_F(GraphTest, LiveCountsTheWholeArena) {
  {
    const CudaGraph graph(stream_, *memory_, [&] { freed(taken()); });
    EXPECT_EQ(memory_->use().live, 32 * kMiB);
  }
  EXPECT_EQ(memory_->use().live, 0);
}

// After a failure the stream and the memory are as before.
TEST_F(GraphTest, WorkThatFailsLeavesNothing) {
  const auto refused = [&](const std::function<void()>& work, const char* text) {
    try {
      const CudaGraph graph(stream_, *memory_, work);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(text), std::string::npos) << error.message();
    }
    wait();
    EXPECT_EQ(memory_->use().live, 0);
    EXPECT_EQ(fake_runtime::in_use(), 0);
  };
  refused(
      [&] {
        freed(taken());
        fail_at(__FILE__, __LINE__, "no such thing");
      },
      "no such thing");
  refused([&] { static_cast<void>(cudaStreamSynchronize(stream_)); }, "cudaStreamEndCapture");
  void* data = taken();
  copy(data, data);
  freed(data);
}

TEST(Arena, GapsOfDifferentSegmentsStayApart) {
  alignas(256) static std::byte bytes[2048];
  Arena arena;
  arena.add_segment(bytes, 1024);
  arena.add_segment(bytes + 1024, 1024);
  EXPECT_EQ(arena.bytes(), 2048);
  void *a = arena.take(1000), *b = arena.take(300), *c = arena.take(1);
  ASSERT_TRUE(a != nullptr && b != nullptr && c != nullptr);
  EXPECT_EQ(arena.take(512), nullptr);
  EXPECT_TRUE(arena.holds(b));
  arena.give_back(b);
  EXPECT_FALSE(arena.holds(b));
  EXPECT_EQ(arena.take(400), b);
  arena.give_back(b);
  arena.give_back(c);
  arena.give_back(a);
  EXPECT_TRUE(arena.unused());
  EXPECT_EQ(arena.take(1025), nullptr);
  EXPECT_NE(arena.take(1024), nullptr);
  EXPECT_NE(arena.take(1024), nullptr);
  EXPECT_EQ(arena.take(1), nullptr);
}

}  // namespace
}  // namespace bareseg
