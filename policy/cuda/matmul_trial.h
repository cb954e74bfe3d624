// Runs of one product on fixed data, to see which algorithms give equal bits and how long they
// take.
//
// The second half of each sum takes back the first, in reverse order: what is left is what rounding
// did, so another order of a sum shows in the bits, also where they are few. Rows repeat after
// kPeriod, a prime, so that equal rows stand at every place of a tile.
#pragma once

#include "policy/cuda/matmul_product.h"

namespace agon::policy::cuda {

// Rows that are tried where it isn't known how many there will be, and at most.
#ifdef CUDA_EMULATOR  // where products are slow and times say nothing
inline constexpr int kTrialRows = 144, kMostTrialRows = 144, kTimedRuns = 1;
#else
inline constexpr int kTrialRows = 1024, kMostTrialRows = 16384, kTimedRuns = 5;
#endif

class MatmulTrial {
 public:
  // Memory that a trial of the shape takes, with up to `rows` rows.
  static size_t Bytes(const Gpu& gpu, const MatmulShape& shape, int rows);

  MatmulTrial(cublasLtHandle_t handle, const MatmulShape& shape, int rows, CudaMemory& memory,
              const Gpu& gpu);

  int rows() const { return rows_; }

  // What `algorithm` makes of `rows` rows, at least kPeriod, is what is expected from now on.
  // False if it doesn't work for them.
  bool Expect(const MatmulAlgorithm& algorithm, int rows);
  // Whether it works for `rows` rows and gives them the bits that are expected. Waits.
  bool GivesExpected(const MatmulAlgorithm& algorithm, int rows);
  // The shortest of a few runs, with operands that no cache holds, as decoding and training find
  // weights. Waits. REQUIRES: the algorithm works for so many rows.
  float Milliseconds(const MatmulAlgorithm& algorithm, int rows);

 private:
  static constexpr int kPeriod = 67;
  static constexpr int kMostOut = 4096;  // of a taller W the first rows are tried

  struct Sizes;  // bytes

  bool SumsRows() const { return shape_.kind == MatmulShape::Kind::kWeightGradient; }
  // As T, the type of the operands.
  template <typename T>
  void Fill();
  bool Run(const MatmulAlgorithm& algorithm, int rows);

  static MatmulShape Tried(MatmulShape shape);

  const MatmulShape shape_;
  const int rows_;
  MatmulProduct product_;
  const cudaStream_t stream_;
  const size_t flush_bytes_;
  char *left_, *right_, *result_, *expected_, *flush_;
  int32_t* num_differences_;
};

}  // namespace agon::policy::cuda
