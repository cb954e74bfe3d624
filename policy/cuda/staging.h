// Pinned host memory through which bytes go to the GPU and come back.
//
// From pinned memory the GPU copies by itself while the host goes on, at twice the speed. And only
// so it is certain when memory has been read: a driver stages what isn't pinned before
// cudaMemcpyAsync returns, but a GPU that reads the host's pages itself (GH200) does so when the
// copy is due.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>

#include "policy/cuda/gpu.h"

namespace agon::policy::cuda {

// Used by its backend's thread.
class Staging {
 public:
  explicit Staging(const Gpu& gpu) : gpu_(gpu) {}
  ~Staging();
  Staging(const Staging&) = delete;

  // Queues the copy; `host` may change as soon as it returns. Waits only for copies that were
  // queued several MiB before.
  void Upload(void* to, const void* host, size_t bytes);
  // Waits for all that was queued before.
  void Download(void* host, const void* from, size_t bytes);

 private:
  static constexpr size_t kPieceBytes = 1 << 20, kNumPieces = 8;
  struct Piece {
    char* data = nullptr;
    cudaEvent_t read = nullptr;  // when the GPU has read all of it
  };

  void Allocate();
  void NextPiece();

  const Gpu& gpu_;
  std::array<Piece, kNumPieces> pieces_;  // filled in turn
  size_t current_ = 0, used_bytes_ = 0;   // of the current one
  char* received_ = nullptr;              // kPieceBytes
};

}  // namespace agon::policy::cuda
