// What the emulator says of a kernel that does wrong.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <string>

#include "policy/cuda/launch.h"
#include "tests/cuda_emulator/block.h"

namespace agon::policy::cuda {

// What running `kernel` says is wrong; "" if nothing.
template <typename... Parameters, typename... Arguments>
std::string FaultOf(const Shape& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  try {
    Launch("test", shape, nullptr, kernel, arguments...);
    cudaDeviceSynchronize();
  } catch (const cuda_emulator::Fault& fault) {
    return fault.what();
  }
  return "";
}

}  // namespace agon::policy::cuda

#define EXPECT_FAULT(text, ...) \
  EXPECT_NE(FaultOf(__VA_ARGS__).find(text), std::string::npos) << "got: " << FaultOf(__VA_ARGS__)
