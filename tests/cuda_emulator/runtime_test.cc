// What right kernels compute, and the runtime's order of things: streams, events, graphs.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "policy/cuda/device.h"
#include "policy/cuda/launch.h"
#include "tests/cuda_emulator/thread_order.h"

namespace agon::policy::cuda {
namespace {

template <typename T>
std::vector<T> Read(const T* device, size_t count) {
  std::vector<T> values(count);
  Check(cudaMemcpy(values.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost), "test");
  return values;
}

template <typename T>
T* Allocate(size_t count) {
  T* p = nullptr;
  Check(cudaMalloc(&p, count * sizeof(T)), "test");
  return p;
}

__global__ void Increment(float* x, float by) { x[blockIdx.x * blockDim.x + threadIdx.x] += by; }

__global__ void Lanes(int* out) {
  const int lane = threadIdx.x % 32;
  int* row = out + threadIdx.x * 6;
  row[0] = __shfl_sync(kAllLanes, lane, 3);
  row[1] = __shfl_up_sync(kAllLanes, lane, 2);
  row[2] = __shfl_down_sync(kAllLanes, lane, 2);
  row[3] = __shfl_xor_sync(kAllLanes, lane, 16);
  row[4] = __popc(__ballot_sync(kAllLanes, lane % 3 == 0));
  row[5] = __any_sync(kAllLanes, lane == 31) ? 1 : 0;
}

TEST(Runtime, WarpOperations) {
  int* out = Allocate<int>(64 * 6);
  Launch("test", {1, 64}, nullptr, Lanes, out);
  const auto rows = Read(out, 64 * 6);
  for (int t = 0; t < 64; ++t) {
    const int lane = t % 32;
    const int* row = &rows[static_cast<size_t>(t) * 6];
    EXPECT_EQ(row[0], 3);
    EXPECT_EQ(row[1], lane < 2 ? lane : lane - 2);
    EXPECT_EQ(row[2], lane > 29 ? lane : lane + 2);
    EXPECT_EQ(row[3], lane ^ 16);
    EXPECT_EQ(row[4], 11);
    EXPECT_EQ(row[5], 1);
  }
  cudaFree(out);
}

__global__ void Sums(const float* x, float* sums, float* most) {
  const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const float sum = BlockSum(x[at]);
  const float max = BlockMax(x[at]);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum;
    most[blockIdx.x] = max;
  }
}

TEST(Runtime, BlockReductionsInEveryOrder) {
  constexpr size_t kBlocks = 400, kThreads = 256;
  std::vector<float> x(kBlocks * kThreads);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 997) * 0.1f;
  float *device = Allocate<float>(x.size()), *sums = Allocate<float>(kBlocks),
        *most = Allocate<float>(kBlocks);
  cudaMemcpy(device, x.data(), x.size() * sizeof(float), cudaMemcpyHostToDevice);
  std::vector<float> first;
  for (const uint64_t order : {0, 5, 6}) {
    const cuda_emulator::ScopedThreadOrder for_now(order);
    Launch("test", {kBlocks, kThreads}, nullptr, Sums, device, sums, most);
    const auto got = Read(sums, kBlocks), maxima = Read(most, kBlocks);
    if (order == 0) first = got;
    EXPECT_EQ(got, first);
    for (size_t b = 0; b < kBlocks; b += 97) {
      const auto begin = x.begin() + static_cast<int64_t>(b * kThreads);
      EXPECT_NEAR(got[b], std::accumulate(begin, begin + kThreads, 0.0), 0.05);
      EXPECT_EQ(maxima[b], *std::max_element(begin, begin + kThreads));
    }
  }
  for (float* p : {device, sums, most}) cudaFree(p);
}

__global__ void Count(int* total, float* weight) {
  atomicAdd(total, 1);
  atomicAdd(weight, 0.5f);
}

TEST(Runtime, AtomicsAcrossBlocks) {
  int* total = Allocate<int>(1);
  float* weight = Allocate<float>(1);
  cudaMemset(total, 0, sizeof(int));
  cudaMemset(weight, 0, sizeof(float));
  Launch("test", {100, 128}, nullptr, Count, total, weight);
  EXPECT_EQ(Read(total, 1)[0], 12800);
  EXPECT_EQ(Read(weight, 1)[0], 6400.0f);
  cudaFree(total);
  cudaFree(weight);
}

TEST(Runtime, Bf16RoundsToNearestEven) {
  const auto round = [](uint32_t bits) {
    return __bfloat16_as_ushort(__float2bfloat16_rn(std::bit_cast<float>(bits)));
  };
  EXPECT_EQ(round(0x3f800000), 0x3f80);
  EXPECT_EQ(round(0x3f808000), 0x3f80);  // a tie: to the even one below
  EXPECT_EQ(round(0x3f818000), 0x3f82);  // a tie: to the even one above
  EXPECT_EQ(round(0x3f808001), 0x3f81);
  EXPECT_EQ(round(0x7f7fffff), 0x7f80);  // overflows to infinity
  EXPECT_EQ(round(0x80000000), 0x8000);
  EXPECT_TRUE(std::isnan(__bfloat162float(__float2bfloat16_rn(std::nanf("")))));
}

TEST(Runtime, WorkWaitsForASynchronisation) {
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  float* x = Allocate<float>(32);
  float* host = nullptr;
  cudaMallocHost(&host, 32 * sizeof(float));
  host[0] = -1.0f;
  cudaMemsetAsync(x, 0, 32 * sizeof(float), stream);
  Launch("test", {1, 32}, stream, Increment, x, 2.0f);
  cudaMemcpyAsync(host, x, 32 * sizeof(float), cudaMemcpyDeviceToHost, stream);
  EXPECT_EQ(host[0], -1.0f);  // a reader that doesn't wait gets what was there
  // A blocking copy on the default stream doesn't wait for a non-blocking one either.
  EXPECT_TRUE(std::isnan(Read(x, 32)[0]));
  cudaStreamSynchronize(stream);
  EXPECT_EQ(host[0], 2.0f);
  cudaFreeHost(host);
  cudaFree(x);
  cudaStreamDestroy(stream);
}

TEST(Runtime, EventsOrderStreams) {
  cudaStream_t first, second;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaEvent_t event;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  float* x = Allocate<float>(32);
  cudaMemsetAsync(x, 0, 32 * sizeof(float), first);
  cudaEventRecord(event, first);
  cudaStreamWaitEvent(second, event);
  Launch("test", {1, 32}, second, Increment, x, 1.0f);
  cudaStreamSynchronize(second);
  EXPECT_EQ(Read(x, 32)[31], 1.0f);
  cudaFree(x);
  cudaEventDestroy(event);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

TEST(Runtime, GraphsReplayWhatWasCaptured) {
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  float *x = Allocate<float>(64), *y = Allocate<float>(64);
  cudaMemset(x, 0, 64 * sizeof(float));
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  Launch("test", {2, 32}, stream, Increment, x, 1.0f);
  cudaMemcpyAsync(y, x, 64 * sizeof(float), cudaMemcpyDeviceToDevice, stream);
  void* unused = nullptr;
  EXPECT_EQ(cudaMalloc(&unused, 16), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(Read(x, 1)[0], 0.0f);  // nothing ran
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  cudaGraphDestroy(graph);
  for (int i = 0; i < 3; ++i) cudaGraphLaunch(executable, stream);
  cudaStreamSynchronize(stream);
  EXPECT_EQ(Read(y, 64)[63], 3.0f);
  cudaGraphExecDestroy(executable);
  cudaFree(x);
  cudaFree(y);
  cudaStreamDestroy(stream);
}

TEST(Runtime, CopiesCheckTheirEnds) {
  float* x = Allocate<float>(8);
  float host[16] = {};
  EXPECT_EQ(cudaMemcpy(x, host, sizeof host, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, x, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_TRUE(std::isnan(Read(x, 8)[7]));  // fresh memory is poison
  EXPECT_EQ(cudaFree(host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(x), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&x, size_t{1} << 50), cudaErrorMemoryAllocation);
}

TEST(Runtime, ErrorsNameTheOp) {
  try {
    Check(cudaErrorMemoryAllocation, "KV cache");
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("KV cache"), std::string::npos) << text;
    EXPECT_NE(text.find("out of memory"), std::string::npos) << text;
    EXPECT_NE(text.find("lower the tokens"), std::string::npos) << text;
  }
}

// A copy of so few bytes may be on its way when the call returns, and a stream that doesn't wait
// for the default one overtakes it.
TEST(Runtime, ASmallCopyHasNotArrivedUntilSomethingWaits) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  int32_t* on_device = nullptr;
  ASSERT_EQ(cudaMalloc(&on_device, 8), cudaSuccess);
  const int32_t sent = 42;
  int32_t early = 0, late = 0;
  cudaMemcpy(on_device, &sent, 4, cudaMemcpyHostToDevice);
  cudaMemcpyAsync(on_device + 1, on_device, 4, cudaMemcpyDeviceToDevice, stream);
  cudaMemcpyAsync(&early, on_device + 1, 4, cudaMemcpyDeviceToHost, stream);
  EXPECT_EQ(early, -1);  // cudaMalloc's poison
  cudaDeviceSynchronize();
  cudaMemcpyAsync(&late, on_device, 4, cudaMemcpyDeviceToHost, stream);
  EXPECT_EQ(late, 42);
  cudaFree(on_device);
  cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace agon::policy::cuda
