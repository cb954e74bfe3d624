// A policy that several ranks train: weights, norms and files are those of one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "policy/backend.h"
#include "tests/error_of.h"
#include "tests/policy/trained_by_ranks.h"

namespace agon::policy {
namespace {

class RanksTest : public testing::Test {
 protected:
  RanksTest()
      : dir_(std::filesystem::path(testing::TempDir()) /
             ("policy_ranks_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  ~RanksTest() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path dir_;
};

TEST_F(RanksTest, AnyNumberOfRanksGivesTheBitsOfOne) {
  const std::pair<OptimizerConfig::Kind, ComputeType> cases[] = {
      {OptimizerConfig::Kind::kAdamW, ComputeType::kFloat32},
      {OptimizerConfig::Kind::kAdamW, ComputeType::kAuto},
      {OptimizerConfig::Kind::kMuon, ComputeType::kAuto}};
  for (const auto& [kind, compute] : cases) {
    const RanksToTrain ranks{
        .dir = dir_,
        .optimizer = {.kind = kind, .weight_decay = 0.1f, .max_grad_norm = 0.5f},
        .compute = compute};
    const Trained one = ranks.Train(1, 0, 2);
    for (const int num_ranks : {2, 4}) {
      EXPECT_TRUE(ranks.Train(num_ranks, 0, 2).HasBitsOf(one)) << num_ranks;
    }
  }
}

TEST_F(RanksTest, ARunGoesOnOnAnotherNumberOfRanks) {
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    const RanksToTrain ranks{.dir = dir_, .optimizer = {.kind = kind}};
    const Trained whole = ranks.Train(1, 0, 4);
    ranks.Train(4, 0, 1);
    ranks.Train(2, 1, 1);
    ranks.Train(4, 2, 1);
    const Trained last = ranks.Train(1, 3, 1);
    EXPECT_TRUE(last.weights == whole.weights);
    EXPECT_EQ(last.norms.back(), whole.norms.back());
    EXPECT_TRUE(last.optimizer_file == whole.optimizer_file);
    EXPECT_TRUE(last.model_file == whole.model_file);
  }
}

TEST_F(RanksTest, AGradientThatIsNoNumberIsOneErrorOnAllRanks) {
  trainer::ThreadRanks(2).Run([&](Communicator& ranks) {
    auto policy = TinyPolicy(ComputeType::kFloat32);
    policy->Join(ranks);
    policy->ConfigureOptimizer({});
    const auto name = "model.layers.1.mlp.up_proj.weight";
    const std::vector<float> before(policy->Weight(name).begin(), policy->Weight(name).end());
    const PackedBatch batch = RanksToTrain().ShardOf(0, ranks.rank());
    const auto step = [&](float derivative) {
      policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), derivative));
      policy->AddShard(/*is_last=*/true);
      return policy->OptimizerStep(1e-2f);
    };
    // The first rank has the front of the arena, the other what the backward pass began with.
    const std::string error =
        ErrorOf([&] { step(ranks.rank() == 1 ? INFINITY : 1.0f); }, ErrorKind::kFailed);
    EXPECT_TRUE(Contains(error, "model.norm.weight: its gradient is not a number")) << error;
    EXPECT_TRUE(std::equal(before.begin(), before.end(), policy->Weight(name).begin()));
    EXPECT_TRUE(std::isfinite(step(1.0f)));
  });
}

int64_t MomentBytes(const Policy& policy, const std::string& purpose) {
  for (const MemoryUse& use : policy.Memory()) {
    if (use.purpose == purpose) return use.bytes;
  }
  return 0;
}

TEST_F(RanksTest, ARankHasItsShareOfTheMoments) {
  const ModelConfig config = SmallestConfig(/*vocab_size=*/32 << 10, 32);  // 1 Mi weights
  const auto bytes_on = [&](int num_ranks, const std::string& purpose) {
    int64_t most = 0;
    std::mutex mutex;
    trainer::ThreadRanks(num_ranks).Run([&](Communicator& ranks) {
      const auto policy = Policy::Create(config, ComputeType::kFloat32, 1);
      policy->Join(ranks);
      policy->ConfigureOptimizer({});
      policy->AddShard(/*is_last=*/true);
      policy->OptimizerStep(1e-3f);
      const std::lock_guard lock(mutex);
      most = std::max(most, MomentBytes(*policy, purpose));
    });
    return most;
  };
  // Memory comes in pieces of 2 MiB.
  EXPECT_GE(bytes_on(1, "optimizer moments"), 8 << 20);
  const int64_t of_four = bytes_on(4, "optimizer moments (1/4)");
  EXPECT_GE(of_four, 2 << 20);
  EXPECT_LE(of_four, 4 << 20);
}

TEST_F(RanksTest, RanksOfDifferentArithmeticsAreRefused) {
  if (BestCpuCompute() != ComputeType::kBfloat16) GTEST_SKIP() << "one arithmetic only";
  trainer::ThreadRanks(2).Run([&](Communicator& ranks) {
    const auto policy =
        TinyPolicy(ranks.rank() == 0 ? ComputeType::kFloat32 : ComputeType::kBfloat16);
    const std::string error = ErrorOf([&] { policy->Join(ranks); }, ErrorKind::kUsage);
    EXPECT_TRUE(Contains(error, "rank 0 computes in fp32, rank 1 in bf16")) << error;
  });
}

}  // namespace
}  // namespace agon::policy
