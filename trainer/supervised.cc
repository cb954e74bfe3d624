#include "trainer/supervised.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace agon::trainer {
namespace {

struct Sums {
  double loss = 0;     // over scored tokens
  double context = 0;  // over tokens fed, of the tokens that each sees
  int64_t num_scored = 0;
  int64_t num_tokens = 0;
};

// Scores all tokens; `derivative` is that of the loss by each one's log-probability, if
// there is a gradient to add.
Sums ScoreAll(policy::Policy& policy, std::span<const policy::PackedBatch> batches,
              std::optional<float> derivative) {
  Sums sums;
  for (const auto& batch : batches) {
    sums.num_tokens += static_cast<int64_t>(batch.tokens.size());
    for (const auto& s : batch.segments) sums.context += 0.5 * s.length * s.length;
    if (batch.targets.empty()) continue;
    sums.num_scored += static_cast<int64_t>(batch.targets.size());
    const policy::TokenScores scores =
        derivative
            ? policy.ScoreAndBackward(batch, std::vector<float>(batch.targets.size(), *derivative))
            : policy.ScoreOnly(batch);
    for (float logprob : scores.logprobs) sums.loss -= static_cast<double>(logprob);
  }
  return sums;
}

SupervisedLoss MeanOf(std::span<const Sums> parts, const policy::ModelConfig& model) {
  Sums all;
  for (const Sums& part : parts) {
    all.loss += part.loss;
    all.context += part.context;
    all.num_scored += part.num_scored;
    all.num_tokens += part.num_tokens;
  }
  SupervisedLoss result;
  result.num_scored = all.num_scored;
  result.num_tokens = all.num_tokens;
  if (all.num_scored == 0) return result;
  result.loss = all.loss / static_cast<double>(all.num_scored);
  result.flop = static_cast<double>(all.num_tokens) *
                model.TrainFlopPerToken(all.context / static_cast<double>(all.num_tokens));
  return result;
}

// Tokens that PackSequences has scored: the first of a sequence is not.
int64_t CountScored(std::span<const MaskedSequence> sequences) {
  int64_t count = 0;
  for (const MaskedSequence& sequence : sequences) {
    const auto& mask = sequence.loss_mask;
    if (!mask.empty()) count += std::count_if(mask.begin() + 1, mask.end(), std::identity());
  }
  return count;
}

}  // namespace

SupervisedLoss Learn(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                     int micro_batch_tokens, float learning_rate, const Team& team) {
  const float derivative = -1.0f / static_cast<float>(std::max<int64_t>(1, CountScored(sequences)));
  const auto shards = team.Accumulate<Sums>(policy, sequences.size(), [&](const Range& range) {
    const auto part = sequences.subspan(range.begin, range.size());
    return ScoreAll(policy, PackSequences(part, micro_batch_tokens), derivative);
  });
  SupervisedLoss loss = MeanOf(shards, policy.config());
  loss.grad_norm = policy.OptimizerStep(learning_rate);
  return loss;
}

SupervisedLoss MeasureLoss(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                           int micro_batch_tokens) {
  const Sums sums = ScoreAll(policy, PackSequences(sequences, micro_batch_tokens), std::nullopt);
  return MeanOf({&sums, 1}, policy.config());
}

}  // namespace agon::trainer
