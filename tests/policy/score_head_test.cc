// The scalar head: values and gradients against plain fp64, and its files.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "tests/error_of.h"
#include "tests/policy/finite_differences.h"
#include "tests/policy/reference_model.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

ModelConfig ScoringConfig() {
  ModelConfig config = TinyConfig();
  config.has_score_head = true;
  return config;
}

std::unique_ptr<Policy> ScoringPolicy(ComputeType compute = ComputeType::kFloat32) {
  return TinyPolicy(compute, 7, {}, ScoringConfig());
}

std::vector<std::vector<int32_t>> Sequences() {
  Rng rng({.run_seed = 3, .stream = RngStream::kTest});
  std::vector<std::vector<int32_t>> sequences;
  for (const int length : {1, 7, 33, 64}) {
    sequences.push_back(RandomTokens(rng, length, TinyConfig().vocab_size));
  }
  return sequences;
}

// One value each, at the last token.
PackedBatch LastRows(const std::vector<std::vector<int32_t>>& sequences) {
  PackedBatch batch;
  for (const auto& tokens : sequences) {
    AppendSequence(tokens, static_cast<int>(tokens.size()), batch);
    batch.rows.push_back(static_cast<int32_t>(batch.tokens.size()) - 1);
  }
  return batch;
}

double Loss(Policy& policy, const std::vector<std::vector<int32_t>>& sequences,
            const std::vector<float>& derivatives) {
  const ReferenceModel reference(policy);
  double loss = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    loss += static_cast<double>(derivatives[i]) * reference.Values(sequences[i]).back();
  }
  return loss;
}

TEST(ScoreHead, ValuesEqualTheReference) {
  auto policy = ScoringPolicy();
  const auto sequences = Sequences();
  const auto values = policy->Values(LastRows(sequences));
  const ReferenceModel reference(*policy);
  for (size_t i = 0; i < sequences.size(); ++i) {
    EXPECT_NEAR(values[i], reference.Values(sequences[i]).back(), 2e-5) << i;
  }
}

TEST(ScoreHead, GradientsEqualFiniteDifferences) {
  auto policy = ScoringPolicy();
  const auto sequences = Sequences();
  const std::vector<float> derivatives = {0.5f, -1.0f, 0.25f, 0.7f};
  policy->Values(LastRows(sequences));
  policy->BackwardValues(derivatives);
  ExpectFiniteDifferences(*policy, [&] { return Loss(*policy, sequences, derivatives); });
}

// Alone, in a batch, in another order, behind a shared prompt: one value, bit for bit.
TEST(ScoreHead, ValuesDontDependOnTheBatch) {
  for (const auto compute : {ComputeType::kFloat32, ComputeType::kAuto}) {
    auto policy = ScoringPolicy(compute);
    auto sequences = Sequences();
    const auto together = policy->Values(LastRows(sequences));
    for (size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_EQ(policy->Values(LastRows({sequences[i]}))[0], together[i]) << i;
    }
    const std::vector<int32_t> whole = sequences[3];
    PackedBatch shared;
    AppendGroup({whole.begin(), whole.begin() + 20},
                {sequences[1], {whole.begin() + 20, whole.end()}}, shared);
    shared.rows = {static_cast<int32_t>(shared.tokens.size()) - 1};
    EXPECT_EQ(policy->Values(shared)[0], together[3]);
  }
}

TEST(ScoreHead, ALanguageModelGetsAHeadOfZeros) {
  const fs::path dir = fs::path(testing::TempDir()) / "score_head_language";
  fs::create_directories(dir);
  TinyPolicy(ComputeType::kFloat32)->Save(dir);
  auto policy = Policy::Load(dir, ComputeType::kFloat32, {}, Head::kScore);
  EXPECT_EQ(policy->Values(LastRows(Sequences())), std::vector<float>(4, 0.0f));
}

TEST(ScoreHead, IsSavedAsASequenceClassifier) {
  const fs::path dir = fs::path(testing::TempDir()) / "score_head_saved";
  fs::create_directories(dir);
  auto policy = ScoringPolicy();
  policy->Save(dir);
  const Json config = ReadJson(dir / "config.json");
  EXPECT_EQ(config["architectures"][0], "Qwen3ForSequenceClassification");
  EXPECT_EQ(config["id2label"].size(), 1u);
  auto again = Policy::Load(dir, ComputeType::kFloat32, {}, Head::kScore);
  EXPECT_EQ(again->Values(LastRows(Sequences())), policy->Values(LastRows(Sequences())));
  const auto as_language = [&] { Policy::Load(dir); };
  EXPECT_TRUE(Contains(ErrorOf(as_language, ErrorKind::kUsage), "is a reward model"));
}

TEST(ScoreHead, AClassifierOfManyLabelsIsRefused) {
  const fs::path dir = fs::path(testing::TempDir()) / "score_head_labels";
  fs::create_directories(dir);
  ScoringPolicy()->Save(dir);
  Json config = ReadJson(dir / "config.json");
  config["id2label"] = {{"0", "a"}, {"1", "b"}};
  WriteFileAtomic(dir / "config.json", config.dump());
  const auto load = [&] { Policy::Load(dir, ComputeType::kFloat32, {}, Head::kScore); };
  EXPECT_TRUE(Contains(ErrorOf(load, ErrorKind::kUnsupported), "a classifier of 2 labels"));
}

// Its one row is no matrix to orthogonalise.
TEST(ScoreHead, MuonLeavesItToAdamW) {
  auto policy = ScoringPolicy();
  policy->ConfigureOptimizer({.kind = OptimizerConfig::Kind::kMuon});
  policy->Values(LastRows(Sequences()));
  policy->BackwardValues(std::vector<float>(4, 0.1f));
  const auto view = policy->Weight("score.weight");
  const std::vector<float> before(view.begin(), view.end());
  policy->OptimizerStep(1e-3f);
  const auto after = policy->Weight("score.weight");
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i], 1.01e-3) << i;
}

}  // namespace
}  // namespace agon::policy
