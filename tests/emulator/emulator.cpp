#include "tests/emulator/emulator.h"

#include <atomic>
#include <mutex>

#include "tests/emulator/block_runner.h"
#include "tests/emulator/memory.h"

namespace bareseg::emulator {
namespace {

thread_local BlockRunner* runner = nullptr;  // of the kernel that this CPU thread runs

const char* name_of(Order order) { return order == Order::reverse ? "reverse" : "shuffled"; }

// Blocks in that order, as far as there is one between the CPU's threads.
void run_blocks(const Grid& grid, Order order, const std::function<void()>& body) {
  const int64_t blocks = int64_t{grid.grid.x} * grid.grid.y * grid.grid.z;
  BS_CHECK(blocks <= INT32_MAX, "emulator: ", blocks, " blocks are too many");
  const std::vector<int> numbers = ordered(static_cast<int>(blocks), order, 0);
  std::exception_ptr error;
  std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic) if (blocks > 1)
  for (int64_t i = 0; i < blocks; ++i) {
    if (failed) continue;
    static thread_local BlockRunner own;
    runner = &own;
    const unsigned number = static_cast<unsigned>(numbers[static_cast<size_t>(i)]);
    const dim3 block(number % grid.grid.x, number / grid.grid.x % grid.grid.y, number / grid.grid.x / grid.grid.y);
    try {
      own.run(grid, block, order, number, body);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace

void run(const Grid& grid, const std::function<void()>& body) {
  static std::vector<std::byte> before, first;  // kept, under the lock: fresh pages cost more than the copy
  const auto lock = memory().lock();
  memory().save(before);
  for (const Order order : {Order::forward, Order::reverse, Order::shuffled}) {
    if (order != Order::forward) memory().restore(before);
    run_blocks(grid, order, body);
    const std::string broken = memory().broken_guard();
    if (!broken.empty()) fail_at(grid.file, grid.line, "kernel: ", broken);
    if (order == Order::forward) {
      memory().save(first);
      continue;
    }
    const std::string difference = memory().difference(first);
    if (!difference.empty()) {
      fail_at(grid.file, grid.line, "kernel: its threads in ", name_of(order),
              " order leave other results: ", difference);
    }
  }
}

void sync_block(const char* file, int line) { runner->sync_block(file, line); }

Lanes meet(uint64_t value, const char* what) { return runner->meet(value, what); }

unsigned ballot(bool vote) {
  const Lanes lanes = meet(vote ? 1 : 0, "warp_ballot");
  unsigned votes = 0;
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes.present >> lane & 1u) != 0 && lanes.values[lane] != 0) votes |= 1u << lane;
  }
  return votes;
}

std::byte* shared_memory(const void* site, size_t bytes) { return runner->shared_memory(site, bytes); }

std::byte* dynamic_memory(size_t* bytes) {
  *bytes = runner->grid().shared;
  return runner->dynamic_memory();
}

void fail_shared(int64_t index, int64_t count, size_t element) {
  fail_at(runner->grid().file, runner->grid().line, "kernel: thread (", threadIdx.x, ", ", threadIdx.y, ", ",
          threadIdx.z, ") uses element ", index, " of a shared array of ", count, " elements of ", element, " bytes");
}

void fail_aligned(const void* p, size_t bytes) {
  fail_at(runner->grid().file, runner->grid().line, "kernel: thread (", threadIdx.x, ", ", threadIdx.y, ", ",
          threadIdx.z, ") moves ", bytes, " bytes at ", p, ", which is not aligned to them");
}

}  // namespace bareseg::emulator
