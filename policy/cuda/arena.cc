#include "policy/cuda/arena.h"

#include <algorithm>

#include "core/error.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

// Uses that a message names.
constexpr size_t kMostNamed = 3;

// What lowers the memory that is used for a purpose.
std::string HintFor(const std::string& purpose) {
  const auto has = [&](const char* part) { return purpose.find(part) != std::string::npos; };
  if (has("KV cache") || has("decod")) {
    return "lower model.max_positions (rl-serve: --context), or the rows decoded at once "
           "(rl.tasks_per_step, rl.group_size, eval.num_tasks; rl-eval: --rows, rl-serve: "
           "--max-rows)";
  }
  const bool is_of_batch = has("activation") || has("scored") || has("scratch") || has("indexes");
  if (has("activations")) return "lower run.micro_batch_tokens, or let run.recompute be layer";
  if (is_of_batch && !has("optimizer")) return "lower run.micro_batch_tokens";
  return "choose a smaller model.preset, or a GPU with more memory";
}

std::string Mebibytes(size_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

std::vector<MemoryUse> LargestFirst(std::vector<MemoryUse> uses) {
  std::stable_sort(uses.begin(), uses.end(),
                   [](const MemoryUse& a, const MemoryUse& b) { return a.bytes > b.bytes; });
  return uses;
}

struct MemoryNow {
  size_t free_bytes = 0, total_bytes = 0;

  MemoryNow() { cudaMemGetInfo(&free_bytes, &total_bytes); }
  // What has to stay free: kernels are loaded when they are first used, and graphs are memory, too.
  size_t spare_bytes() const { return std::min(size_t{1} << 30, total_bytes / 16); }
};

char* Allocated(const Gpu& gpu, size_t bytes, const std::vector<MemoryUse>& uses) {
  gpu.Use();
  void* p = nullptr;
  const cudaError_t error = cudaMalloc(&p, bytes);
  if (error != cudaErrorMemoryAllocation) {
    Check(error, "memory of the run");
    const MemoryNow now;
    if (now.free_bytes >= now.spare_bytes()) return static_cast<char*>(p);
    cudaFree(p);
  }
  cudaGetLastError();
  const auto largest = LargestFirst(uses);
  std::string what;
  for (size_t i = 0; i < std::min(kMostNamed, largest.size()); ++i) {
    what += (i == 0 ? "all at once, of it " : ", ") +
            Mebibytes(static_cast<size_t>(largest[i].bytes)) + " for " + largest[i].purpose;
  }
  what += ", and " + Mebibytes(MemoryNow().spare_bytes()) + " for kernels and graphs";
  ThrowNoRoom(gpu, what, bytes, largest[0].purpose);
}

}  // namespace

size_t SumOf(const std::vector<MemoryUse>& uses) {
  size_t sum = 0;
  for (const MemoryUse& use : uses) sum += RoundedUp(static_cast<size_t>(use.bytes));
  return sum;
}

void ThrowNoRoom(const Gpu& gpu, const std::string& what, size_t bytes,
                 const std::string& purpose) {
  const MemoryNow now;
  throw Error(ErrorKind::kFailed,
              "the GPU's memory is too small: " + Mebibytes(bytes) + " " + what +
                  " were asked for, " + Mebibytes(now.free_bytes) + " of " +
                  Mebibytes(now.total_bytes) + " are free",
              gpu.name(), HintFor(purpose));
}

CudaArena::CudaArena(int gpu, const std::vector<MemoryUse>& uses)
    : gpu_(gpu),
      bytes_(SumOf(uses)),
      data_(Allocated(gpu_, bytes_, uses)),
      region_(data_, bytes_) {}

CudaArena::~CudaArena() {
  gpu_.Use();
  cudaFree(data_);
}

char* CudaArena::Take(const std::vector<MemoryUse>& uses) {
  const size_t bytes = SumOf(uses);
  if (char* block = region_.Take(bytes)) return block;
  throw Error(ErrorKind::kFailed,
              "a model needs " + Mebibytes(bytes) + " of the " + Mebibytes(bytes_) +
                  " that were taken for the run, which have no room for it; most of it for " +
                  LargestFirst(uses)[0].purpose,
              gpu_.name(), "this is a bug of the memory plan: please report the recipe");
}

}  // namespace agon::policy::cuda
