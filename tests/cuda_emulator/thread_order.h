// An order of threads for a while, after which that of before comes back.
#pragma once

#include <cstdint>

#include "tests/cuda_emulator/runtime.h"

namespace cuda_emulator {

uint64_t CurrentThreadOrder();

class ScopedThreadOrder {
 public:
  explicit ScopedThreadOrder(uint64_t order) : before_(CurrentThreadOrder()) {
    SetThreadOrder(order);
  }
  ~ScopedThreadOrder() { SetThreadOrder(before_); }
  ScopedThreadOrder(const ScopedThreadOrder&) = delete;
  ScopedThreadOrder& operator=(const ScopedThreadOrder&) = delete;

 private:
  uint64_t before_;
};

}  // namespace cuda_emulator
