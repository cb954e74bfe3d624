// What policy/cuda/chain.h declares.
#pragma once

#include "tests/cuda_emulator/block.h"

inline void WaitForKernelBefore() { cuda_emulator::Block::Current().WaitForKernelBefore(); }
