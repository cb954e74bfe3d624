// The engine against plain fp64: values, and gradients by finite differences.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/policy/finite_differences.h"
#include "tests/policy/reference_model.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

PackedBatch MixedBatch(int vocab_size) {
  Rng rng({.run_seed = 3, .stream = RngStream::kTest});
  PackedBatch batch;
  for (const int length : {1, 2, 13, 40, 33}) {
    AppendSequence(RandomTokens(rng, length, vocab_size), std::min(length, 3), batch);
  }
  AppendGroup(RandomTokens(rng, 9, vocab_size),
              {RandomTokens(rng, 5, vocab_size), RandomTokens(rng, 37, vocab_size)}, batch);
  batch.temperature = 0.8f;
  return batch;
}

std::vector<float> Derivatives(size_t count) {
  Rng rng({.run_seed = 4, .stream = RngStream::kTest});
  std::vector<float> d(count);
  for (float& x : d) x = static_cast<float>(rng.Normal() / static_cast<double>(count));
  return d;
}

// Each scored token's log-probabilities (V) by the reference.
std::vector<std::vector<double>> ReferenceRows(Policy& policy, const PackedBatch& batch) {
  const ReferenceModel reference(policy);
  std::vector<std::vector<double>> by_row(batch.tokens.size()), scored;
  for (const auto& s : batch.segments) {
    const auto at = [&](int row) { return batch.tokens.begin() + row; };
    std::vector<int32_t> tokens(at(s.prefix_begin), at(s.prefix_begin + s.prefix_length));
    tokens.insert(tokens.end(), at(s.begin), at(s.begin + s.length));
    const auto rows = reference.LogProbs(tokens, static_cast<double>(batch.temperature));
    for (int i = 0; i < s.length; ++i) {
      by_row[static_cast<size_t>(s.begin + i)] = rows[static_cast<size_t>(s.prefix_length + i)];
    }
  }
  for (int32_t row : batch.rows) scored.push_back(by_row[static_cast<size_t>(row)]);
  return scored;
}

double Loss(Policy& policy, const PackedBatch& batch, const std::vector<float>& derivatives) {
  const auto rows = ReferenceRows(policy, batch);
  double loss = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    loss += static_cast<double>(derivatives[i]) * rows[i][static_cast<size_t>(batch.targets[i])];
  }
  return loss;
}

// Largest absolute errors of log-probabilities and entropies.
std::pair<double, double> ScoreErrors(ComputeType compute) {
  auto policy = TinyPolicy(compute);
  const PackedBatch batch = MixedBatch(policy->config().vocab_size);
  const TokenScores scores = policy->Score(batch);
  const auto rows = ReferenceRows(*policy, batch);
  double logprob = 0, entropy = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    double expected = 0;
    for (double l : rows[i]) expected -= std::exp(l) * l;
    entropy = std::max(entropy, std::abs(scores.entropies[i] - expected));
    logprob = std::max(
        logprob, std::abs(scores.logprobs[i] - rows[i][static_cast<size_t>(batch.targets[i])]));
  }
  return {logprob, entropy};
}

TEST(Gradient, ScoresEqualTheReferenceInFp32) {
  const auto [logprob, entropy] = ScoreErrors(ComputeType::kFloat32);
  EXPECT_LT(logprob, 2e-5);
  EXPECT_LT(entropy, 2e-5);
}

TEST(Gradient, ScoresFollowTheReferenceInTheMachinesOwnType) {
  // bf16 keeps 8 bits: 1/256 per operand, averaged over sums; logits here are about 3.
  const auto [logprob, entropy] = ScoreErrors(ComputeType::kAuto);
  EXPECT_LT(logprob, 0.15);
  EXPECT_LT(entropy, 0.1);
}

// Central differences of the fp64 loss against the engine's fp32 gradient, on some
// elements of every tensor.
TEST(Gradient, EqualsFiniteDifferences) {
  auto policy = TinyPolicy(ComputeType::kFloat32);
  const PackedBatch batch = MixedBatch(policy->config().vocab_size);
  const auto derivatives = Derivatives(batch.rows.size());
  policy->Score(batch);
  policy->Backward(derivatives);
  ExpectFiniteDifferences(*policy, [&] { return Loss(*policy, batch, derivatives); });
}

TEST(Gradient, FusedPassEqualsScoreThenBackward) {
  auto a = TinyPolicy(ComputeType::kAuto), b = TinyPolicy(ComputeType::kAuto);
  const PackedBatch batch = MixedBatch(a->config().vocab_size);
  const auto derivatives = Derivatives(batch.rows.size());
  const TokenScores first = a->Score(batch);
  a->Backward(derivatives);
  const TokenScores second = b->ScoreAndBackward(batch, derivatives);
  EXPECT_EQ(first.logprobs, second.logprobs);
  EXPECT_EQ(first.entropies, second.entropies);
  for (const std::string& name : a->TensorNames()) {
    const auto x = a->Gradient(name), y = b->Gradient(name);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin())) << name;
  }
}

TEST(Gradient, OfTheMachinesOwnTypePointsWhereFp32Points) {
  auto exact = TinyPolicy(ComputeType::kFloat32), rounded = TinyPolicy(ComputeType::kAuto);
  const PackedBatch batch = MixedBatch(exact->config().vocab_size);
  const auto derivatives = Derivatives(batch.rows.size());
  exact->ScoreAndBackward(batch, derivatives);
  rounded->ScoreAndBackward(batch, derivatives);
  for (const std::string& name : exact->TensorNames()) {
    const auto x = exact->Gradient(name), y = rounded->Gradient(name);
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      xy += static_cast<double>(x[i]) * y[i];
      xx += static_cast<double>(x[i]) * x[i];
      yy += static_cast<double>(y[i]) * y[i];
    }
    EXPECT_GT(xy / std::sqrt(xx * yy), 0.995) << name;
  }
}

TEST(Gradient, OfASharedPrefixEqualsSeparateSequences) {
  auto shared = TinyPolicy(ComputeType::kFloat32), separate = TinyPolicy(ComputeType::kFloat32);
  Rng rng({.run_seed = 9, .stream = RngStream::kTest});
  const int v = shared->config().vocab_size;
  const auto prompt = RandomTokens(rng, 21, v);
  PackedBatch one, many;
  std::vector<std::vector<int32_t>> completions;
  for (const int length : {4, 30, 17}) {
    completions.push_back(RandomTokens(rng, length, v));
    auto whole = prompt;
    whole.insert(whole.end(), completions.back().begin(), completions.back().end());
    AppendSequence(whole, 21, many);
  }
  AppendGroup(prompt, completions, one);
  const auto derivatives = Derivatives(one.rows.size());
  EXPECT_EQ(shared->ScoreAndBackward(one, derivatives).logprobs,
            separate->ScoreAndBackward(many, derivatives).logprobs);
  for (const std::string& name : shared->TensorNames()) {
    const auto x = shared->Gradient(name), y = separate->Gradient(name);
    double error = 0, size = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
      error += difference * difference;
      size += static_cast<double>(y[i]) * static_cast<double>(y[i]);
    }
    EXPECT_LT(error, 1e-10 * size) << name;  // the order of the sums differs
  }
}

}  // namespace
}  // namespace agon::policy
