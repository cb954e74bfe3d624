// What a warp's matrix instructions do with the lanes' operands.
#pragma once

#include <array>
#include <cstdint>

namespace cuda_emulator {

// A lane's fragments of mma.m16n8k16, bf16 factors and fp32 sum; PTX's layout.
struct MatrixOperands {
  const uint32_t* left;   // 4
  const uint32_t* right;  // 2
  float* sum;             // 4
};

// sum += left right. Hardware promises no order; here the 16 products are added in halves (k and
// k + 8, then k and k + 4, ...), and then to the sum.
void MultiplyMatrices(const std::array<void*, 32>& lanes);

// The beginning of the row that a lane names, then of all lanes.
struct MatrixRows {
  int begin;
  int begins[32];
};
void ShareMatrixRows(const std::array<void*, 32>& lanes);

}  // namespace cuda_emulator
