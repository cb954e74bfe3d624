// AdamW and Muon through the policy's own interface.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "policy/muon.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

PackedBatch SomeBatch(const Policy& policy) {
  Rng rng({.run_seed = 21, .stream = RngStream::kTest});
  PackedBatch batch;
  for (int i = 0; i < 4; ++i) {
    AppendSequence(RandomTokens(rng, 20, policy.config().vocab_size), 1, batch);
  }
  return batch;
}

void Train(Policy& policy, int steps, float lr = 1e-3f) {
  const PackedBatch batch = SomeBatch(policy);
  const std::vector<float> d(batch.rows.size(), -1.0f / static_cast<float>(batch.rows.size()));
  for (int i = 0; i < steps; ++i) {
    policy.ScoreAndBackward(batch, d);
    policy.OptimizerStep(lr);
  }
}

double MeanLoss(Policy& policy) {
  double sum = 0;
  const auto scores = policy.Score(SomeBatch(policy));
  for (float l : scores.logprobs) sum -= static_cast<double>(l);
  return sum / static_cast<double>(scores.logprobs.size());
}

TEST(Optimizer, AdamWFirstStepByHand) {
  // After one step m / (1 - beta1) = g and v / (1 - beta2) = g^2, so each weight moves by
  // lr * g / (|g| + eps), after shrinking by 1 - lr * decay if it is in a matrix.
  auto policy = TinyPolicy(ComputeType::kFloat32);
  policy->ConfigureOptimizer({.epsilon = 1e-8f, .weight_decay = 0.1f, .max_grad_norm = 0});
  const PackedBatch batch = SomeBatch(*policy);
  policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.01f));
  const std::string names[] = {"model.layers.0.mlp.down_proj.weight", "model.norm.weight"};
  for (const std::string& name : names) {
    const auto g = policy->Gradient(name);
    const std::vector<float> gradient(g.begin(), g.end());
    const auto w = policy->Weight(name);
    const std::vector<float> before(w.begin(), w.end());
    auto fresh = TinyPolicy(ComputeType::kFloat32);
    fresh->ConfigureOptimizer({.epsilon = 1e-8f, .weight_decay = 0.1f, .max_grad_norm = 0});
    fresh->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.01f));
    fresh->OptimizerStep(1e-2f);
    const double keep = name == "model.norm.weight" ? 1.0 : 1.0 - 1e-2 * 0.1;
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double gi = static_cast<double>(gradient[i]);
      const double expected =
          keep * static_cast<double>(before[i]) - 1e-2 * gi / (std::abs(gi) + 1e-8);
      EXPECT_NEAR(fresh->Weight(name)[i], expected, 1e-5) << name << " " << i;
    }
  }
}

TEST(Optimizer, ShardsAddUpInTheirOrder) {
  for (const ComputeType compute : {ComputeType::kFloat32, ComputeType::kAuto}) {
    auto plain = TinyPolicy(compute), sharded = TinyPolicy(compute), zeroed = TinyPolicy(compute);
    const auto policies = {plain.get(), sharded.get(), zeroed.get()};
    for (Policy* policy : policies) policy->ConfigureOptimizer({});
    const PackedBatch batch = SomeBatch(*plain);
    const std::vector<float> d(batch.rows.size(), -0.01f);
    for (int step = 0; step < 3; ++step) {
      for (Policy* policy : policies) policy->ScoreAndBackward(batch, d);
      sharded->AddShard(/*is_last=*/true);
      zeroed->AddShard(/*is_last=*/false);
      for (const std::string& name : zeroed->TensorNames()) {
        for (const float g : zeroed->Gradient(name)) ASSERT_EQ(g, 0.0f) << name;
      }
      zeroed->AddShard(/*is_last=*/true);  // one of zeros, which changes nothing
      const float norm = plain->OptimizerStep(1e-3f);
      EXPECT_EQ(sharded->OptimizerStep(1e-3f), norm);
      EXPECT_EQ(zeroed->OptimizerStep(1e-3f), norm);
    }
    for (const std::string& name : plain->TensorNames()) {
      const auto a = plain->Weight(name), b = sharded->Weight(name), c = zeroed->Weight(name);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << name;
      EXPECT_TRUE(std::equal(a.begin(), a.end(), c.begin(), c.end())) << name;
    }
  }
}

TEST(Optimizer, ClippingScalesTheWholeGradient) {
  auto free = TinyPolicy(ComputeType::kFloat32), clipped = TinyPolicy(ComputeType::kFloat32);
  free->ConfigureOptimizer({.max_grad_norm = 0});
  clipped->ConfigureOptimizer({.max_grad_norm = 0.5f});
  const PackedBatch batch = SomeBatch(*free);
  const std::vector<float> d(batch.rows.size(), -1.0f);
  free->ScoreAndBackward(batch, d);
  clipped->ScoreAndBackward(batch, d);
  // The norm that is returned is the one before clipping.
  EXPECT_EQ(free->OptimizerStep(0.0f), clipped->OptimizerStep(0.0f));
}

TEST(Optimizer, LearnsWithEitherKind) {
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    auto policy = TinyPolicy(ComputeType::kAuto);
    policy->ConfigureOptimizer({.kind = kind});
    const double before = MeanLoss(*policy);
    Train(*policy, 60, 3e-3f);
    EXPECT_LT(MeanLoss(*policy), 0.5 * before);
    EXPECT_EQ(policy->version(), 60u);
  }
}

TEST(Optimizer, NonFiniteGradientsChangeNothing) {
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    auto policy = TinyPolicy(ComputeType::kFloat32), spared = TinyPolicy(ComputeType::kFloat32);
    policy->ConfigureOptimizer({.kind = kind});
    spared->ConfigureOptimizer({.kind = kind});
    const PackedBatch batch = SomeBatch(*policy);
    policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), INFINITY));
    EXPECT_THROW(policy->OptimizerStep(1e-3f), Error);
    EXPECT_EQ(policy->version(), 0u);
    // Weights, moments, step count and gradient: what follows is as if there had been nothing.
    Train(*policy, 2);
    Train(*spared, 2);
    for (const std::string& name : policy->TensorNames()) {
      const auto a = policy->Weight(name), b = spared->Weight(name);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << name;
    }
  }
}

TEST(Optimizer, SavedStateContinuesBitForBit) {
  const auto file = std::filesystem::path(testing::TempDir()) / "optimizer.safetensors";
  const auto dir = std::filesystem::path(testing::TempDir()) / "optimizer_model";
  std::filesystem::create_directories(dir);
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    auto whole = TinyPolicy(ComputeType::kAuto);
    whole->ConfigureOptimizer({.kind = kind});
    Train(*whole, 3);
    whole->Save(dir);
    whole->SaveOptimizer(file);
    Train(*whole, 3);
    auto resumed = Policy::Load(dir);
    EXPECT_EQ(resumed->version(), 3u);
    resumed->ConfigureOptimizer({.kind = kind});
    resumed->LoadOptimizer(file);
    Train(*resumed, 3);
    for (const std::string& name : whole->TensorNames()) {
      const auto a = whole->Weight(name), b = resumed->Weight(name);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << name;
    }
  }
}

TEST(Optimizer, DamagedStateIsRefused) {
  auto policy = TinyPolicy(ComputeType::kAuto);
  policy->ConfigureOptimizer({});
  const auto file = std::filesystem::path(testing::TempDir()) / "damaged.safetensors";
  policy->SaveOptimizer(file);
  const std::string bytes = ReadFile(file);
  WriteFileAtomic(file, bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(policy->LoadOptimizer(file), Error);
}

TEST(Muon, SingularValuesComeNearOne) {
  // For wide and tall matrices M M^T (or M^T M) of the result is near the identity.
  const auto backend = NewCpuBackend(TinyConfig(), ComputeType::kFloat32);
  Orthogonaliser orthogonaliser(*backend);
  Rng rng({.run_seed = 2, .stream = RngStream::kTest});
  const std::pair<int, int> shapes[] = {{32, 96}, {96, 32}, {64, 64}};
  for (const auto& [rows, cols] : shapes) {
    std::vector<float> m(static_cast<size_t>(rows) * cols);
    for (float& x : m) x = static_cast<float>(rng.Normal());
    orthogonaliser.Run(rows, cols, m.data());
    const int small = std::min(rows, cols);
    double trace = 0;
    for (float x : m) trace += static_cast<double>(x) * static_cast<double>(x);
    EXPECT_GT(trace / small, 0.5) << rows << " x " << cols;  // mean squared singular value
    EXPECT_LT(trace / small, 1.4);
  }
}

}  // namespace
}  // namespace agon::policy
