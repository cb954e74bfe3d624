// The rule: rollout and trainer log-probabilities are the same bits.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <map>

#include "tests/policy/tiny_policy.h"
#include "tests/sanitized.h"

namespace agon::policy {
namespace {

constexpr uint64_t kSeed = 11;

struct Threads {
  explicit Threads(int count) : before(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before); }
  int before;
};

std::vector<Prompt> MixedPrompts(int num_prompts, int num_samples, int vocab_size) {
  Rng rng({.run_seed = kSeed, .stream = RngStream::kTest});
  std::vector<Prompt> prompts;
  for (int i = 0; i < num_prompts; ++i) {
    Prompt prompt;
    prompt.tokens = RandomTokens(rng, static_cast<int>(rng.Between(1, 70)), vocab_size);
    prompt.max_new_tokens = static_cast<int>(rng.Between(1, 80));
    prompt.task = static_cast<uint64_t>(1000 + i);
    prompt.num_samples = num_samples;
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

std::vector<Completion> Sample(Policy& policy, const std::vector<Prompt>& prompts, int max_rows,
                               float temperature = 1.0f) {
  Sampling sampling;
  sampling.temperature = temperature;
  sampling.stop_token_ids = {3, 5};
  sampling.max_rows = max_rows;
  return policy.Generate(prompts, sampling, {.run_seed = kSeed, .stream = RngStream::kSample});
}

void AppendTrajectory(const std::vector<Prompt>& prompts, const Completion& c, PackedBatch& batch) {
  std::vector<int32_t> tokens = prompts[static_cast<size_t>(c.prompt_idx)].tokens;
  const int num_prompt = static_cast<int>(tokens.size());
  tokens.insert(tokens.end(), c.tokens.begin(), c.tokens.end());
  AppendSequence(tokens, num_prompt, batch);
}

// Largest |rollout - trainer| with `per_batch` trajectories packed together in this order.
float MaxDifference(Policy& policy, const std::vector<Prompt>& prompts,
                    const std::vector<Completion>& completions, const std::vector<size_t>& order,
                    size_t per_batch, float temperature = 1.0f) {
  float most = 0;
  for (size_t begin = 0; begin < order.size(); begin += per_batch) {
    PackedBatch batch;
    batch.temperature = temperature;
    std::vector<float> expected;
    for (size_t i = begin; i < std::min(order.size(), begin + per_batch); ++i) {
      const Completion& c = completions[order[i]];
      AppendTrajectory(prompts, c, batch);
      expected.insert(expected.end(), c.rollout_logprobs.begin(), c.rollout_logprobs.end());
    }
    const TokenScores scores = policy.Score(batch);
    EXPECT_EQ(scores.logprobs.size(), expected.size());
    for (size_t t = 0; t < expected.size(); ++t) {
      most = std::max(most, std::abs(scores.logprobs[t] - expected[t]));
    }
  }
  return most;
}

class Exactness : public testing::TestWithParam<ComputeType> {
 protected:
  void SetUp() override {
    if (GetParam() == ComputeType::kBfloat16 &&
        TinyPolicy(ComputeType::kAuto)->compute() != ComputeType::kBfloat16) {
      GTEST_SKIP() << "this CPU has no AVX512_BF16";
    }
    policy_ = TinyPolicy(GetParam());
  }
  std::unique_ptr<Policy> policy_;
};

TEST_P(Exactness, RolloutAndTrainerLogprobsAreEqualBits) {
  const int num_prompts = kIsSanitized ? 25 : 125;  // a fifth of the same code's work
  const auto prompts = MixedPrompts(num_prompts, 8, policy_->config().vocab_size);
  const auto completions = Sample(*policy_, prompts, 512);
  ASSERT_EQ(completions.size(), kIsSanitized ? 200u : 1000u);
  std::vector<size_t> order(completions.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng rng({.run_seed = 5, .stream = RngStream::kTest});
  for (const size_t per_batch : {1u, 7u, 64u, 512u}) {
    for (const int threads : {1, 2}) {
      const Threads scope(threads);
      rng.Shuffle(order);
      EXPECT_EQ(MaxDifference(*policy_, prompts, completions, order, per_batch), 0.0f)
          << per_batch << " sequences a batch, " << threads << " threads";
    }
  }
}

// Every group of eight in one packed batch behind one copy of its prompt.
void ExpectSharedPromptsScoreAlike(Policy& policy, const std::vector<Prompt>& prompts,
                                   const std::vector<Completion>& completions, float temperature) {
  for (size_t p = 0; p < prompts.size(); ++p) {
    PackedBatch batch;
    batch.temperature = temperature;
    std::vector<std::vector<int32_t>> group;
    std::vector<float> expected;
    for (size_t g = 0; g < 8; ++g) {
      const Completion& c = completions[p * 8 + g];
      group.push_back(c.tokens);
      expected.insert(expected.end(), c.rollout_logprobs.begin(), c.rollout_logprobs.end());
    }
    AppendGroup(prompts[p].tokens, group, batch);
    EXPECT_EQ(policy.Score(batch).logprobs, expected) << "temperature " << temperature;
  }
}

TEST_P(Exactness, SharedPromptChangesNoBit) {
  const auto prompts = MixedPrompts(40, 8, policy_->config().vocab_size);
  ExpectSharedPromptsScoreAlike(*policy_, prompts, Sample(*policy_, prompts, 512), 1.0f);
}

// The trainer divides logits as the sampler did.
TEST_P(Exactness, LogprobsAreEqualBitsAtOtherTemperatures) {
  const auto prompts = MixedPrompts(20, 8, policy_->config().vocab_size);
  std::vector<size_t> order(160);
  for (size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
  for (const float temperature : {0.7f, 1.3f}) {
    const auto completions = Sample(*policy_, prompts, 64, temperature);
    EXPECT_EQ(MaxDifference(*policy_, prompts, completions, order, 7, temperature), 0.0f);
    EXPECT_GT(MaxDifference(*policy_, prompts, completions, order, 7, 1.0f), 0.1f);
    ExpectSharedPromptsScoreAlike(*policy_, prompts, completions, temperature);
  }
}

// Nothing that was computed with earlier weights is left: no key, no value, no packed weight.
TEST_P(Exactness, GenerationAfterAnUpdateIsThatOfAFreshPolicy) {
  const auto prompts = MixedPrompts(12, 8, policy_->config().vocab_size);
  const auto before = Sample(*policy_, prompts, 64);
  PackedBatch batch;
  for (const Completion& c : before) AppendTrajectory(prompts, c, batch);
  policy_->ConfigureOptimizer({});
  policy_->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.01f));
  policy_->OptimizerStep(3e-2f);
  const auto after = Sample(*policy_, prompts, 64);

  auto fresh = Policy::Create(policy_->config(), GetParam(), 99);
  for (const std::string& name : policy_->TensorNames()) {
    std::ranges::copy(policy_->Weight(name), fresh->Weight(name).begin());
  }
  fresh->WeightsChanged();
  const auto expected = Sample(*fresh, prompts, 64);
  ASSERT_EQ(after.size(), expected.size());
  int num_changed = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].tokens, expected[i].tokens);
    EXPECT_EQ(after[i].rollout_logprobs, expected[i].rollout_logprobs);
    EXPECT_EQ(after[i].policy_version, before[i].policy_version + 1);
    num_changed += after[i].rollout_logprobs != before[i].rollout_logprobs;
  }
  EXPECT_GT(num_changed, static_cast<int>(after.size()) * 9 / 10);
  ExpectSharedPromptsScoreAlike(*policy_, prompts, after, 1.0f);
}

// Of few rows, of rows several times in a row, as answers to one prompt, and anywhere.
TEST_P(Exactness, ScoringOnlyChangesNoBit) {
  Rng rng({.run_seed = 12, .stream = RngStream::kTest});
  const int vocab = policy_->config().vocab_size;
  const auto compare = [&](const PackedBatch& batch) {
    const TokenScores expected = policy_->Score(batch);
    const TokenScores got = policy_->ScoreOnly(batch);
    EXPECT_EQ(got.logprobs, expected.logprobs);
    EXPECT_EQ(got.entropies, expected.entropies);
    EXPECT_EQ(got.top, expected.top);
  };
  PackedBatch batch;
  const auto prompt = RandomTokens(rng, 21, vocab);
  AppendGroup(prompt, {RandomTokens(rng, 9, vocab), RandomTokens(rng, 30, vocab)}, batch);
  AppendSequence(RandomTokens(rng, 40, vocab), 12, batch);
  batch.num_top = 3;
  compare(batch);
  batch.rows = {29, 29, 29, 7, 7, 99};
  batch.targets = {1, 2, 3, 4, 5, 6};
  compare(batch);
  batch.rows.clear();
  for (int i = 0; i < 150; ++i) batch.rows.push_back(i % 2 == 0 ? 3 : 70);
  batch.targets.assign(batch.rows.size(), 8);
  compare(batch);
  batch.rows.clear();
  batch.targets.clear();
  compare(batch);
}

TEST_P(Exactness, BackwardAfterScoringOnlyIsRefused) {
  PackedBatch batch;
  Rng rng({.run_seed = 13, .stream = RngStream::kTest});
  AppendSequence(RandomTokens(rng, 9, policy_->config().vocab_size), 8, batch);
  policy_->ScoreOnly(batch);
  EXPECT_DEATH(policy_->Backward(std::vector<float>{1.0f}), "Backward follows Score");
}

TEST_P(Exactness, BatchCompositionChangesNoToken) {
  const auto prompts = MixedPrompts(24, 4, policy_->config().vocab_size);
  const auto expected = Sample(*policy_, prompts, 512);
  for (const int max_rows : {1, 7, 64}) {
    for (const int threads : {1, 2, 3}) {
      const Threads scope(threads);
      const auto got = Sample(*policy_, prompts, max_rows);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].tokens, expected[i].tokens);
        EXPECT_EQ(got[i].rollout_logprobs, expected[i].rollout_logprobs);
        EXPECT_EQ(got[i].finish_reason, expected[i].finish_reason);
      }
    }
  }
  const std::vector<Prompt> reversed(prompts.rbegin(), prompts.rend());
  for (const Completion& c : Sample(*policy_, reversed, 512)) {
    const size_t p = prompts.size() - 1 - static_cast<size_t>(c.prompt_idx);
    EXPECT_EQ(c.tokens, expected[p * 4 + c.sample].tokens);
  }
}

TEST_P(Exactness, SamplesContinueFromAnyFirstSample) {
  auto prompts = MixedPrompts(3, 4, policy_->config().vocab_size);
  const auto whole = Sample(*policy_, prompts, 512);
  for (Prompt& prompt : prompts) prompt.first_sample = 2, prompt.num_samples = 2;
  const auto rest = Sample(*policy_, prompts, 512);
  for (size_t p = 0; p < prompts.size(); ++p) {
    EXPECT_EQ(rest[p * 2].tokens, whole[p * 4 + 2].tokens);
    EXPECT_EQ(rest[p * 2 + 1].tokens, whole[p * 4 + 3].tokens);
  }
}

TEST_P(Exactness, GradientsDoNotDependOnThreads) {
  const auto prompts = MixedPrompts(12, 2, policy_->config().vocab_size);
  PackedBatch batch;
  for (const Completion& c : Sample(*policy_, prompts, 512)) AppendTrajectory(prompts, c, batch);
  std::map<std::string, std::vector<float>> expected;
  for (const int threads : {1, 2, 3}) {
    const Threads scope(threads);
    auto policy = TinyPolicy(GetParam());
    policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.5f));
    for (const std::string& name : policy->TensorNames()) {
      const auto gradient = policy->Gradient(name);
      const std::vector<float> values(gradient.begin(), gradient.end());
      if (threads == 1) expected[name] = values;
      EXPECT_EQ(values, expected[name]) << name << ", " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Compute, Exactness,
                         testing::Values(ComputeType::kFloat32, ComputeType::kBfloat16),
                         [](const auto& info) {
                           return info.param == ComputeType::kFloat32 ? "f32" : "bf16";
                         });

}  // namespace
}  // namespace agon::policy
