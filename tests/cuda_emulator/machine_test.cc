// What is said about machines that can't compute on CUDA, and memory that is too small.
#include <gtest/gtest.h>

#include <cstdlib>

#include "policy/backend.h"
#include "policy/cuda/launch.h"
#include "policy/cuda_library.h"
#include "tests/cuda_emulator/runtime.h"
#include "tests/error_of.h"
#include "tests/policy/tiny_policy.h"
#include "tests/trainer/thread_ranks.h"
#include "trainer/checkpoint.h"
#include "trainer/run_device.h"

namespace agon::policy {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

class CudaMachine : public ::testing::Test {
 protected:
  ~CudaMachine() override { cuda_emulator::SetMachine({}); }

  std::string ErrorOn(const cuda_emulator::Machine& machine, ErrorKind kind,
                      const Device& device = kGpu) {
    cuda_emulator::SetMachine(machine);
    return ErrorOf([&] { Policy::Create(TinyConfig(), ComputeType::kAuto, 1, device); }, kind);
  }
};

TEST_F(CudaMachine, NoGpu) {
  const std::string error = ErrorOn({.num_gpus = 0}, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "no GPU to use")) << error;
  EXPECT_TRUE(Contains(error, "device cpu")) << error;
  EXPECT_EQ(ParseDevice("auto"), Device{});
}

TEST_F(CudaMachine, NoDriver) {
  const std::string error = ErrorOn({.driver_version = 0}, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "no NVIDIA driver")) << error;
  EXPECT_EQ(ParseDevice("auto"), Device{});
}

TEST_F(CudaMachine, DriverTooOld) {
  const std::string error = ErrorOn({.driver_version = 12020}, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "too old: it knows CUDA 12.2, agon was built with 13.0")) << error;
}

TEST_F(CudaMachine, GpuTooOld) {
  const std::string error = ErrorOn({.gpu_major = 7}, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "CUDA emulator has compute capability 7.0")) << error;
  EXPECT_EQ(ParseDevice("auto"), Device{});
}

TEST_F(CudaMachine, NoKernelsForTheGpu) {
  const std::string error = ErrorOn({.code_version = 0}, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "were built for other GPUs than CUDA emulator, of compute")) << error;
  EXPECT_TRUE(Contains(error, "CMAKE_CUDA_ARCHITECTURES")) << error;
}

TEST_F(CudaMachine, KernelsBeginEarlyIfTheyWereCompiledForIt) {
  EXPECT_TRUE(cuda::MayBeginEarly());
  cuda_emulator::SetMachine({.code_version = 80});  // of a GPU of any age
  EXPECT_FALSE(cuda::MayBeginEarly());
}

TEST_F(CudaMachine, NoSuchGpu) {
  const std::string error = ErrorOn({}, ErrorKind::kUsage, {Device::Kind::kCuda, 2});
  EXPECT_TRUE(Contains(error, "no GPU 2: this machine has 1")) << error;
}

TEST_F(CudaMachine, MemoryTooSmallSaysForWhatAndWhatToLower) {
  const std::string weights = ErrorOn({.memory_bytes = 100 << 10}, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(weights, "1 MiB for weights (fp32) were asked for")) << weights;
  EXPECT_TRUE(Contains(weights, "model.preset")) << weights;

  cuda_emulator::SetMachine({.memory_bytes = 3 << 20});
  const auto policy = TinyPolicy(ComputeType::kAuto, 7, kGpu);
  PackedBatch batch;
  Rng rng({.run_seed = 1, .stream = RngStream::kTest});
  for (int i = 0; i < 20; ++i) AppendSequence(RandomTokens(rng, 150, 75), 1, batch);
  const std::string activations = ErrorOf([&] { policy->Score(batch); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(activations, "for activations were asked for")) << activations;
  EXPECT_TRUE(Contains(activations, "run.micro_batch_tokens")) << activations;
  // Nothing is lost: what fits goes on.
  batch = {};
  AppendSequence(RandomTokens(rng, 9, 75), 1, batch);
  EXPECT_EQ(policy->Score(batch).logprobs.size(), 8u);
}

TEST_F(CudaMachine, MemoryOfTheHostThatCannotBePinnedIsNotTheGpus) {
  const std::string error = ErrorOn({.pinned_bytes = 5 << 20}, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "the host has no 1 MiB of memory that may be pinned")) << error;
  EXPECT_TRUE(Contains(error, "ulimit -l")) << error;
  EXPECT_FALSE(Contains(error, "micro-batch")) << error;
}

TEST_F(CudaMachine, RanksOfAMachineShareItsGpus) {
  cuda_emulator::SetMachine({.num_gpus = 2});
  trainer::Recipe recipe;
  trainer::ThreadRanks(5).Run([&](Communicator& ranks) {
    if (!ranks.is_leader()) return;
    for (const char* name : {"cuda", "auto"}) {
      recipe.run.device = name;
      for (int local_rank = 0; local_rank < 5; ++local_rank) {
        ::setenv("OMPI_COMM_WORLD_LOCAL_RANK", std::to_string(local_rank).c_str(), 1);
        EXPECT_EQ(trainer::DeviceOf(recipe, &ranks).index, local_rank % 2) << name;
      }
    }
    recipe.run.device = "cuda:1";
    EXPECT_EQ(trainer::DeviceOf(recipe, &ranks).index, 1);  // the one that was named
  });
  ::unsetenv("OMPI_COMM_WORLD_LOCAL_RANK");
}

// Another version may multiply by other algorithms: the result would be that of neither.
TEST_F(CudaMachine, ACheckpointOfAnotherCublasltIsRefused) {
  const fs::path dir = fs::path(::testing::TempDir()) / "cublaslt_version";
  {
    const auto policy = TinyPolicy(ComputeType::kBfloat16, 7, kGpu);
    policy->ConfigureOptimizer({});
    const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
    trainer::SaveCheckpoint(dir, {"rl", 1, false, 1, {}, "hash"}, *policy,
                            datasets::ChatTemplate(tokenizer));
  }
  const auto load = [&] {
    trainer::LoadCheckpoint(*trainer::FindLastCheckpoint(dir, "rl"), ComputeType::kBfloat16, {},
                            kGpu);
  };
  EXPECT_NO_THROW(load());
  cuda_emulator::SetMachine({.cublaslt_version = 130200});
  const std::string error = ErrorOf(load, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(error, "trained in bf16 on CUDA emulator with cuBLASLt 13.1.0")) << error;
  EXPECT_TRUE(Contains(error, "the CUDA libraries that it began with")) << error;
}

// Such a GPU reads the host's pages when a copy is due: what the host wrote there meanwhile.
TEST_F(CudaMachine, AGpuThatReadsTheHostsPagesGetsWhatWasSent) {
  cuda_emulator::SetMachine({.reads_pageable_memory = true});
  const auto backend = NewBackend(TinyConfig(), ComputeType::kFloat32, kGpu);
  const auto memory = backend->NewMemory("test");
  char* on_device = memory->Get(4);
  int32_t host = 42, back = 0;
  backend->Upload(on_device, &host, sizeof host);
  host = 13;
  backend->Download(&back, on_device, sizeof back);
  EXPECT_EQ(back, 42);
}

TEST_F(CudaMachine, ACardsNameAndTheVersionOfCublasltArePartOfTheArithmetic) {
  cuda_emulator::SetMachine({.cublaslt_version = 120804, .gpu_name = "Quadro RTX 6000/8000"});
  EXPECT_EQ(ArithmeticName(ComputeType::kAuto, kGpu),
            "bf16 on Quadro RTX 6000/8000 with cuBLASLt 12.8.4");
  EXPECT_EQ(ArithmeticName(ComputeType::kFloat32, {Device::Kind::kCuda, 3}), "fp32 on cuda");
}

TEST_F(CudaMachine, DevicesAreReadStrictly) {
  EXPECT_EQ(ParseDevice("cpu"), Device{});
  EXPECT_EQ(ParseDevice("auto"), kGpu);
  EXPECT_EQ(ParseDevice("cuda"), kGpu);
  EXPECT_EQ(ParseDevice("cuda:12"), (Device{Device::Kind::kCuda, 12}));
  for (const char* text :
       {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda:99999999999"}) {
    EXPECT_THROW(ParseDevice(text), Error) << text;
  }
}

}  // namespace
}  // namespace agon::policy
