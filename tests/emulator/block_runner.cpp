#include "tests/emulator/block_runner.h"

#include <boost/context/protected_fixedsize_stack.hpp>
#include <numeric>
#include <random>
#include <string_view>

#if defined(BARESEG_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace bareseg::emulator {
namespace {

constexpr int kLanes = 32;
constexpr std::byte kPoison{0xff};
#if defined(BARESEG_ASAN)
constexpr size_t kStack = 256 << 10;
#else
constexpr size_t kStack = 64 << 10;
#endif

}  // namespace

std::vector<int> ordered(int count, Order order, uint64_t seed) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  if (order == Order::reverse) std::reverse(numbers.begin(), numbers.end());
  if (order == Order::shuffled) std::shuffle(numbers.begin(), numbers.end(), std::minstd_rand(seed + 1));
  return numbers;
}

// Ends a thread of a kernel that is given up.
struct BlockRunner::Abandoned {};

// A stack on which kernel threads run, one after the other as long as they do not wait.
struct BlockRunner::Fiber {
  explicit Fiber(BlockRunner& runner) {
    boost::context::protected_fixedsize_stack allocator(kStack);
    const boost::context::stack_context stack = allocator.allocate();
    bottom = static_cast<std::byte*>(stack.sp) - stack.size;
    size = stack.size;
    context = boost::context::fiber(std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack),
                                    allocator, [this, &runner](boost::context::fiber&& scheduler) {
                                      runner.scheduler_ = std::move(scheduler);
                                      runner.fiber_main(*this);
                                      return std::move(runner.scheduler_);
                                    });
  }

  boost::context::fiber context;  // while it does not run
  const void* bottom;
  size_t size;
};

#if defined(BARESEG_ASAN)
namespace {
// AddressSanitizer has to be told which stack is in use.
thread_local const void* scheduler_bottom = nullptr;
thread_local size_t scheduler_size = 0;
void leave_for(const void* bottom, size_t size, void** fake) { __sanitizer_start_switch_fiber(fake, bottom, size); }
void arrived(void* fake, bool in_fiber) {
  __sanitizer_finish_switch_fiber(fake, in_fiber ? &scheduler_bottom : nullptr, in_fiber ? &scheduler_size : nullptr);
}
}  // namespace
#endif

BlockRunner::BlockRunner() : arena_(new std::byte[kSharedMemory]) {}
BlockRunner::~BlockRunner() {
  closing_ = true;  // the fibers, all idle, return
  for (const auto& fiber : fibers_) switch_to(*fiber);
}

void BlockRunner::run(const Grid& grid, dim3 block, Order order, uint64_t seed, const std::function<void()>& body) {
  grid_ = &grid;
  body_ = &body;
  begin_block(block, order, seed);
  try {
    for (const int w : warp_order_) start_warp(warps_[static_cast<size_t>(w)]);
    while (release_barrier()) {
      for (const int w : warp_order_) continue_warp(warps_[static_cast<size_t>(w)]);
    }
  } catch (...) {
    error_ = std::current_exception();
  }
  if (error_ == nullptr) return;
  abandon_threads();
  std::rethrow_exception(std::exchange(error_, nullptr));
}

void BlockRunner::begin_block(dim3 block, Order order, uint64_t seed) {
  blockIdx = block;
  blockDim = grid_->block;
  gridDim = grid_->grid;
  sites_.clear();
  arena_used_ = 0;
  shared_memory(nullptr, grid_->shared);

  const int count = static_cast<int>(blockDim.x * blockDim.y * blockDim.z), warps = (count + kLanes - 1) / kLanes;
  threads_.assign(static_cast<size_t>(count), Thread());
  warps_.resize(static_cast<size_t>(warps));
  warp_order_ = ordered(warps, order, seed);
  lane_order_.clear();
  for (int w = 0; w < warps; ++w) {
    for (const int lane : ordered(std::min(kLanes, count - w * kLanes), order, seed * 31 + static_cast<uint64_t>(w))) {
      lane_order_.push_back(w * kLanes + lane);
    }
  }
  for (int w = 0; w < warps; ++w) {
    Warp& warp = warps_[static_cast<size_t>(w)];
    std::memset(warp.values, 0xff, sizeof(warp.values));
    warp.present[0] = warp.present[1] = 0;
    warp.lanes = std::span(lane_order_).subspan(static_cast<size_t>(w * kLanes));
    warp.lanes = warp.lanes.first(std::min<size_t>(kLanes, warp.lanes.size()));
  }
  unsigned number = 0;
  for (Thread& thread : threads_) {
    thread.index = dim3(number % blockDim.x, number / blockDim.x % blockDim.y, number / (blockDim.x * blockDim.y));
    thread.number = static_cast<int>(number++);
  }
}

void BlockRunner::start_warp(Warp& warp) {
  pending_ = warp.lanes;
  while (!pending_.empty()) resume(idle_fiber());
  finish_meetings(warp);
}

void BlockRunner::continue_warp(Warp& warp) {
  for (const int number : warp.lanes) {
    Thread& thread = threads_[static_cast<size_t>(number)];
    if (thread.state != State::ready) continue;
    current_ = &thread;
    threadIdx = thread.index;
    resume(*thread.fiber);
  }
  finish_meetings(warp);
}

void BlockRunner::finish_meetings(Warp& warp) {
  while (meeting_complete(warp)) {
    for (const int number : warp.lanes) {
      Thread& thread = threads_[static_cast<size_t>(number)];
      if (thread.state != State::ready) continue;
      current_ = &thread;
      threadIdx = thread.index;
      resume(*thread.fiber);
    }
  }
}

// Lets the lanes that met go on; false when none waits. No lane is ready or running.
bool BlockRunner::meeting_complete(Warp& warp) {
  const Thread *met = nullptr, *other = nullptr;
  for (const int number : warp.lanes) {
    const Thread& thread = threads_[static_cast<size_t>(number)];
    if (thread.state == State::at_warp && met == nullptr) met = &thread;
  }
  if (met == nullptr) return false;
  for (const int number : warp.lanes) {
    Thread& thread = threads_[static_cast<size_t>(number)];
    if (thread.state == State::returned) continue;
    if (thread.state != State::at_warp || std::string_view(thread.place) != met->place) other = &thread;
  }
  if (other != nullptr) {
    fail_at(grid_->file, grid_->line, "divergent warp: thread ", met->number, " waits at ", met->place, ", thread ",
            other->number, " at ", other->place);
  }
  const int last = met->meetings ^ 1;  // the buffer of the meeting before, and of the next
  std::fill_n(warp.values[last], kLanes, ~uint64_t{0});
  warp.present[last] = 0;
  for (const int number : warp.lanes) {
    Thread& thread = threads_[static_cast<size_t>(number)];
    if (thread.state == State::at_warp) thread.state = State::ready;
  }
  return true;
}

// Lets the threads go on from the barrier they all wait at; false when all have returned.
bool BlockRunner::release_barrier() {
  const Thread *waits = nullptr, *returned = nullptr;
  for (const Thread& thread : threads_) (thread.state == State::returned ? returned : waits) = &thread;
  if (waits == nullptr) return false;
  if (returned != nullptr) {
    fail_at(grid_->file, grid_->line, "divergent barrier: thread ", waits->number, " waits at ", waits->place, ":",
            waits->line, ", thread ", returned->number, " has returned");
  }
  for (Thread& thread : threads_) {
    if (thread.line != waits->line || std::string_view(thread.place) != waits->place) {
      fail_at(grid_->file, grid_->line, "divergent barrier: thread ", waits->number, " waits at ", waits->place, ":",
              waits->line, ", thread ", thread.number, " at ", thread.place, ":", thread.line);
    }
    thread.state = State::ready;
  }
  return true;
}

void BlockRunner::finish_copies() {
  for (const Copy& copy : current_->copies) std::memcpy(copy.to, copy.from, kCopy);
  current_->copies.clear();
}

void BlockRunner::resume(Fiber& fiber) {
  switch_to(fiber);
  if (error_ != nullptr) std::rethrow_exception(error_);
}

void BlockRunner::switch_to(Fiber& fiber) {
#if defined(BARESEG_ASAN)
  void* fake = nullptr;
  leave_for(fiber.bottom, fiber.size, &fake);
#endif
  fiber.context = std::move(fiber.context).resume();
#if defined(BARESEG_ASAN)
  arrived(fake, false);
#endif
}

// Back to the scheduler, until it resumes the fiber that calls.
void BlockRunner::switch_to_scheduler() {
#if defined(BARESEG_ASAN)
  void* fake = nullptr;
  leave_for(scheduler_bottom, scheduler_size, &fake);
#endif
  scheduler_ = std::move(scheduler_).resume();
#if defined(BARESEG_ASAN)
  arrived(fake, true);
#endif
}

void BlockRunner::suspend(State state, const char* place, int line) {
  current_->state = state;
  current_->place = place;
  current_->line = line;
  switch_to_scheduler();
  if (abandoned_) throw Abandoned();
}

void BlockRunner::fiber_main(Fiber& self) {
#if defined(BARESEG_ASAN)
  arrived(nullptr, true);
#endif
  while (!closing_) {
    try {
      run_pending(self);
    } catch (const Abandoned&) {
    } catch (...) {
      current_->state = State::returned;
      error_ = std::current_exception();
    }
    idle_.push_back(&self);
    switch_to_scheduler();
  }
#if defined(BARESEG_ASAN)
  leave_for(scheduler_bottom, scheduler_size, nullptr);
#endif
}

void BlockRunner::run_pending(Fiber& self) {
  while (!pending_.empty()) {
    current_ = &threads_[static_cast<size_t>(pending_.front())];
    pending_ = pending_.subspan(1);
    current_->fiber = &self;
    threadIdx = current_->index;
    (*body_)();
    current_->state = State::returned;
  }
}

BlockRunner::Fiber& BlockRunner::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(*this));
    return *fibers_.back();
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

// Frees the fibers that are in the middle of a kernel which will not go on: what they wait for throws.
void BlockRunner::abandon_threads() {
  pending_ = {};
  abandoned_ = true;
  for (Thread& thread : threads_) {
    if (thread.fiber == nullptr || thread.state == State::returned) continue;
    current_ = &thread;
    switch_to(*thread.fiber);
  }
  abandoned_ = false;
}

void BlockRunner::sync_block(const char* file, int line) { suspend(State::at_block, file, line); }

Lanes BlockRunner::meet(uint64_t value, const char* what) {
  Thread& thread = *current_;
  Warp& warp = warps_[static_cast<size_t>(thread.number / kLanes)];
  const int lane = thread.number % kLanes, set = thread.meetings;
  warp.values[set][lane] = value;
  warp.present[set] |= 1u << lane;
  suspend(State::at_warp, what, 0);
  thread.meetings ^= 1;
  return {warp.values[set], warp.present[set], lane};
}

std::byte* BlockRunner::shared_memory(const void* site, size_t bytes) {
  for (const Site& known : sites_) {
    if (known.site == site) return known.data;
  }
  std::byte* data = arena_.get() + arena_used_;
  arena_used_ += (bytes + 15) / 16 * 16;
  if (arena_used_ > kSharedMemory) {
    fail_at(grid_->file, grid_->line, "shared memory: ", arena_used_, " bytes, a block has ", kSharedMemory);
  }
  if (grid_->shared > 0 && arena_used_ > (grid_->shared + 15) / 16 * 16 + kMostStaticShared) {
    fail_at(grid_->file, grid_->line, "static shared memory beside dynamic: launch() reckons with ", kMostStaticShared,
            " bytes at most");
  }
  std::fill_n(data, bytes, kPoison);
  sites_.push_back({site, data});
  return data;
}

}  // namespace bareseg::emulator
