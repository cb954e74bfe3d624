// Ranks with a GPU each, as threads: by NCCL, with the bits of one. In the emulator on four GPUs;
// on a machine that has fewer than two there is nothing to test.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/policy/trained_by_ranks.h"

namespace agon::policy::cuda {
namespace {

// Three chunks of squares, of which the last begins in a matrix of the first layer.
ModelConfig SmallModel() {
  ModelConfig config = SmallestConfig(/*vocab_size=*/900, /*max_positions=*/32);
  config.num_layers = 2;
  return config;
}

class GpuRanks : public testing::Test {
 protected:
  GpuRanks() : dir_(std::filesystem::path(testing::TempDir()) / "gpu_ranks") {
    std::filesystem::create_directories(dir_);
#ifdef CUDA_EMULATOR
    cuda_emulator::SetMachine({.num_gpus = 4});
#endif
  }
  ~GpuRanks() override {
#ifdef CUDA_EMULATOR
    cuda_emulator::SetMachine({});
#endif
  }
  void SetUp() override {
    if (NumGpus() < 2) GTEST_SKIP() << "needs two GPUs";
  }

  RanksToTrain Ranks(OptimizerConfig::Kind kind, ComputeType compute) const {
    return {.dir = dir_,
            .optimizer = {.kind = kind, .weight_decay = 0.1f, .max_grad_norm = 0.5f},
            .compute = compute,
            .model = SmallModel(),
            .device = [](int rank) {
              return policy::Device{policy::Device::Kind::kCuda, rank};
            }};
  }

  std::filesystem::path dir_;
};

TEST_F(GpuRanks, ExchangeByNcclAndGiveTheBitsOfOne) {
  const RanksToTrain ranks = Ranks(OptimizerConfig::Kind::kAdamW, ComputeType::kBfloat16);
  const Trained one = ranks.Train(1, 0, 1);
  EXPECT_EQ(one.way, "");
  for (const int num_ranks : {2, 4}) {
    if (NumGpus() < num_ranks) continue;
    const Trained several = ranks.Train(num_ranks, 0, 1);
    EXPECT_EQ(several.way.substr(0, 5), "NCCL ");
    EXPECT_TRUE(several.HasBitsOf(one)) << num_ranks;
  }
}

TEST_F(GpuRanks, WholeMatricesAreSteppedByOneRankAndARunGoesOnOnAnotherNumber) {
  RanksToTrain ranks = Ranks(OptimizerConfig::Kind::kMuon, ComputeType::kFloat32);
  const Trained whole = ranks.Train(1, 0, 2);
  ranks.is_planned = true;  // each rank takes memory for its share
  ranks.Train(std::min(4, NumGpus()), 0, 1);
  const Trained last = ranks.Train(2, 1, 1);
  EXPECT_TRUE(last.weights == whole.weights);
  EXPECT_TRUE(last.optimizer_file == whole.optimizer_file);
}

}  // namespace
}  // namespace agon::policy::cuda
