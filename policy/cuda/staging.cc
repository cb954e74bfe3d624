#include "policy/cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/error.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr size_t kAlignment = 256;

// CUDA calls it out of memory, too, where it is the host that has none.
char* Pinned(size_t bytes) {
  void* p = nullptr;
  const cudaError_t error = cudaMallocHost(&p, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw Error(ErrorKind::kFailed,
                "the host has no " + std::to_string(bytes >> 20) +
                    " MiB of memory that may be pinned, through which bytes go to the GPU",
                "copies to the GPU",
                "free memory of the host; in a container give it more (docker: --memory, --ulimit "
                "memlock=-1), else see ulimit -l");
  }
  Check(error, "pinned memory of the host");
  return static_cast<char*>(p);
}

}  // namespace

Staging::~Staging() {
  if (received_) cudaStreamSynchronize(gpu_.stream());  // what is queued reads the pieces
  for (const Piece& piece : pieces_) {
    if (piece.read) cudaEventDestroy(piece.read);
    cudaFreeHost(piece.data);
  }
  cudaFreeHost(received_);
}

void Staging::Allocate() {
  gpu_.Use();
  for (Piece& piece : pieces_) {
    if (!piece.data) piece.data = Pinned(kPieceBytes);
    if (piece.read) continue;
    Check(cudaEventCreateWithFlags(&piece.read, cudaEventDisableTiming), "start of CUDA");
  }
  received_ = Pinned(kPieceBytes);  // last: it says that all is there
}

void Staging::NextPiece() {
  Check(cudaEventRecord(pieces_[current_].read, gpu_.stream()), "Upload");
  current_ = (current_ + 1) % kNumPieces;
  used_bytes_ = 0;
  Check(cudaEventSynchronize(pieces_[current_].read), "Upload");
}

void Staging::Upload(void* to, const void* host, size_t bytes) {
  if (!received_) Allocate();
  for (size_t done = 0; done < bytes;) {
    if (used_bytes_ == kPieceBytes) NextPiece();
    const size_t count = std::min(bytes - done, kPieceBytes - used_bytes_);
    char* staged = pieces_[current_].data + used_bytes_;
    std::memcpy(staged, static_cast<const char*>(host) + done, count);
    Check(cudaMemcpyAsync(static_cast<char*>(to) + done, staged, count, cudaMemcpyHostToDevice,
                          gpu_.stream()),
          "Upload");
    used_bytes_ =
        std::min(kPieceBytes, (used_bytes_ + count + kAlignment - 1) / kAlignment * kAlignment);
    done += count;
  }
}

void Staging::Download(void* host, const void* from, size_t bytes) {
  if (!received_) Allocate();
  for (size_t done = 0; done < bytes;) {
    const size_t count = std::min(bytes - done, kPieceBytes);
    Check(cudaMemcpyAsync(received_, static_cast<const char*>(from) + done, count,
                          cudaMemcpyDeviceToHost, gpu_.stream()),
          "Download");
    Check(cudaStreamSynchronize(gpu_.stream()), "Download");
    std::memcpy(static_cast<char*>(host) + done, received_, count);
    done += count;
  }
}

}  // namespace agon::policy::cuda
