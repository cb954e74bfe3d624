// Which algorithm a product runs with.
//
// Of a product whose results are rows (all but a weight's gradient), three numbers of rows are
// told apart: few, some, many and very many. The first proposal of cuBLASLt for kReferenceRows rows
// that gives equal rows equal bits, whatever their number and place, leads: it says what the bits
// are; nothing that is measured has a say in it. Each of the four then gets the fastest algorithm
// with those bits, for few rows perhaps our own (few_rows.cu).
//
// A weight's gradient is a sum over rows. It gets the first proposal for about so many rows, up to
// the next power of two, whose bits don't change from run to run.
#pragma once

#include <map>
#include <optional>

#include "policy/cuda/matmul_trial.h"

namespace agon::policy::cuda {

inline constexpr int kReferenceRows = 512;

// Of one product.
struct MatmulChoices {
  std::optional<MatmulAlgorithm> leader{};
  std::map<int, MatmulAlgorithm> by_bucket{};  // by RowBucket
};

// Numbers of rows with one algorithm have one number.
int RowBucket(const MatmulShape& shape, int rows);

// `choices` with an algorithm for `rows` rows, of trials with up to `trial_rows`. Waits. Throws
// kUnsupported if there is none.
MatmulChoices Choose(cublasLtHandle_t handle, const MatmulShape& shape, int rows,
                     MatmulChoices choices, int trial_rows, CudaMemory& memory, const Gpu& gpu);

}  // namespace agon::policy::cuda
