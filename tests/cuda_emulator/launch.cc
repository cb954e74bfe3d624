// Launches: what the hardware would refuse, and the order in which threads run.
#include <cstdlib>
#include <map>

#include "tests/cuda_emulator/device.h"
#include "tests/cuda_emulator/runtime.h"
#include "tests/cuda_emulator/stream.h"
#include "tests/cuda_emulator/thread_order.h"

namespace cuda_emulator {
namespace {

// Compute capability 8.0 to 10.0: CUDA C++ Programming Guide, table of technical
// specifications. 163 KiB of shared memory is what the smallest of them (8.0) has.
constexpr uint64_t kMaxThreads = 1024;
constexpr int kMaxSharedBytes = 48 << 10, kMaxOptInSharedBytes = 163 << 10;
constexpr size_t kMaxArgumentBytes = 4096;

// What kernels were allowed of dynamic shared memory.
using AllowedBytes = std::map<const void*, int>;

uint64_t InitialOrder() {
  const char* text = std::getenv("CUDA_EMULATOR_ORDER");
  return text ? std::strtoull(text, nullptr, 10) : 0;
}

uint64_t& ThreadOrder() {
  static uint64_t order = InitialOrder();
  return order;
}

bool Fits(const dim3& grid, const dim3& block) {
  return block.x <= 1024 && block.y <= 1024 && block.z <= 64 && block.Count() >= 1 &&
         block.Count() <= kMaxThreads && grid.x <= 0x7fffffffu && grid.y <= 65535 &&
         grid.z <= 65535 && grid.Count() >= 1;
}

}  // namespace

void SetThreadOrder(uint64_t order) { ThreadOrder() = order; }
uint64_t CurrentThreadOrder() { return ThreadOrder(); }

cudaError_t AllowDynamicShared(const void* kernel, int bytes) {
  if (bytes < 0 || bytes > kMaxOptInSharedBytes) return cudaErrorInvalidValue;
  OfCurrentGpu<AllowedBytes>()[kernel] = bytes;
  return cudaSuccess;
}

cudaError_t Launch(const cudaLaunchConfig_t& config, const void* kernel, size_t argument_bytes,
                   std::function<void()> thread) {
  const auto& allowed_bytes = OfCurrentGpu<AllowedBytes>();
  const auto allowed = allowed_bytes.find(kernel);
  const int limit = allowed == allowed_bytes.end() ? kMaxSharedBytes : allowed->second;
  if (!Fits(config.gridDim, config.blockDim)) return cudaErrorInvalidConfiguration;
  if (config.dynamicSmemBytes > static_cast<size_t>(limit) || argument_bytes > kMaxArgumentBytes) {
    return cudaErrorInvalidValue;
  }
  ++MachineCounts().launches;
  bool begins_early = false;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id != cudaLaunchAttributeProgrammaticStreamSerialization) {
      return cudaErrorInvalidValue;
    }
    begins_early = config.attrs[i].val.programmaticStreamSerializationAllowed != 0;
  }
  const Grid grid{config.gridDim, config.blockDim, config.dynamicSmemBytes, begins_early};
  Streams::Instance().Add(
      config.stream, [grid, thread = std::move(thread)] { RunGrid(grid, ThreadOrder(), thread); });
  return cudaSuccess;
}

}  // namespace cuda_emulator
