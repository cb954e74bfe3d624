#include "policy/cuda/graphs.h"

#include <cstdlib>

#include "core/error.h"
#include "policy/cuda/launch.h"
#include "tests/cuda/backend_fixture.h"
#ifdef CUDA_EMULATOR
#include "tests/cuda_emulator/runtime.h"
#endif

namespace agon::policy::cuda {
namespace {

TEST(GraphRows, AreFewAndEnough) {
  int previous = 0, sizes = 0;
  for (int rows = 1; rows <= 1024; ++rows) {
    const int padded = GraphRows(rows);
    EXPECT_GE(padded, rows);
    EXPECT_GE(padded, previous);
    EXPECT_EQ(GraphRows(padded), padded);
    if (padded != previous) ++sizes;
    previous = padded;
  }
  EXPECT_EQ(GraphRows(1), 1);
  EXPECT_EQ(GraphRows(100), 112);
  EXPECT_LE(sizes, 26);
}

class CudaGraphs : public KernelTest<float> {};

TEST_F(CudaGraphs, ReplayWhatWasRecordedUntilMemoryMoves) {
  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0);
  Device<float> x(std::vector<float>{1, 2, 3}), y(std::vector<float>{10, 20, 30});
  int num_calls = 0;
  const auto step = [&] {
    backend.Replay(3, [&] {
      ++num_calls;
      backend.Combine(1.0f, x, 1.0f, y, 3, y);
    });
  };
  step();  // runs
  step();  // records
  EXPECT_EQ(num_calls, 2);
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(num_calls, 2);
  EXPECT_EQ(y.Read(), (std::vector<float>{15, 30, 45}));
  // What a graph reads may change; where it lies may not.
  const std::vector<float> ones{1, 1, 1};
  backend.Upload(x, ones.data(), sizeof(float) * 3);
  step();
  EXPECT_EQ(num_calls, 2);
  EXPECT_EQ(y.Read(), (std::vector<float>{16, 31, 46}));
  backend.NewMemory("test")->Get(1000);
  step();
  EXPECT_EQ(num_calls, 3);
  EXPECT_EQ(y.Read(), (std::vector<float>{17, 32, 47}));
}

TEST_F(CudaGraphs, AnErrorInARecordingLeavesTheStreamUsable) {
  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0);
  backend.Replay(1, [] {});
  EXPECT_THROW(backend.Replay(1, [] { throw Error(ErrorKind::kFailed, "no"); }), Error);
  Device<float> x(std::vector<float>{1, 2});
  backend.Combine(2.0f, x, 0.0f, x, 2, x);
  EXPECT_EQ(x.Read(), (std::vector<float>{2, 4}));
}

// Five samples of a short prompt.
std::vector<Completion> Decode(ComputeType compute) {
  const Prompt prompt{.tokens = {1, 2, 3, 4}, .max_new_tokens = 12, .num_samples = 5};
  const auto policy = Policy::Create(TinyConfig(), compute, 3, {policy::Device::Kind::kCuda, 0});
  return policy->Generate({&prompt, 1}, {}, {.run_seed = 1, .stream = RngStream::kSample});
}

void ExpectSame(const std::vector<Completion>& got, const std::vector<Completion>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].tokens, expected[i].tokens);
    EXPECT_TRUE(SameBits(got[i].rollout_logprobs, expected[i].rollout_logprobs));
  }
}

TEST_F(CudaGraphs, DecodingIsTheSameIfKernelsBeginInTheirTurn) {
  const auto early = Decode(ComputeType::kBfloat16);
  EXPECT_EQ(early.size(), 5u);
  ::setenv("AGON_CUDA_OVERLAP", "off", 1);
  EXPECT_FALSE(MayBeginEarly());
  ExpectSame(Decode(ComputeType::kBfloat16), early);
  ::unsetenv("AGON_CUDA_OVERLAP");
}

TEST_F(CudaGraphs, DecodingIsTheSameWithoutThem) {
  const auto with = Decode(ComputeType::kFloat32);
  ::setenv("AGON_CUDA_GRAPHS", "off", 1);
#ifdef CUDA_EMULATOR
  const int64_t graphs = cuda_emulator::MachineCounts().graphs;
  EXPECT_GT(graphs, 0);
#endif
  const auto without = Decode(ComputeType::kFloat32);
  ::unsetenv("AGON_CUDA_GRAPHS");
#ifdef CUDA_EMULATOR
  EXPECT_EQ(cuda_emulator::MachineCounts().graphs, graphs);
#endif
  EXPECT_EQ(with.size(), 5u);
  ExpectSame(without, with);
}

}  // namespace
}  // namespace agon::policy::cuda
