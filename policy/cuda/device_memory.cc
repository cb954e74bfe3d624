#include "policy/cuda/device_memory.h"

#include <algorithm>
#include <bit>

#include "core/error.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kOldestMajor = 8, kNewestMajor = 10;  // compute capabilities that nvcc made code for

std::string Version(int number) {  // 1000 major + 10 minor
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

// What `error`, of the first call to CUDA, means.
[[noreturn]] void ThrowNoGpu(cudaError_t error) {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (error == cudaErrorInsufficientDriver && driver > 0) {
    throw Error(ErrorKind::kUnsupported,
                "the NVIDIA driver is too old: it knows CUDA " + Version(driver) +
                    ", agon was built with " + Version(runtime),
                "cuda", "update the driver, or use the device cpu");
  }
  const std::string why = error == cudaErrorNoDevice             ? "no GPU is to be seen"
                          : error == cudaErrorInsufficientDriver ? "there is no NVIDIA driver"
                                                                 : cudaGetErrorString(error);
  throw Error(ErrorKind::kUnsupported, "this machine has no GPU to use: " + why, "cuda",
              "see what nvidia-smi and CUDA_VISIBLE_DEVICES say, or use the device cpu");
}

bool IsSupported(const cudaDeviceProp& gpu) {
  return gpu.major >= kOldestMajor && gpu.major <= kNewestMajor;
}

// What lowers the memory that is used for a purpose.
std::string HintFor(const std::string& purpose) {
  const auto has = [&](const char* part) { return purpose.find(part) != std::string::npos; };
  if (has("KV cache") || has("decod")) {
    return "lower the rows decoded at once, the new tokens, or the model's context";
  }
  if (has("activation") || has("scored") || has("scratch") || has("indexes")) {
    return "lower run.micro_batch_tokens";
  }
  return "choose a smaller model.preset, or a GPU with more memory";
}

std::string Mebibytes(size_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

}  // namespace

int NumGpus() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

int CountGpus() {
  const int count = NumGpus();
  int usable = 0;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, i) == cudaSuccess && IsSupported(properties)) ++usable;
  }
  return usable;
}

std::string GpuName(int index) {
  cudaDeviceProp properties;
  if (index >= NumGpus() || cudaGetDeviceProperties(&properties, index) != cudaSuccess) return "";
  return properties.name;
}

Gpu::Gpu(int index) : index_(index) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) ThrowNoGpu(error);
  if (index >= count) {
    throw Error(ErrorKind::kUsage,
                "there is no GPU " + std::to_string(index) + ": this machine has " +
                    std::to_string(count) + ", counted from 0",
                "cuda:" + std::to_string(index));
  }
  cudaDeviceProp properties;
  Check(cudaGetDeviceProperties(&properties, index), "start of CUDA");
  name_ = properties.name;
  if (!IsSupported(properties)) {
    throw Error(ErrorKind::kUnsupported,
                name_ + " has compute capability " + std::to_string(properties.major) + "." +
                    std::to_string(properties.minor) + "; agon has kernels for 8.0 to 10.x",
                "cuda:" + std::to_string(index), "use another GPU, or the device cpu");
  }
  Use();
  Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "start of CUDA");
}

Gpu::~Gpu() { cudaStreamDestroy(stream_); }

void Gpu::Use() const {
  thread_local int current = -1;
  if (current == index_) return;
  Check(cudaSetDevice(index_), "choice of the GPU");
  current = index_;
}

CudaMemory::~CudaMemory() {
  cudaFree(data_);
  gpu_.MemoryChanged();
}

char* CudaMemory::Get(size_t bytes) {
  if (bytes <= bytes_) return data_;
  gpu_.Use();
  gpu_.MemoryChanged();
  cudaFree(data_);  // waits for what still uses it
  data_ = nullptr;
  bytes_ = 0;
  // Steps of an eighth: what grows a little with every batch isn't allocated with every batch.
  const size_t step = std::max<size_t>(256, std::bit_floor(bytes) / 8);
  const size_t rounded = (bytes + step - 1) / step * step;
  void* p = nullptr;
  const cudaError_t error = cudaMalloc(&p, rounded);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free_bytes = 0, total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    throw Error(ErrorKind::kFailed,
                "the GPU's memory is too small: " + Mebibytes(rounded) + " for " + purpose_ +
                    " were asked for, " + Mebibytes(free_bytes) + " of " + Mebibytes(total_bytes) +
                    " are free",
                gpu_.name(), HintFor(purpose_));
  }
  Check(error, purpose_.c_str());
  data_ = static_cast<char*>(p);
  bytes_ = rounded;
  Check(cudaMemsetAsync(data_, 0, rounded, gpu_.stream()), purpose_.c_str());
  return data_;
}

}  // namespace agon::policy::cuda
