// Stacks that the threads of a block run on, and the switch between them and the scheduler.
#pragma once

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace cuda_emulator {

// A suspended thread of execution with a stack of its own.
struct Fiber {
  boost::context::detail::fcontext_t context = nullptr;
  int index = 0;
  char* stack = nullptr;             // lowest address
  void* sanitizer_record = nullptr;  // AddressSanitizer's, while suspended
};

// The fibers of one OS thread; each stack has a page below it that faults.
class FiberStacks {
 public:
  static constexpr int kMaxFibers = 1024;

  // Every fiber begins at `entry`, which must end with SwitchBack and never return.
  explicit FiberStacks(void (*entry)());
  FiberStacks(const FiberStacks&) = delete;
  ~FiberStacks();

  // A fiber on stack `index`; what ran on that stack is forgotten.
  Fiber Start(int index);
  // From the scheduler: runs `fiber` until it switches back.
  void SwitchTo(Fiber& fiber);
  // From `fiber` to the scheduler.
  void SwitchBack(Fiber& fiber, bool finished);

 private:
  static void Main(boost::context::detail::transfer_t scheduler);

  void (*entry_)();
  char* memory_;
  std::array<bool, kMaxFibers> abandoned_{};  // started and not finished
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  const void* scheduler_stack_ = nullptr;  // AddressSanitizer's view of it
  size_t scheduler_stack_bytes_ = 0;
};

}  // namespace cuda_emulator
