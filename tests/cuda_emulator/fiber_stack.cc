#include "tests/cuda_emulator/fiber_stack.h"

#include <sys/mman.h>

#include <new>

#include "tests/cuda_emulator/sanitizer.h"
#ifdef CUDA_EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace cuda_emulator {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t kStackBytes = 256 << 10, kGuardPageBytes = 4096;
constexpr size_t kStride = kStackBytes + kGuardPageBytes;

// AddressSanitizer has to be told which stack is in use, and that an abandoned one is free.
void BeginSwitch([[maybe_unused]] void** record, [[maybe_unused]] const void* stack,
                 [[maybe_unused]] size_t bytes) {
#ifdef CUDA_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(record, stack, bytes);
#endif
}

void EndSwitch([[maybe_unused]] void* record, [[maybe_unused]] const void** stack,
               [[maybe_unused]] size_t* bytes) {
#ifdef CUDA_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(record, stack, bytes);
#endif
}

void Forget([[maybe_unused]] char* stack, [[maybe_unused]] bool abandoned) {
#ifdef CUDA_EMULATOR_ASAN
  // A fiber that finished left two frames at the top.
  const size_t bytes = abandoned ? kStackBytes : 8192;
  __asan_unpoison_memory_region(stack + kStackBytes - bytes, bytes);
#endif
}

}  // namespace

FiberStacks::FiberStacks(void (*entry)()) : entry_(entry) {
  void* p = ::mmap(nullptr, kMaxFibers * kStride, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<char*>(p);
  for (int i = 0; i < kMaxFibers; ++i) {
    ::mprotect(memory_ + static_cast<size_t>(i) * kStride, kGuardPageBytes, PROT_NONE);
  }
}

FiberStacks::~FiberStacks() { ::munmap(memory_, kMaxFibers * kStride); }

void FiberStacks::Main(transfer_t scheduler) {
  auto* self = static_cast<FiberStacks*>(scheduler.data);
  self->scheduler_ = scheduler.fctx;
  EndSwitch(nullptr, &self->scheduler_stack_, &self->scheduler_stack_bytes_);
  self->entry_();
}

Fiber FiberStacks::Start(int index) {
  Fiber fiber;
  fiber.stack = memory_ + static_cast<size_t>(index) * kStride + kGuardPageBytes;
  fiber.index = index;
  bool& abandoned = abandoned_[static_cast<size_t>(index)];
  Forget(fiber.stack, abandoned);
  abandoned = true;
  // Stacks that all began at one offset in a page would fight for the same cache lines.
  const size_t used_bytes = kStackBytes - static_cast<size_t>(index % 8) * 512;
  fiber.context = boost::context::detail::make_fcontext(fiber.stack + used_bytes, used_bytes, Main);
  return fiber;
}

void FiberStacks::SwitchTo(Fiber& fiber) {
  void* record = nullptr;
  BeginSwitch(&record, fiber.stack, kStackBytes);
  fiber.context = jump_fcontext(fiber.context, this).fctx;
  EndSwitch(record, nullptr, nullptr);
}

void FiberStacks::SwitchBack(Fiber& fiber, bool finished) {
  if (finished) abandoned_[static_cast<size_t>(fiber.index)] = false;
  BeginSwitch(finished ? nullptr : &fiber.sanitizer_record, scheduler_stack_,
              scheduler_stack_bytes_);
  scheduler_ = jump_fcontext(scheduler_, nullptr).fctx;
  EndSwitch(fiber.sanitizer_record, &scheduler_stack_, &scheduler_stack_bytes_);
}

}  // namespace cuda_emulator
