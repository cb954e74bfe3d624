// What a backend has of its GPU's memory: see Room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/backend.h"
#include "policy/cuda/gpu.h"

namespace agon::policy::cuda {

struct Piece {
  char* data = nullptr;
  size_t bytes = 0;
};

// Used by its backend's thread.
class Space {
 public:
  virtual ~Space() = default;

  // At least so many bytes, zeros, at a multiple of kPieceAlignment. Throws kFailed with the
  // purpose if there is no room.
  virtual Piece Take(size_t bytes, const std::string& purpose) = 0;
  virtual void Give(const Piece& piece, const std::string& purpose) = 0;
  // By purpose, in the order in which they came up.
  virtual std::vector<MemoryUse> Uses() const = 0;
  virtual Room::Kind kind() const = 0;
  // Grows when memory comes or goes whose address a graph may hold.
  uint64_t generation() const { return generation_; }

 protected:
  uint64_t generation_ = 0;
};

// Keeps a reference to `gpu`, on whose stream memory is zeroed.
std::unique_ptr<Space> NewSpace(const Gpu& gpu, const Room& room);

class CudaMemory final : public DeviceMemory {
 public:
  CudaMemory(Space& space, std::string purpose) : space_(space), purpose_(std::move(purpose)) {}
  ~CudaMemory() override;
  CudaMemory(const CudaMemory&) = delete;
  char* Get(size_t bytes) override;
  MemoryUse Use() const override { return {purpose_, static_cast<int64_t>(piece_.bytes)}; }

 private:
  Space& space_;
  std::string purpose_;
  Piece piece_;
};

}  // namespace agon::policy::cuda
