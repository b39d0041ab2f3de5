// Runs the blocks of launches, one after the other, on one thread of the CPU.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "cuda/launch.h"

namespace bareseg::emulator {

enum class Order { forward, reverse, shuffled };

/// 0 .. count - 1 in that order; the shuffle is the same for the same count and seed.
std::vector<int> ordered(int count, Order order, uint64_t seed);

class BlockRunner {
 public:
  BlockRunner();
  ~BlockRunner();

  /// Throws Error on all that emulator.h calls a mistake within a block, and what the kernel throws.
  void run(const Grid& grid, dim3 block, Order order, uint64_t seed, const std::function<void()>& body);

  // Called by the kernel's threads.
  void sync_block(const char* file, int line);
  Lanes meet(uint64_t value, const char* what);
  std::byte* shared_memory(const void* site, size_t bytes);
  std::byte* dynamic_memory() { return arena_.get(); }
  void begin_copy(void* to, const void* from) { current_->copies.push_back({to, from}); }
  void finish_copies();
  const Grid& grid() const { return *grid_; }

 private:
  struct Fiber;
  struct Abandoned;
  enum class State : uint8_t { ready, at_block, at_warp, returned };
  struct Copy {
    void* to;
    const void* from;
  };
  struct Thread {
    dim3 index;
    int number = 0;
    State state = State::ready;
    uint8_t meetings = 0;         // modulo 2
    const char* place = nullptr;  // of the barrier or operation it waits at
    int line = 0;
    Fiber* fiber = nullptr;
    std::vector<Copy> copies;  // that it has begun
  };
  // Two sets of values: a lane may reach the next meeting while others have yet to read those of the last.
  struct Warp {
    uint64_t values[2][32];
    uint32_t present[2];
    std::span<const int> lanes;  // numbers of its threads, in the order they run
  };
  struct Site {
    const void* site;
    std::byte* data;
  };

  void begin_block(dim3 block, Order order, uint64_t seed);
  void start_warp(Warp& warp);
  void continue_warp(Warp& warp);
  void finish_meetings(Warp& warp);
  bool meeting_complete(Warp& warp);
  bool release_barrier();
  void resume(Fiber& fiber);
  void switch_to(Fiber& fiber);
  void switch_to_scheduler();
  void suspend(State state, const char* place, int line);
  void fiber_main(Fiber& self);
  void run_pending(Fiber& self);
  Fiber& idle_fiber();
  void abandon_threads();

  const Grid* grid_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<int> warp_order_, lane_order_;
  std::span<const int> pending_;  // threads that no fiber has taken yet
  Thread* current_ = nullptr;
  std::exception_ptr error_;
  bool abandoned_ = false, closing_ = false;

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  boost::context::fiber scheduler_;  // while a kernel's thread runs

  std::unique_ptr<std::byte[]> arena_;  // shared memory: dynamic first, then the declared arrays
  size_t arena_used_ = 0;
  std::vector<Site> sites_;
};

}  // namespace bareseg::emulator
