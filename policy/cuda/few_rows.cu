// Products of few rows with a weight matrix, as decoding has them. Bound: HBM, for the weights.
//
// A warp computes 16 outputs of all rows; the weights for the next steps of the sum are on their
// way meanwhile, as many as shared memory holds: that is what keeps the memory busy where a matrix
// has few outputs. Each sum goes over the inputs in order, 16 a step, as tensor cores take them.
#include "policy/cuda/chain.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/shared_rows.h"

namespace agon::policy::cuda {
namespace {

constexpr int kStage = 128;  // inputs
constexpr int kStages = 10;  // on their way or computed with
using Stage = SharedRows<kMatrix, kStage>;
constexpr size_t kBytes = kStages * Stage::kBytes;

// Inputs [begin, begin + kStage) of the warp's rows of W go to their place. All lanes call it.
__device__ inline void LoadStage(const Bf16* w, int in, int begin) {
  const Stage stage(begin / kStage % kStages * Stage::kBytes);
  const int lane = static_cast<int>(threadIdx.x);
  if (begin < in) {
#pragma unroll
    for (int i = lane * 8; i < kMatrix * kStage; i += kWarp * 8) {
      const int row = i / kStage, at = i % kStage;
      stage.Copy8(row, at, w + static_cast<int64_t>(row) * in + begin + at, begin + at < in);
    }
  }
  CommitCopies();
}

// Right factors of a stage: inputs of up to 8 rows.
struct StageInputs {
  RightMatrix step[kStage / kMatrix];

  // `x` is the lane's row, nullptr: zeros.
  __device__ void Load(const Bf16* x, int in, int begin) {
#pragma unroll
    for (int k = 0; k < kStage / kMatrix; ++k) {
      const int at = begin + k * kMatrix + FragmentColumn();
      const bool is_there = x && begin + k * kMatrix < in;
      step[k].x[0] = is_there ? Load2(x + at) : 0;
      step[k].x[1] = is_there ? Load2(x + at + 8) : 0;
    }
  }
};

// kTiles of 8 rows.
template <typename Y, bool kAdds, int kTiles>
__global__ void __launch_bounds__(kWarp)
    FewRowsKernel(const Bf16* w, const Bf16* x, int rows, int in, Y* y, int y_stride) {
  const int out = static_cast<int>(blockIdx.x) * kMatrix;
  w += static_cast<int64_t>(out) * in;
#pragma unroll 1
  for (int i = 0; i < kStages - 1; ++i) LoadStage(w, in, i * kStage);
  WaitForKernelBefore();  // which writes inputs or results, never weights
  const Bf16* row[kTiles];
  StageInputs now[kTiles], next[kTiles];
  SumMatrix sums[kTiles] = {};
  for (int t = 0; t < kTiles; ++t) {
    const int r = t * kColumns + FragmentRow();
    row[t] = r < rows ? x + static_cast<int64_t>(r) * in : nullptr;
    now[t].Load(row[t], in, 0);
  }
#pragma unroll 1
  for (int begin = 0; begin < in; begin += kStage) {
    WaitForCopies<kStages - 2>();
    __syncwarp();
    LoadStage(w, in, begin + (kStages - 1) * kStage);
    for (int t = 0; t < kTiles; ++t) next[t].Load(row[t], in, begin + kStage);
    const Stage stage(begin / kStage % kStages * Stage::kBytes);
#pragma unroll
    for (int k = 0; k < kStage / kMatrix; ++k) {
      if (begin + k * kMatrix >= in) break;
      const LeftMatrix weights = stage.Left(0, k * kMatrix);
      for (int t = 0; t < kTiles; ++t) MultiplyAdd(weights.x, now[t].step[k].x, sums[t].x);
    }
    for (int t = 0; t < kTiles; ++t) now[t] = next[t];
  }
  for (int t = 0; t < kTiles; ++t) {
    for (int i = 0; i < 4; ++i) {
      const int r = t * kColumns + FragmentColumn() + i % 2;
      if (r >= rows) continue;
      Y* to = y + static_cast<int64_t>(r) * y_stride + out + FragmentRow() + i / 2 * 8;
      if constexpr (kAdds) {
        *to += sums[t].x[i];
      } else {
        Put(to, sums[t].x[i]);
      }
    }
  }
}

}  // namespace

template <typename Y>
void FewRows(const char* op, const Bf16* w, int out, int in, const Bf16* x, int rows, bool adds,
             Y* y, int y_stride, cudaStream_t stream) {
  const Shape shape{NumBlocks(out, kMatrix), kWarp, kBytes};
  const auto launch = [&](auto kernel) {
    LaunchInChain(op, shape, stream, kernel, w, x, rows, in, y, y_stride);
  };
  const bool is_one = rows <= kColumns;
  if constexpr (std::is_same_v<Y, float>) {
    if (adds) return launch(is_one ? FewRowsKernel<Y, true, 1> : FewRowsKernel<Y, true, 2>);
  }
  launch(is_one ? FewRowsKernel<Y, false, 1> : FewRowsKernel<Y, false, 2>);
}

template void FewRows<float>(const char*, const Bf16*, int, int, const Bf16*, int, bool, float*,
                             int, cudaStream_t);
template void FewRows<Bf16>(const char*, const Bf16*, int, int, const Bf16*, int, bool, Bf16*, int,
                            cudaStream_t);

}  // namespace agon::policy::cuda
