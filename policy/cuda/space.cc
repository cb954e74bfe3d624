#include "policy/cuda/space.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/error.h"
#include "policy/cuda/arena.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

void AddUse(const std::string& purpose, int64_t bytes, std::vector<MemoryUse>& uses) {
  const auto found = std::find_if(uses.begin(), uses.end(),
                                  [&](const MemoryUse& use) { return use.purpose == purpose; });
  if (found == uses.end()) {
    uses.push_back({purpose, bytes});
  } else {
    found->bytes += bytes;
  }
}

[[noreturn]] void ThrowBeyondPlan(const std::string& purpose, size_t bytes, int64_t planned) {
  throw Error(ErrorKind::kFailed,
              std::to_string(bytes) + " bytes for " + purpose + " were asked for, but " +
                  std::to_string(planned) + " were planned",
              "the GPU's memory", "this is a bug of the memory plan: please report the command");
}

// Each piece an allocation of its own.
class GrowingSpace final : public Space {
 public:
  explicit GrowingSpace(const Gpu& gpu) : gpu_(gpu) {}

  Piece Take(size_t bytes, const std::string& purpose) override {
    gpu_.Use();
    // Steps of an eighth: what grows a little with every batch isn't allocated with every batch.
    const size_t step = std::max<size_t>(kPieceAlignment, std::bit_floor(bytes) / 8);
    const size_t rounded = (bytes + step - 1) / step * step;
    void* p = nullptr;
    const cudaError_t error = cudaMalloc(&p, rounded);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      ThrowNoRoom(gpu_, "for " + purpose, rounded, purpose);
    }
    Check(error, purpose.c_str());
    ++generation_;
    AddUse(purpose, static_cast<int64_t>(rounded), uses_);
    Check(cudaMemsetAsync(p, 0, rounded, gpu_.stream()), purpose.c_str());
    return {static_cast<char*>(p), rounded};
  }

  void Give(const Piece& piece, const std::string& purpose) override {
    gpu_.Use();
    cudaFree(piece.data);  // waits for what still uses it
    ++generation_;
    AddUse(purpose, -static_cast<int64_t>(piece.bytes), uses_);
  }

  std::vector<MemoryUse> Uses() const override { return uses_; }
  Room::Kind kind() const override { return Room::Kind::kGrows; }

 private:
  const Gpu& gpu_;
  std::vector<MemoryUse> uses_;
};

// Notes what is taken, and what it was when most was.
class PaperSpace final : public Space {
 public:
  Piece Take(size_t bytes, const std::string& purpose) override {
    const Piece piece{region_.Take(bytes), RoundedUp(bytes)};
    AddUse(purpose, static_cast<int64_t>(piece.bytes), uses_);
    taken_ += piece.bytes;
    if (taken_ > most_taken_) {
      most_taken_ = taken_;
      most_ = uses_;
    }
    return piece;
  }
  void Give(const Piece& piece, const std::string& purpose) override {
    region_.Give(piece.data);
    AddUse(purpose, -static_cast<int64_t>(piece.bytes), uses_);
    taken_ -= piece.bytes;
  }
  std::vector<MemoryUse> Uses() const override { return most_; }
  Room::Kind kind() const override { return Room::Kind::kPaper; }

 private:
  // Addresses that nobody follows.
  Region region_{reinterpret_cast<char*>(uintptr_t{1} << 40), size_t{1} << 46};
  std::vector<MemoryUse> uses_, most_;
  size_t taken_ = 0, most_taken_ = 0;
};

// A block of an arena. Nothing in it moves while its piece is wanted, so that graphs stay valid.
class PlannedSpace final : public Space {
 public:
  PlannedSpace(const Gpu& gpu, const Room& room)
      : gpu_(gpu),
        uses_(room.uses),
        own_arena_(room.arena ? nullptr : std::make_unique<CudaArena>(gpu.index(), uses_)),
        arena_(room.arena ? static_cast<CudaArena&>(*room.arena) : *own_arena_),
        block_(arena_.Take(uses_)),
        region_(block_, SumOf(uses_)) {}

  ~PlannedSpace() override {
    cudaStreamSynchronize(gpu_.stream());  // the block's next owner queues on another stream
    arena_.Give(block_);
  }

  Piece Take(size_t bytes, const std::string& purpose) override {
    const Piece piece{region_.Take(bytes), RoundedUp(bytes)};
    if (!piece.data) {
      const auto found = std::find_if(uses_.begin(), uses_.end(),
                                      [&](const MemoryUse& use) { return use.purpose == purpose; });
      ThrowBeyondPlan(purpose, bytes, found == uses_.end() ? 0 : found->bytes);
    }
    Check(cudaMemsetAsync(piece.data, 0, piece.bytes, gpu_.stream()), purpose.c_str());
    return piece;
  }
  void Give(const Piece& piece, const std::string&) override { region_.Give(piece.data); }
  std::vector<MemoryUse> Uses() const override { return uses_; }
  Room::Kind kind() const override { return Room::Kind::kPlanned; }

 private:
  const Gpu& gpu_;
  const std::vector<MemoryUse> uses_;
  std::unique_ptr<CudaArena> own_arena_;
  CudaArena& arena_;
  char* const block_;
  Region region_;
};

}  // namespace

std::unique_ptr<Space> NewSpace(const Gpu& gpu, const Room& room) {
  switch (room.kind) {
    case Room::Kind::kPaper:
      return std::make_unique<PaperSpace>();
    case Room::Kind::kPlanned:
      return std::make_unique<PlannedSpace>(gpu, room);
    case Room::Kind::kGrows:
      break;
  }
  return std::make_unique<GrowingSpace>(gpu);
}

CudaMemory::~CudaMemory() {
  if (piece_.data) space_.Give(piece_, purpose_);
}

char* CudaMemory::Get(size_t bytes) {
  if (bytes <= piece_.bytes) return piece_.data;
  if (piece_.data) {
    if (space_.kind() != Room::Kind::kGrows) {
      ThrowBeyondPlan(purpose_, bytes, static_cast<int64_t>(piece_.bytes));
    }
    space_.Give(std::exchange(piece_, {}), purpose_);
  }
  piece_ = space_.Take(bytes, purpose_);
  return piece_.data;
}

}  // namespace agon::policy::cuda
