// What a policy takes for a workload is all that it takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

constexpr int kBatchTokens = 4096;
constexpr int kRows = 256;

// Large enough that pieces of 2 MiB, which are what memory is taken in, tell lengths apart.
ModelConfig Config() { return PresetConfig("pico", 2048, 512); }

Workload WorkloadOf(const OptimizerConfig& optimizer) {
  return {.batch_tokens = kBatchTokens,
          .prefix_sharers = 4,
          .optimizers = {optimizer},
          .decoded_rows = kRows};
}

std::map<std::string, int64_t> BytesByPurpose(const Policy& policy) {
  std::map<std::string, int64_t> bytes;
  for (const MemoryUse& use : policy.Memory()) {
    EXPECT_FALSE(use.purpose.empty());
    bytes[use.purpose] += use.bytes;
  }
  return bytes;
}

// A step of training on rollouts, with prompts and completions of `length` tokens.
void Step(Policy& policy, int length, int num_rows, int num_sequences) {
  Rng rng({.run_seed = static_cast<uint64_t>(length), .stream = RngStream::kTest});
  const int vocab = policy.config().vocab_size;
  const Prompt prompt{.tokens = RandomTokens(rng, length, vocab),
                      .max_new_tokens = std::min(length, 6),
                      .num_samples = num_rows};
  policy.Generate(std::vector<Prompt>{prompt}, {.num_top = 0}, {.run_seed = 1});
  PackedBatch batch;
  for (int i = 0; i < num_sequences; ++i) {
    AppendSequence(RandomTokens(rng, length, vocab), 1, batch);
  }
  policy.ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.01f));
  policy.OptimizerStep(1e-3f);
}

// Later steps have more rows, longer prompts and fuller batches.
TEST(Memory, StaysWhatItWasHoweverLongBatchesGrow) {
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    const OptimizerConfig optimizer{.kind = kind};
    const auto planned = Policy::Create(Config(), ComputeType::kAuto, 1, {}, WorkloadOf(optimizer));
    const auto growing = Policy::Create(Config(), ComputeType::kAuto, 1);
    for (Policy* policy : {planned.get(), growing.get()}) policy->ConfigureOptimizer(optimizer);
    const auto at_start = BytesByPurpose(*planned);
    Step(*growing, 20, 8, 4);
    const auto after_first = BytesByPurpose(*growing);
    for (const auto& [length, rows, sequences] :
         {std::tuple{20, 8, 4}, {90, 8, 20}, {200, 64, 20}, {500, kRows, kBatchTokens / 500}}) {
      Step(*planned, length, rows, sequences);
      EXPECT_EQ(BytesByPurpose(*planned), at_start) << length << " tokens";
    }
    planned->ConfigureOptimizer(optimizer);  // as the next stage does
    EXPECT_EQ(BytesByPurpose(*planned), at_start);
    // Without a workload the same steps would have been seen.
    Step(*growing, 500, kRows, kBatchTokens / 500);
    EXPECT_NE(BytesByPurpose(*growing), after_first);
    // And what they came to is within the plan.
    for (const auto& [purpose, bytes] : BytesByPurpose(*growing)) {
      EXPECT_GE(at_start.at(purpose), bytes) << purpose;
    }
  }
}

TEST(Memory, MoreThanWasPlannedIsStillComputedOnACpu) {
  const OptimizerConfig optimizer;
  const auto planned = Policy::Create(Config(), ComputeType::kAuto, 1, {},
                                      Workload{.batch_tokens = 600, .optimizers = {optimizer}});
  const auto growing = Policy::Create(Config(), ComputeType::kAuto, 1);
  for (Policy* policy : {planned.get(), growing.get()}) {
    policy->ConfigureOptimizer(optimizer);
    Step(*policy, 400, 16, 4);
  }
  for (const std::string& name : planned->TensorNames()) {
    EXPECT_TRUE(std::ranges::equal(planned->Weight(name), growing->Weight(name))) << name;
  }
}

}  // namespace
}  // namespace agon::policy
