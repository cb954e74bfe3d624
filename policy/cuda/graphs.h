// Decoding as CUDA graphs: the launches of a step, recorded once for each number of rows.
//
// A step of a small model takes less time than its launches do. A graph holds addresses; weights
// may change, for they stay where they are. In a planned Room all memory does, and a graph is
// recorded once; in one that grows, again when memory came or went. AGON_CUDA_GRAPHS=off in the
// environment launches each step by itself, with the same bits: for whoever looks for a fault.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <map>

#include "policy/cuda/gpu.h"
#include "policy/cuda/space.h"

namespace agon::policy::cuda {

// The numbers of rows that have graphs: powers of two up to 16, multiples of 16 up to 128, then of
// 64. At least `rows`.
int GraphRows(int rows);

// Used by its backend's thread.
class Graphs {
 public:
  // Keeps references.
  Graphs(const Gpu& gpu, const Space& space) : gpu_(gpu), space_(space) {}
  ~Graphs();
  Graphs(const Graphs&) = delete;

  // As Backend::Replay. A key's first call runs `body`, so that memory has its size, kernels are
  // loaded and products have their algorithms; the second records; those after it replay.
  void Run(int key, const std::function<void()>& body);

 private:
  struct Graph {
    cudaGraphExec_t executable = nullptr;
    uint64_t generation = 0;  // of the memory that it holds addresses of
  };

  static bool IsOff();
  cudaGraphExec_t Record(const std::function<void()>& body);

  const Gpu& gpu_;
  const Space& space_;
  const bool is_off_ = IsOff();
  std::map<int, Graph> graphs_;
};

}  // namespace agon::policy::cuda
