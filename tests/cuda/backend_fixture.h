// What tests of the CUDA backend as a whole share, in the emulator and on a GPU.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "policy/cuda/cuda_backend.h"
#include "tests/cuda/device_arrays.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy::cuda {

template <typename T>
inline constexpr ComputeType kCompute =
    std::is_same_v<T, float> ? ComputeType::kFloat32 : ComputeType::kBfloat16;

}  // namespace agon::policy::cuda
