// Which device a policy computes on.
#include <charconv>

#include "core/error.h"
#include "policy/cuda_library.h"
#include "policy/policy.h"

namespace agon::policy {
namespace {

bool HasUsableGpu() {
  try {
    return LoadCudaLibrary().count_gpus() > 0;
  } catch (const Error&) {
    return false;
  }
}

// Of a GPU; what all of them are called if it isn't to be had.
std::string ArithmeticOf(const Device& device) {
  try {
    const std::string arithmetic = LoadCudaLibrary().gpu_arithmetic(device.index);
    if (!arithmetic.empty()) return arithmetic;
  } catch (const Error&) {  // no CUDA backend
  }
  return device.KindName();
}

}  // namespace

int NumGpus() {
  try {
    return LoadCudaLibrary().num_gpus();
  } catch (const Error&) {
    return 0;
  }
}

Device ParseDevice(std::string_view text, std::string_view where) {
  if (text == "cpu") return {};
  if (text == "cuda") return {Device::Kind::kCuda, 0};
  if (text == "auto") return HasUsableGpu() ? Device{Device::Kind::kCuda, 0} : Device{};
  constexpr std::string_view kNumbered = "cuda:";
  if (text.starts_with(kNumbered)) {
    const char *begin = text.data() + kNumbered.size(), *end = text.data() + text.size();
    int index = 0;
    const auto [stop, error] = std::from_chars(begin, end, index);
    if (error == std::errc() && stop == end && index >= 0) return {Device::Kind::kCuda, index};
  }
  throw Error(ErrorKind::kUsage, "\"" + std::string(text) + "\" is no device", where,
              "cpu, cuda, cuda:N (GPU number N, from 0) or auto");
}

std::string ArithmeticName(ComputeType compute, const Device& device) {
  const bool is_cpu = device.kind == Device::Kind::kCpu;
  if (compute == ComputeType::kAuto) compute = is_cpu ? BestCpuCompute() : kBestGpuCompute;
  const std::string type = compute == ComputeType::kBfloat16 ? "bf16" : "fp32";
  return is_cpu ? type : type + " on " + ArithmeticOf(device);
}

std::unique_ptr<Backend> NewBackend(const ModelConfig& config, ComputeType compute,
                                    const Device& device, const Room& room) {
  if (device.kind == Device::Kind::kCpu) return NewCpuBackend(config, compute);
  return LoadCudaLibrary().new_backend(config, compute, device.index, room);
}

std::unique_ptr<Arena> NewArena(const Device& device, const std::vector<MemoryUse>& uses) {
  if (device.kind == Device::Kind::kCpu) return nullptr;
  return LoadCudaLibrary().new_arena(device.index, uses);
}

}  // namespace agon::policy
