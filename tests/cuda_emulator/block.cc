#include "tests/cuda_emulator/block.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <numeric>

namespace cuda_emulator {
namespace {

constexpr size_t kMaxStaticSharedBytes = 48 << 10;

thread_local Block* running = nullptr;

std::string Text(const uint3& v) {
  return "(" + std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z) + ")";
}

std::string Text(const Site& site) {
  return std::string(site.file) + ":" + std::to_string(site.line);
}

uint3 Unflatten(uint64_t number, const dim3& shape) {
  return {static_cast<uint32_t>(number % shape.x),
          static_cast<uint32_t>(number / shape.x % shape.y),
          static_cast<uint32_t>(number / (uint64_t{shape.x} * shape.y))};
}

// A permutation's source of randomness: splitmix64.
uint64_t Mix(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return z ^ z >> 31;
}

}  // namespace

Block& Block::Current() {
  if (!running) throw Fault("device function called outside of a kernel");
  return *running;
}

void Block::Run(const Grid& grid, uint64_t number, uint64_t order,
                const std::function<void()>& kernel) {
  thread_local Block block;
  block.Prepare(grid, number, order, kernel);
  running = &block;
  try {
    block.Loop();
  } catch (...) {
    running = nullptr;
    throw;
  }
  running = nullptr;
}

void Block::Prepare(const Grid& grid, uint64_t number, uint64_t order,
                    const std::function<void()>& kernel) {
  grid_ = grid;
  number_ = number;
  kernel_ = &kernel;
  error_ = nullptr;
  static_bytes_ = 0;
  num_threads_ = static_cast<int>(grid.block.Count());
  first_phase_ = ++phase_;
  const auto count = static_cast<size_t>(num_threads_);
  threads_.resize(std::max(threads_.size(), count));
  warps_.assign((count + 31) / 32, {});
  dynamic_.resize(std::max(dynamic_.size(), grid.dynamic_bytes));
  dynamic_access_.resize(std::max(dynamic_access_.size(), (grid.dynamic_bytes + 1) / 2));
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), 0);
  if (order != 0) {
    uint64_t state = order + (number << 20);
    for (size_t i = count; i > 1; --i) std::swap(order_[i - 1], order_[Mix(state) % i]);
  }
  uint3 index{};
  for (int i = 0; i < num_threads_; ++i) {
    Thread& thread = threads_[static_cast<size_t>(i)] = {};
    thread.fiber = stacks_.Start(i);
    thread.index = index;
    warps_[static_cast<size_t>(i / 32)].live |= 1u << i % 32;
    if (++index.x == grid.block.x) index = {0, index.y + 1, index.z};
    if (index.y == grid.block.y) index = {0, 0, index.z + 1};
  }
  blockIdx = Unflatten(number, grid.grid);
  blockDim = grid.block;
  gridDim = grid.grid;
}

void Block::ThreadMain() {
  Block& block = *running;
  Thread& self = block.threads_[static_cast<size_t>(block.current_)];
  try {
    (*block.kernel_)();
    if (block.grid_.begins_early && !self.has_waited) {
      block.Fail("may begin before the kernel before has ended, and never waited for it");
    }
  } catch (...) {
    block.error_ = std::current_exception();
  }
  self.state = State::kDone;
  block.warps_[static_cast<size_t>(block.current_ / 32)].live &= ~(1u << block.current_ % 32);
  block.stacks_.SwitchBack(self.fiber, /*finished=*/true);
}

void Block::Resume(int thread) {
  Thread& t = threads_[static_cast<size_t>(thread)];
  current_ = thread;
  threadIdx = t.index;
  stacks_.SwitchTo(t.fiber);
  if (error_) std::rethrow_exception(error_);
}

void Block::Loop() {
  for (;;) {
    int num_waiting = 0, num_done = 0;
    bool progressed = false;
    for (const int i : order_) {
      const Thread& t = threads_[static_cast<size_t>(i)];
      if (t.state == State::kReady) {
        Resume(i);
        progressed = true;
      }
      num_waiting += t.state == State::kAtBarrier;
      num_done += t.state == State::kDone;
    }
    if (num_done == num_threads_) return;
    if (num_waiting == num_threads_) {
      ReleaseBarrier();
    } else if (!progressed) {
      // A lane that ended may have been the last one that others waited for.
      bool released = false;
      for (int i = 0; i < num_threads_; ++i) {
        if (threads_[static_cast<size_t>(i)].state == State::kAtWarp) released |= ReleaseWarp(i);
      }
      if (!released) FailStuck();
    }
  }
}

void Block::ReleaseBarrier() {
  const Thread& first = threads_[0];
  barrier_count_ = 0;
  for (int i = 0; i < num_threads_; ++i) {
    Thread& t = threads_[static_cast<size_t>(i)];
    if (t.site != first.site) {
      throw Fault("divergent __syncthreads: " + Place(0) + " waits at " + Text(first.site) + ", " +
                  Place(i) + " at " + Text(t.site));
    }
    barrier_count_ += t.value != 0;
    t.state = State::kReady;
  }
  ++phase_;
}

int Block::AtBarrier(bool predicate, Site site) {
  Thread& self = threads_[static_cast<size_t>(current_)];
  self.site = site;
  self.value = predicate;
  self.state = State::kAtBarrier;
  stacks_.SwitchBack(self.fiber, /*finished=*/false);
  return barrier_count_;
}

uint64_t Block::AtWarp(WarpOperation operation, uint32_t mask, uint64_t value, int source,
                       Site site) {
  if ((mask >> current_ % 32 & 1) == 0) {
    Fail("calls a warp operation whose mask leaves it out, at " + Text(site));
  }
  Thread& self = threads_[static_cast<size_t>(current_)];
  self.operation = operation;
  self.mask = mask;
  self.value = value;
  self.source = source;
  self.site = site;
  self.state = State::kAtWarp;
  Warp& warp = warps_[static_cast<size_t>(current_ / 32)];
  const bool may_release = ++warp.num_waiting >= std::popcount(mask & warp.live);
  if (!may_release || !ReleaseWarp(current_)) stacks_.SwitchBack(self.fiber, /*finished=*/false);
  return self.result;
}

void Block::Together(WarpFunction function, void* operands, Site site) {
  threads_[static_cast<size_t>(current_)].function = function;
  AtWarp(WarpOperation::kTogether, 0xffffffffu, reinterpret_cast<uintptr_t>(operands), 0, site);
}

void Block::BeginCopy(const SharedCopy& copy) {
  copy.Begin();
  threads_[static_cast<size_t>(current_)].copies.push_back(copy);
}

void Block::WaitForCopies() {
  Thread& thread = threads_[static_cast<size_t>(current_)];
  Deliver(thread, thread.copies.size());
  thread.groups.clear();
}

void Block::CommitCopies() {
  Thread& thread = threads_[static_cast<size_t>(current_)];
  const size_t in_groups = std::accumulate(thread.groups.begin(), thread.groups.end(), size_t{0});
  thread.groups.push_back(thread.copies.size() - in_groups);
}

void Block::WaitForCopyGroups(size_t pending) {
  Thread& thread = threads_[static_cast<size_t>(current_)];
  while (thread.groups.size() > pending) {
    Deliver(thread, thread.groups.front());
    thread.groups.erase(thread.groups.begin());
  }
}

void Block::Deliver(Thread& thread, size_t count) {
  const auto end = thread.copies.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto copy = thread.copies.begin(); copy != end; ++copy) copy->Deliver();
  thread.copies.erase(thread.copies.begin(), end);
}

void Block::RunTogether(int begin, uint32_t present) {
  const Thread& first = threads_[static_cast<size_t>(begin + std::countr_zero(present))];
  if (present != 0xffffffffu) {
    throw Fault(Place(begin + std::countr_one(present)) + " takes no part in what all lanes of a " +
                "warp do together, at " + Text(first.site));
  }
  std::array<void*, 32> lanes;
  for (size_t i = 0; i < lanes.size(); ++i) {
    lanes[i] = reinterpret_cast<void*>(threads_[static_cast<size_t>(begin) + i].value);
  }
  first.function(lanes);
}

bool Block::ReleaseWarp(int thread) {
  const int begin = thread / 32 * 32, end = std::min(begin + 32, num_threads_);
  const Thread& self = threads_[static_cast<size_t>(thread)];
  uint32_t present = 0;
  uint64_t ballot = 0;
  for (int i = begin; i < end; ++i) {
    const Thread& t = threads_[static_cast<size_t>(i)];
    if ((self.mask >> (i - begin) & 1) == 0 || t.state == State::kDone) continue;
    if (t.state != State::kAtWarp || t.operation != self.operation || t.mask != self.mask ||
        t.site != self.site) {
      return false;
    }
    present |= 1u << (i - begin);
    ballot |= static_cast<uint64_t>(t.value != 0) << (i - begin);
  }
  if (self.operation == WarpOperation::kTogether) RunTogether(begin, present);
  for (int i = begin; i < end; ++i) {
    if ((present >> (i - begin) & 1) == 0) continue;
    Thread& t = threads_[static_cast<size_t>(i)];
    if (t.operation == WarpOperation::kShuffle) {
      if ((present >> t.source & 1) == 0) {
        throw Fault(Place(i) + " shuffles from lane " + std::to_string(t.source) +
                    ", which takes no part, at " + Text(t.site));
      }
      t.result = threads_[static_cast<size_t>(begin + t.source)].value;
    } else {
      t.result = ballot;
    }
    t.state = State::kReady;
  }
  Warp& warp = warps_[static_cast<size_t>(begin / 32)];
  warp.num_waiting -= std::popcount(present);
  if (self.operation == WarpOperation::kSync) ++warp.step;
  return true;
}

void Block::AddStaticBytes(size_t bytes) {
  static_bytes_ += bytes;
  if (static_bytes_ > kMaxStaticSharedBytes) {
    Fail("uses " + std::to_string(static_bytes_) + " bytes of static shared memory, at most " +
         std::to_string(kMaxStaticSharedBytes));
  }
}

std::string Block::Place(int thread) const {
  return "block " + Text(Unflatten(number_, grid_.grid)) + " thread " +
         Text(Unflatten(static_cast<uint64_t>(thread), grid_.block));
}

void Block::Fail(const std::string& what) const { throw Fault(Place(current_) + " " + what); }

void Block::FailStuck() const {
  const Thread* warp = nullptr;
  std::string text = "divergent __syncthreads";
  std::string ended, waiting;
  for (int i = num_threads_ - 1; i >= 0; --i) {
    const Thread& t = threads_[static_cast<size_t>(i)];
    if (t.state == State::kAtWarp) warp = &t;
    if (t.state == State::kDone) ended = Place(i) + " has ended";
    if (t.state != State::kDone) waiting = Place(i) + " waits at " + Text(t.site);
  }
  if (warp) text = "divergent warp operation at " + Text(warp->site) + ": not all lanes come";
  throw Fault(text + ": " + waiting + (ended.empty() ? "" : ", " + ended));
}

void FailMisaligned(const void* address, int bytes) {
  const std::string what =
      "moves " + std::to_string(bytes) + " bytes at once at an address that is " +
      std::to_string(reinterpret_cast<uintptr_t>(address) % static_cast<uintptr_t>(bytes)) +
      " past a multiple of it (misaligned address)";
  if (!running) throw Fault("the host " + what);
  running->Fail(what);
}

void RunGrid(const Grid& grid, uint64_t order, const std::function<void()>& kernel) {
  const auto num_blocks = static_cast<int64_t>(grid.grid.Count());
  std::vector<uint32_t> numbers;
  if (order != 0) {
    numbers.resize(static_cast<size_t>(num_blocks));
    std::iota(numbers.begin(), numbers.end(), 0u);
    uint64_t state = order;
    for (size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[Mix(state) % i]);
  }
  std::atomic<int64_t> faulty = num_blocks;
  std::exception_ptr fault;
  // Small grids aren't worth waking a thread.
#pragma omp parallel for schedule( \
    dynamic, 4) if (num_blocks * static_cast <int64_t>(grid.block.Count()) > 4096)
  for (int64_t i = 0; i < num_blocks; ++i) {
    const int64_t number = order != 0 ? numbers[static_cast<size_t>(i)] : i;
    if (number > faulty) continue;
    try {
      Block::Run(grid, static_cast<uint64_t>(number), order, kernel);
    } catch (...) {
#pragma omp critical(cuda_emulator_fault)
      if (number < faulty) {
        faulty = number;
        fault = std::current_exception();
      }
    }
  }
  if (fault) std::rethrow_exception(fault);
}

}  // namespace cuda_emulator
