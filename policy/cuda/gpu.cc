#include "policy/cuda/gpu.h"

#include "core/error.h"
#include "policy/cuda/kernel_code.h"
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
  cache_bytes_ = static_cast<size_t>(properties.l2CacheSize);
  if (!IsSupported(properties)) {
    throw Error(ErrorKind::kUnsupported,
                name_ + " has compute capability " + std::to_string(properties.major) + "." +
                    std::to_string(properties.minor) + "; agon has kernels for 8.0 to 10.x",
                "cuda:" + std::to_string(index), "use another GPU, or the device cpu");
  }
  Use();
  int code = 0;
  const cudaError_t code_error = KernelCode(&code);
  if (code_error == cudaErrorNoKernelImageForDevice) {
    throw Error(ErrorKind::kUnsupported,
                "agon's kernels were built for other GPUs than " + name_ +
                    ", of compute capability " + std::to_string(properties.major) + "." +
                    std::to_string(properties.minor),
                "cuda:" + std::to_string(index),
                "build with CMAKE_CUDA_ARCHITECTURES left out, or for this one");
  }
  Check(code_error, "start of CUDA");
  Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "start of CUDA");
}

Gpu::~Gpu() { cudaStreamDestroy(stream_); }

void Gpu::Use() const {
  thread_local int current = -1;
  if (current == index_) return;
  Check(cudaSetDevice(index_), "choice of the GPU");
  current = index_;
}

}  // namespace agon::policy::cuda
