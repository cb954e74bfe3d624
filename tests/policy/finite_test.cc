// What isn't a number is an error that names where it began, whoever asks.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/contains.h"
#include "tests/error_of.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

class Finite : public testing::TestWithParam<ComputeType> {};

TEST_P(Finite, ResultsThatAreNoNumbersAreTracedToTheirOp) {
  const struct {
    const char *tensor, *op;
  } cases[] = {
      // One element of one head's query: attention must not smooth it away.
      {"model.layers.1.self_attn.q_proj.weight", "Linear (query, key, value) in layer 1 of 2"},
      {"model.layers.1.self_attn.k_norm.weight", "QkNormRope in layer 1 of 2"},
      {"model.layers.0.mlp.up_proj.weight", "LinearSwiGlu (gate, up) in layer 0 of 2"},
      {"model.layers.0.mlp.gate_proj.weight", "LinearSwiGlu (gate, up) in layer 0 of 2"},
      {"model.norm.weight", "ScoreTokens"}};
  Rng rng({.run_seed = 5, .stream = RngStream::kTest});
  PackedBatch batch;
  const auto tokens = RandomTokens(rng, 40, TinyConfig().vocab_size);
  AppendSequence(tokens, 30, batch);
  Sampling greedy, truncated;
  greedy.temperature = 0.0f;
  truncated.top_k = 9, truncated.top_p = 0.8f, truncated.num_top = 3;
  const auto sample = [&](Policy& policy, const Sampling& sampling) {
    const Prompt prompt{.tokens = tokens, .max_new_tokens = 4};
    policy.Generate({&prompt, 1}, sampling, {.run_seed = 1, .stream = RngStream::kSample});
  };
  const std::function<void(Policy&)> ways[] = {
      [&](Policy& policy) { policy.Score(batch); },
      [&](Policy& policy) { policy.ScoreOnly(batch); },
      [&](Policy& policy) { sample(policy, {}); },
      [&](Policy& policy) { sample(policy, greedy); },
      [&](Policy& policy) { sample(policy, truncated); },
  };
  for (const auto& [tensor, op] : cases) {
    const auto policy = TinyPolicy(GetParam());
    policy->Weight(tensor)[0] = NAN;
    policy->WeightsChanged();
    for (const auto& way : ways) {
      const std::string error = ErrorOf([&] { way(*policy); }, ErrorKind::kFailed);
      EXPECT_TRUE(Contains(error, op)) << tensor << ", way " << &way - ways << ": " << error;
    }
  }
}

// Reference, value and reward models: activations are there for one layer at a time.
TEST_P(Finite, ModelsThatDoNotLearnAreTracedAsWell) {
  ModelConfig config = TinyConfig();
  config.has_score_head = true;
  const Workload frozen{.batch_tokens = 64};
  Rng rng({.run_seed = 5, .stream = RngStream::kTest});
  PackedBatch batch;
  AppendSequence(RandomTokens(rng, 40, config.vocab_size), 30, batch);
  const auto error_of = [&](const char* tensor, const auto& way) {
    const auto policy = TinyPolicy(GetParam(), 7, {}, config, frozen);
    policy->Weight(tensor)[0] = NAN;
    policy->WeightsChanged();
    return ErrorOf([&] { way(*policy); }, ErrorKind::kFailed);
  };
  const std::function<void(Policy&)> ways[] = {
      [&](Policy& policy) { policy.Score(batch); },
      [&](Policy& policy) { policy.ScoreOnly(batch); },
      [&](Policy& policy) { policy.Values(batch); },
  };
  for (const auto& way : ways) {
    const std::string qkv = error_of("model.layers.1.self_attn.q_proj.weight", way);
    EXPECT_TRUE(Contains(qkv, "Linear (query, key, value) in layer 1 of 2")) << qkv;
    const std::string down = error_of("model.layers.0.mlp.down_proj.weight", way);
    EXPECT_TRUE(Contains(down, "LinearAdd (down) in layer 0 of 2")) << down;
  }
  const std::string value = error_of("score.weight", ways[2]);
  EXPECT_TRUE(Contains(value, "score head: a value is not a number")) << value;
}

// The optimizer finds them, whatever the loss.
TEST_P(Finite, GradientsThatAreNoNumbersAreTracedToTheirTensor) {
  Rng rng({.run_seed = 6, .stream = RngStream::kTest});
  PackedBatch batch;
  AppendSequence(RandomTokens(rng, 40, TinyConfig().vocab_size), 1, batch);
  const std::vector<float> derivatives(batch.rows.size(), 1.0f);
  for (const int layer : {0, 1}) {
    const auto policy = TinyPolicy(GetParam());
    policy->ConfigureOptimizer({});
    OverflowGradientOf(layer, *policy);
    policy->Score(batch);
    policy->Backward(derivatives);
    const std::string error = ErrorOf([&] { policy->OptimizerStep(1e-3f); }, ErrorKind::kFailed);
    const std::string name = "model.layers." + std::to_string(layer) + ".mlp.up_proj.weight";
    EXPECT_TRUE(Contains(error, name + ": its gradient is not a number")) << error;
  }
}

INSTANTIATE_TEST_SUITE_P(Compute, Finite,
                         testing::Values(ComputeType::kFloat32, ComputeType::kBfloat16),
                         [](const auto& info) {
                           return info.param == ComputeType::kFloat32 ? "f32" : "bf16";
                         });

}  // namespace
}  // namespace agon::policy
