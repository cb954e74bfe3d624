// Kernels that are wrong on purpose, each with what the emulator says of it; a right twin
// where one shows that the check isn't simply always on.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/launch.h"
#include "tests/cuda_emulator/fault_of.h"
#include "tests/cuda_emulator/sanitizer.h"
#include "tests/cuda_emulator/thread_order.h"

namespace agon::policy::cuda {
namespace {

// Device memory for the length of a test.
struct Floats {
  explicit Floats(int64_t n) : count(n) {
    Check(cudaMalloc(&data, static_cast<size_t>(n) * sizeof(float)), "test");
  }
  ~Floats() { cudaFree(data); }
  Floats(const Floats&) = delete;

  std::vector<float> Read() const {
    std::vector<float> values(static_cast<size_t>(count));
    Check(cudaMemcpy(values.data(), data, values.size() * sizeof(float), cudaMemcpyDeviceToHost),
          "test");
    return values;
  }

  float* data = nullptr;
  int64_t count;
};

__global__ void WaitsIf(bool all, float* out) {
  if (all || threadIdx.x < 40) WaitForKernelBefore();
  out[threadIdx.x] = 1.0f;
}

TEST(Fault, AThreadThatBeginsEarlyAndNeverWaits) {
  const cuda_emulator::ScopedThreadOrder by_number(0);
  Floats out(64);
  LaunchInChain("test", Shape{1, 64}, nullptr, WaitsIf, true, out.data);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(FaultOf(Shape{1, 64}, WaitsIf, false, out.data), "");  // begins in its turn
  std::string fault;
  try {
    LaunchInChain("test", Shape{1, 64}, nullptr, WaitsIf, false, out.data);
    cudaDeviceSynchronize();
  } catch (const cuda_emulator::Fault& f) {
    fault = f.what();
  }
  EXPECT_NE(
      fault.find("block (0,0,0) thread (40,0,0) may begin before the kernel before has ended"),
      std::string::npos)
      << fault;
}

__global__ void ReadUnwritten(float* out) {
  __shared__ SharedArray<float, 64> values;
  if (threadIdx.x < 63) values[threadIdx.x] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = values[63 - static_cast<int>(threadIdx.x)];
}

__global__ void ReadOtherBlocksLeftovers(float* out) {
  __shared__ SharedArray<float, 32> values;
  if (blockIdx.x == 0) values[threadIdx.x] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

__global__ void ReadUnwrittenDynamic(float* out) {
  DynamicShared<float> values(0, 32);
  out[threadIdx.x] = values[threadIdx.x];
}

TEST(Fault, UninitialisedSharedMemory) {
  const cuda_emulator::ScopedThreadOrder by_number(0);
  Floats out(64);
  EXPECT_FAULT("block (0,0,0) thread (0,0,0) reads uninitialised shared memory", Shape{1, 64},
               ReadUnwritten, out.data);
  EXPECT_FAULT("block (1,0,0) thread (0,0,0) reads uninitialised", Shape{2, 32},
               ReadOtherBlocksLeftovers, out.data);
  EXPECT_FAULT("reads uninitialised", (Shape{1, 32, 128}), ReadUnwrittenDynamic, out.data);
}

__global__ void OneThreadLeaves(float* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  out[threadIdx.x] = 0.0f;
}

__global__ void TwoBarriers(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
    out[threadIdx.x] = 1.0f;
  } else {
    __syncthreads();
    out[threadIdx.x] = 2.0f;
  }
}

__global__ void WholeBlockLeaves(float* out, int num_blocks) {
  if (static_cast<int>(blockIdx.x) >= num_blocks) return;
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = 1.0f;
}

TEST(Fault, DivergentBarrier) {
  Floats out(64);
  EXPECT_FAULT("thread (5,0,0) has ended", Shape{1, 64}, OneThreadLeaves, out.data);
  EXPECT_FAULT("divergent __syncthreads", Shape{1, 64}, TwoBarriers, out.data);
  EXPECT_EQ(FaultOf(Shape{4, 32}, WholeBlockLeaves, out.data, 2), "");
}

__global__ void HalfAWarpShuffles(float* out) {
  float x = 1.0f;
  if (threadIdx.x < 16) x = __shfl_xor_sync(0xffffffffu, x, 1);
  __syncthreads();
  out[threadIdx.x] = x;
}

__global__ void HalfAWarpShufflesItsHalf(float* out) {
  float x = static_cast<float>(threadIdx.x);
  if (threadIdx.x < 16) x = __shfl_xor_sync(0x0000ffffu, x, 1);
  out[threadIdx.x] = x;
}

__global__ void ShuffleFromOutside(float* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 20);
}

__global__ void MaskWithoutItself(float* out) {
  out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0);
}

TEST(Fault, DivergentWarpOperation) {
  Floats out(32);
  EXPECT_FAULT("divergent warp operation", Shape{1, 32}, HalfAWarpShuffles, out.data);
  EXPECT_FAULT("shuffles from lane 20, which takes no part", Shape{1, 32}, ShuffleFromOutside,
               out.data);
  EXPECT_FAULT("mask leaves it out", Shape{1, 32}, MaskWithoutItself, out.data);
  EXPECT_EQ(FaultOf(Shape{1, 32}, HalfAWarpShufflesItsHalf, out.data), "");
  EXPECT_EQ(out.Read()[6], 7.0f);
  EXPECT_EQ(out.Read()[20], 20.0f);
}

__global__ void LoadVector(const float* x, float* out) {
  Store4(out + threadIdx.x * 4, Load4(x + threadIdx.x * 4));
}

__global__ void LoadBf16Vector(const Bf16* x, float* out) { Store4(out, Load4(x + threadIdx.x)); }

TEST(Fault, MisalignedVector) {
  Floats x(64), out(64);
  EXPECT_EQ(FaultOf(Shape{1, 8}, LoadVector, x.data, out.data), "");
  EXPECT_FAULT("moves 16 bytes at once at an address that is 4 past", Shape{1, 8}, LoadVector,
               x.data + 1, out.data);
  EXPECT_FAULT("misaligned address", Shape{1, 8}, LoadVector, x.data, out.data + 2);
  EXPECT_FAULT("moves 8 bytes at once at an address that is 2 past", Shape{1, 2}, LoadBf16Vector,
               reinterpret_cast<const Bf16*>(x.data), out.data);
}

__global__ void IndexShared(float* out, int64_t index) {
  __shared__ SharedArray<float, 8> values;
  values[index] = 1.0f;
  out[0] = values[index];
}

__global__ void TakeDynamic(float* out, int count) {
  DynamicShared<float> values(16, count);
  values[count - 1] = 1.0f;
  out[0] = values[count - 1];
}

TEST(Fault, OutOfBoundsOfSharedMemory) {
  Floats out(8);
  EXPECT_EQ(FaultOf(Shape{1, 1}, IndexShared, out.data, 7), "");
  EXPECT_FAULT("element 8 of 8", Shape{1, 1}, IndexShared, out.data, 8);
  EXPECT_FAULT("element -1 of 8", Shape{1, 1}, IndexShared, out.data, -1);
  EXPECT_EQ(FaultOf(Shape{1, 1, 64}, TakeDynamic, out.data, 12), "");
  EXPECT_FAULT("takes bytes 16 to 68 of 64", (Shape{1, 1, 64}), TakeDynamic, out.data, 13);
}

__global__ void WriteAt(float* out, int index) { out[index] = 1.0f; }

TEST(Fault, OutOfBoundsOfGlobalMemory) {
  Floats out(10);
  EXPECT_EQ(FaultOf(Shape{1, 1}, WriteAt, out.data, 9), "");
#ifdef CUDA_EMULATOR_ASAN
  EXPECT_DEATH(FaultOf(Shape{1, 1}, WriteAt, out.data, 10), "heap-buffer-overflow");
#else
  const std::string fault = FaultOf(Shape{1, 1}, WriteAt, out.data, 10);
  EXPECT_NE(fault.find("behind the end of an allocation of 40 bytes"), std::string::npos) << fault;
  out.data[10] = std::bit_cast<float>(0xA5A5A5A5u);  // mends the guard, which the end checks
#endif
}

__global__ void ReadWithoutBarrier(float* out) {
  __shared__ SharedArray<float, 64> values;
  values[threadIdx.x] = 1.0f;
  out[threadIdx.x] = values[63 - static_cast<int>(threadIdx.x)];
}

__global__ void WriteAfterRead(float* out) {
  __shared__ SharedArray<float, 1> value;
  if (threadIdx.x == 0) value[0] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = value[0];
  if (threadIdx.x == 40) value[0] = 2.0f;
}

__global__ void TwoWriters() {
  __shared__ SharedArray<float, 1> value;
  value[0] = 1.0f;
}

__global__ void NeighbourInWarp(float* out, bool synchronise) {
  __shared__ SharedArray<float, 32> values;
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (synchronise) __syncwarp();
  out[threadIdx.x] = values[(threadIdx.x + 1) % 32];
  if (synchronise) __syncwarp();
  values[threadIdx.x] = 0.0f;
}

TEST(Fault, RaceInSharedMemory) {
  Floats out(64);
  for (const uint64_t order : {0, 1, 2, 3}) {
    const cuda_emulator::ScopedThreadOrder for_now(order);
    // Orders 0 and some others run the reader first: then it is a read of what isn't there.
    EXPECT_NE(FaultOf(Shape{1, 64}, ReadWithoutBarrier, out.data), "");
    EXPECT_FAULT("races: ", Shape{1, 64}, WriteAfterRead, out.data);
    EXPECT_FAULT("races: writes SharedArray element 0", Shape{1, 64}, TwoWriters);
    EXPECT_NE(FaultOf(Shape{1, 32}, NeighbourInWarp, out.data, false), "");
    EXPECT_EQ(FaultOf(Shape{1, 32}, NeighbourInWarp, out.data, true), "");
  }
}

__global__ void LastWriterWins(float* out) { out[0] = static_cast<float>(threadIdx.x); }

TEST(Fault, RaceInGlobalMemoryShowsInAnotherOrder) {
  Floats out(1);
  std::vector<float> results;
  for (const uint64_t order : {0, 1, 2, 3}) {
    const cuda_emulator::ScopedThreadOrder for_now(order);
    EXPECT_EQ(FaultOf(Shape{1, 64}, LastWriterWins, out.data), "");
    results.push_back(out.Read()[0]);
  }
  EXPECT_EQ(results[0], 63.0f);
  EXPECT_TRUE(results[1] != results[0] || results[2] != results[0] || results[3] != results[0]);
}

__global__ void Nothing() {}

__global__ void MuchStaticMemory() {
  __shared__ SharedArray<float, 8 << 10> first;
  __shared__ SharedArray<float, 5 << 10> second;
  first[0] = 1.0f;
  second[0] = 1.0f;
}

TEST(Fault, BeyondTheHardwaresLimits) {
  const auto refused = [](dim3 grid, dim3 block, size_t shared_bytes) {
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    return cudaLaunchKernelEx(&config, Nothing) != cudaSuccess;
  };
  EXPECT_FALSE(refused(1, 1024, 48 << 10));
  EXPECT_TRUE(refused(1, 1025, 0));
  EXPECT_TRUE(refused(1, dim3(32, 33), 0));
  EXPECT_TRUE(refused(1, dim3(1, 1, 65), 0));
  EXPECT_TRUE(refused(dim3(1, 65536), 1, 0));
  EXPECT_TRUE(refused(0, 1, 0));
  EXPECT_TRUE(refused(1, 1, (48 << 10) + 1));
  EXPECT_EQ(FaultOf(Shape{1, 32, 163 << 10}, Nothing), "");  // the launcher asks for it
  EXPECT_THROW(FaultOf(Shape{1, 32, 200 << 10}, Nothing), Error);
  EXPECT_FAULT("bytes of static shared memory", Shape{1, 32}, MuchStaticMemory);
}

TEST(Fault, DeviceFunctionsOutsideOfAKernel) {
  EXPECT_THROW(__syncthreads(), cuda_emulator::Fault);
}

TEST(Fault, OfTheFirstBlockIsReportedAndTheDeviceGoesOn) {
  Floats out(64 * 1000);
  EXPECT_FAULT(
      "block (7,0,0)", Shape{1000, 64},
      +[](float* p) {
        if (blockIdx.x % 10 == 7 && threadIdx.x == 3) return;
        __syncthreads();
        p[blockIdx.x * blockDim.x + threadIdx.x] = 1.0f;
      },
      out.data);
  EXPECT_EQ(FaultOf(Shape{1, 64}, LastWriterWins, out.data), "");
}

}  // namespace
}  // namespace agon::policy::cuda
