#include "tests/cuda_emulator/runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "tests/cuda_emulator/device.h"
#include "tests/cuda_emulator/device_memory.h"
#include "tests/cuda_emulator/stream.h"

namespace {

using cuda_emulator::DeviceMemory;
using cuda_emulator::Stream;
using cuda_emulator::Streams;

constexpr int kRuntimeVersion = 13000;
constexpr size_t kSmallCopyBytes = 64 << 10;
cuda_emulator::Machine machine;
std::mutex pinned_mutex;
std::map<void*, size_t> pinned;  // start -> bytes

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

bool IsDevice(int device) { return device >= 0 && device < machine.num_gpus; }

cudaError_t Return(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

// Calls that wait, or change memory, may not be made while a stream captures.
bool Forbidden() { return Streams::Instance().Capturing(); }

bool IsPinned(const void* p) {
  const std::lock_guard lock(pinned_mutex);
  return pinned.contains(const_cast<void*>(p));
}

std::vector<std::byte> Staged(const void* from, size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(from);
  return {begin, begin + bytes};
}

// Does the kind of the copy fit where its ends lie?
bool EndsFit(const void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const auto& memory = DeviceMemory::Instance();
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return memory.Holds(to, bytes) == to_device && memory.Holds(from, bytes) == from_device;
}

}  // namespace

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
  }
  return "unrecognized error code";
}

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

void cuda_emulator::SetMachine(const Machine& now) { machine = now; }
const cuda_emulator::Machine& cuda_emulator::CurrentMachine() { return machine; }
int cuda_emulator::CurrentGpu() { return current_device; }

cuda_emulator::Counts& cuda_emulator::MachineCounts() {
  static Counts counts;
  return counts;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = machine.driver_version;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRuntimeVersion;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (machine.driver_version < kRuntimeVersion) return Return(cudaErrorInsufficientDriver);
  if (machine.num_gpus == 0) return Return(cudaErrorNoDevice);
  *count = machine.num_gpus;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (!IsDevice(device)) return Return(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!IsDevice(device)) return Return(cudaErrorInvalidDevice);
  *properties = {};
  properties->uuid.bytes[0] = static_cast<char>(device + 1);
  std::strncpy(properties->name, machine.gpu_name.c_str(), sizeof properties->name - 1);
  properties->totalGlobalMem = machine.memory_bytes;
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = 163 << 10;
  properties->major = machine.gpu_major;
  properties->multiProcessorCount = 2;
  properties->maxThreadsPerBlock = 1024;
  properties->warpSize = 32;
  properties->l2CacheSize = 4 << 10;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *total_bytes = machine.memory_bytes;
  *free_bytes =
      machine.memory_bytes - std::min(machine.memory_bytes, DeviceMemory::Instance().bytes());
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (Forbidden()) return Return(cudaErrorStreamCaptureUnsupported);
  ++cuda_emulator::MachineCounts().waits;
  Streams::Instance().DrainAll();
  DeviceMemory::Instance().CheckGuards();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, size_t bytes) {
  if (Forbidden()) return Return(cudaErrorStreamCaptureUnsupported);
  auto& memory = DeviceMemory::Instance();
  *p = bytes > machine.memory_bytes - memory.bytes() ? nullptr : memory.Allocate(bytes);
  cuda_emulator::MachineCounts().allocations += *p != nullptr;
  return Return(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* p) {
  if (p == nullptr) return cudaSuccess;
  const cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) return error;
  return Return(DeviceMemory::Instance().Free(p) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  const std::lock_guard lock(pinned_mutex);
  size_t all_bytes = bytes;
  for (const auto& [start, taken] : pinned) all_bytes += taken;
  *p = all_bytes > machine.pinned_bytes ? nullptr : std::malloc(bytes);
  if (!*p) return Return(cudaErrorMemoryAllocation);
  pinned[*p] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  const std::lock_guard lock(pinned_mutex);
  if (p && pinned.erase(p) == 0) return Return(cudaErrorInvalidValue);
  std::free(p);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (Forbidden()) return Return(cudaErrorStreamCaptureUnsupported);
  if (kind == cudaMemcpyHostToDevice && bytes <= kSmallCopyBytes && !IsPinned(from) &&
      EndsFit(to, from, bytes, kind)) {
    // Such a call returns when the bytes are staged, which may be before they have arrived.
    Streams::Instance().AddLazily(
        [to, staged = Staged(from, bytes)] { std::memcpy(to, staged.data(), staged.size()); });
    return cudaSuccess;
  }
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!EndsFit(to, from, bytes, kind)) return Return(cudaErrorInvalidValue);
  auto& streams = Streams::Instance();
  const bool capturing = streams.Get(stream).capture != nullptr;
  if (kind == cudaMemcpyHostToDevice && !IsPinned(from) && !capturing &&
      !machine.reads_pageable_memory) {
    // Pageable memory is staged before the call returns: its owner may change it at once.
    streams.Add(stream, [to, staged = Staged(from, bytes)] {
      std::memcpy(to, staged.data(), staged.size());
    });
    return cudaSuccess;
  }
  streams.Add(stream, [=] { std::memcpy(to, from, bytes); });
  if (kind == cudaMemcpyDeviceToHost && !IsPinned(to) && !capturing) {
    streams.Get(stream).Drain();  // such a copy has ended when the call returns
  }
  return cudaSuccess;
}
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  if (Forbidden()) return Return(cudaErrorStreamCaptureUnsupported);
  return cudaMemsetAsync(p, value, bytes, nullptr);
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!DeviceMemory::Instance().Holds(p, bytes)) return Return(cudaErrorInvalidValue);
  Streams::Instance().Add(stream, [=] { std::memset(p, value, bytes); });
  return cudaSuccess;
}
