#include "tests/emulator/emulator.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "tests/emulator/block_runner.h"
#include "tests/emulator/memory.h"

namespace bareseg::emulator {
namespace {

thread_local BlockRunner* runner = nullptr;  // of the kernel that this CPU thread runs
thread_local std::vector<std::function<void()>>* record = nullptr;

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

// What stood in some allocations, one after the other.
class Content {
 public:
  void save(const Memory::Blocks& blocks) {
    size_t total = 0;
    for (const std::span<std::byte> block : blocks) total += block.size();
    bytes_ = std::make_unique_for_overwrite<std::byte[]>(total);
    std::byte* to = bytes_.get();
    for (const std::span<std::byte> block : blocks) to = std::copy(block.begin(), block.end(), to);
  }
  void restore(const Memory::Blocks& blocks) const {
    const std::byte* from = bytes_.get();
    for (const std::span<std::byte> block : blocks) {
      std::copy_n(from, block.size(), block.data());
      from += block.size();
    }
  }
  // Where the allocations differ from it; empty when they do not.
  std::string difference(const Memory::Blocks& blocks) const {
    const std::byte* expected = bytes_.get();
    for (const std::span<std::byte> block : blocks) {
      if (std::memcmp(block.data(), expected, block.size()) != 0) {
        const auto at = std::mismatch(block.begin(), block.end(), expected).first - block.begin();
        return concat("byte ", at, " of an allocation of ", block.size(), " bytes");
      }
      expected += block.size();
    }
    return "";
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace

void run(const Grid& grid, std::span<const std::byte> arguments, const std::function<void()>& body) {
  const auto lock = memory().lock();
  const Memory::Blocks blocks = memory().reachable(arguments);
  Content before, first;
  before.save(blocks);
  for (const Order order : {Order::forward, Order::reverse, Order::shuffled}) {
    if (order != Order::forward) before.restore(blocks);
    run_blocks(grid, order, body);
    const std::string broken = Memory::broken_guard(blocks);
    if (!broken.empty()) fail_at(grid.file, grid.line, "kernel: ", broken);
    if (order == Order::forward) {
      first.save(blocks);
      continue;
    }
    const std::string difference = first.difference(blocks);
    if (!difference.empty()) {
      fail_at(grid.file, grid.line, "kernel: its threads in ", name_of(order),
              " order leave other results: ", difference);
    }
  }
}

void record_into(std::vector<std::function<void()>>* into) { record = into; }
bool recording() { return record != nullptr; }
void submit(std::function<void()> work) {
  if (record == nullptr) return work();
  record->push_back(std::move(work));
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

void begin_copy(void* to, const void* from) {
  check_aligned(to, kCopy);
  check_aligned(from, kCopy);
  runner->begin_copy(to, from);
}
void finish_copies() { runner->finish_copies(); }

void fail_shared(int64_t index, int64_t count, size_t element) {
  fail_at(runner->grid().file, runner->grid().line, "kernel: thread (", threadIdx.x, ", ", threadIdx.y, ", ",
          threadIdx.z, ") uses element ", index, " of a shared array of ", count, " elements of ", element, " bytes");
}

void fail_aligned(const void* p, size_t bytes) {
  fail_at(runner->grid().file, runner->grid().line, "kernel: thread (", threadIdx.x, ", ", threadIdx.y, ", ",
          threadIdx.z, ") moves ", bytes, " bytes at ", p, ", which is not aligned to them");
}

}  // namespace bareseg::emulator
