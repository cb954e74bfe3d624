// One block of a grid: a fiber for each of its threads, and what they wait for.
//
// A fiber runs until it waits at a barrier or in a warp operation, or ends; then the next one
// runs. Nothing is preemptive, so a block needs no locks and one switch per wait. The order
// of fibers is free in CUDA: it is shuffled by a seed, and results must not depend on it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/cuda_emulator/fiber_stack.h"
#include "tests/cuda_emulator/language.h"
#include "tests/cuda_emulator/shared_access.h"

namespace cuda_emulator {

// What a kernel did wrong; names the block, the thread and, where there is one, the line.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A line of a kernel that waits for other threads.
struct Site {
  const char* file = "";
  int line = 0;

  bool operator==(const Site&) const = default;
};

struct Grid {
  dim3 grid, block;
  size_t dynamic_bytes = 0;   // of dynamic shared memory
  bool begins_early = false;  // perhaps before the one before has ended: its threads have to wait
};

enum class WarpOperation : uint8_t { kSync, kShuffle, kBallot, kTogether };

// What 32 lanes do at once with what each of them brought.
using WarpFunction = void (*)(const std::array<void*, 32>& lanes);

class Block {
 public:
  // The block that this OS thread runs. Throws Fault outside of a kernel.
  static Block& Current();

  // Runs all threads of block `number` of `grid`. Order 0 is by thread number, any other
  // value shuffles. Throws what a thread threw.
  static void Run(const Grid& grid, uint64_t number, uint64_t order,
                  const std::function<void()>& kernel);

  // --- for the calling fiber ---------------------------------------------------------
  int thread() const { return current_; }
  Moment now() const { return {phase_, warps_[static_cast<size_t>(current_ / 32)].step}; }
  uint32_t first_phase() const { return first_phase_; }  // of this block
  const Grid& grid() const { return grid_; }
  std::byte* dynamic_memory() { return dynamic_.data(); }
  SharedAccess* dynamic_access() { return dynamic_access_.data(); }  // one for two bytes
  // Counts static shared memory against the hardware's limit.
  void AddStaticBytes(size_t bytes);

  // Waits for all threads of the block; returns how many came with a true predicate.
  int AtBarrier(bool predicate, Site site);
  // Waits for the lanes of `mask`. A shuffle returns the value that lane `source` brought, a
  // ballot one bit for each lane whose value isn't zero.
  uint64_t AtWarp(WarpOperation operation, uint32_t mask, uint64_t value, int source, Site site);

  // Waits for all 32 lanes; `function` runs once on their `operands`.
  void Together(WarpFunction function, void* operands, Site site);

  // Grids run one after another here, so this only notes that the thread didn't forget it.
  void WaitForKernelBefore() { threads_[static_cast<size_t>(current_)].has_waited = true; }

  // A copy to shared memory that the thread goes on beside. Its bytes are read and come when the
  // thread waits, and not before.
  void BeginCopy(const SharedCopy& copy);
  void WaitForCopies();
  // Those begun since the last call are a group, for which WaitForCopyGroups waits unless it is one
  // of the last `pending`.
  void CommitCopies();
  void WaitForCopyGroups(size_t pending);

  // Throws Fault with the thread's place.
  [[noreturn]] void Fail(const std::string& what) const;

 private:
  enum class State : uint8_t { kReady, kAtBarrier, kAtWarp, kDone };
  struct Thread {
    Fiber fiber;
    uint3 index{};
    State state = State::kReady;
    WarpOperation operation{};
    uint32_t mask = 0;
    int source = 0;
    uint64_t value = 0, result = 0;
    WarpFunction function = nullptr;
    Site site;
    bool has_waited = false;         // for the grid before
    std::vector<SharedCopy> copies;  // under way
    std::vector<size_t> groups;      // of how many of them, the oldest first; the rest has none
  };

  struct Warp {
    uint32_t step = 0;  // __syncwarps so far
    uint32_t live = 0;  // lanes that haven't ended
    int num_waiting = 0;
  };

  void Prepare(const Grid& grid, uint64_t number, uint64_t order,
               const std::function<void()>& kernel);
  void Loop();
  void Resume(int thread);
  void ReleaseBarrier();
  bool ReleaseWarp(int thread);  // true if all lanes that `thread` waits for are there
  void RunTogether(int begin, uint32_t present);
  [[noreturn]] void FailStuck() const;
  static void Deliver(Thread& thread, size_t count);  // the oldest copies
  static void ThreadMain();
  std::string Place(int thread) const;

  Grid grid_;
  uint64_t number_ = 0;
  std::vector<Thread> threads_;
  std::vector<int> order_;
  std::vector<Warp> warps_;
  std::vector<std::byte> dynamic_;
  std::vector<SharedAccess> dynamic_access_;
  const std::function<void()>* kernel_ = nullptr;
  std::exception_ptr error_;
  FiberStacks stacks_{ThreadMain};
  size_t static_bytes_ = 0;
  int num_threads_ = 0, current_ = 0, barrier_count_ = 0;
  uint32_t phase_ = 1, first_phase_ = 1;
};

// Runs every block of `grid`, dealt over the OS threads; order as in Block::Run. Throws the
// Fault of the first block that had one.
void RunGrid(const Grid& grid, uint64_t order, const std::function<void()>& kernel);

}  // namespace cuda_emulator
