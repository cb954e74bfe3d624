#include "trainer/supervised.h"

#include <vector>

namespace agon::trainer {
namespace {

SupervisedLoss Run(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                   int micro_batch_tokens, bool with_gradient) {
  const auto batches = PackSequences(sequences, micro_batch_tokens);
  SupervisedLoss result;
  double context = 0.0;
  for (const auto& batch : batches) {
    result.num_scored += static_cast<int64_t>(batch.targets.size());
    result.num_tokens += static_cast<int64_t>(batch.tokens.size());
    for (const auto& s : batch.segments) context += 0.5 * s.length * s.length;
  }
  if (result.num_scored == 0) return result;
  result.flop = static_cast<double>(result.num_tokens) *
                policy.config().TrainFlopPerToken(context / static_cast<double>(result.num_tokens));
  const float derivative = -1.0f / static_cast<float>(result.num_scored);
  double sum = 0.0;
  for (const auto& batch : batches) {
    if (batch.targets.empty()) continue;
    const policy::TokenScores scores =
        with_gradient
            ? policy.ScoreAndBackward(batch, std::vector<float>(batch.targets.size(), derivative))
            : policy.Score(batch);
    for (float logprob : scores.logprobs) sum -= static_cast<double>(logprob);
  }
  result.loss = sum / static_cast<double>(result.num_scored);
  return result;
}

}  // namespace

SupervisedLoss AccumulateGradient(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                                  int micro_batch_tokens) {
  return Run(policy, sequences, micro_batch_tokens, true);
}

SupervisedLoss MeasureLoss(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                           int micro_batch_tokens) {
  return Run(policy, sequences, micro_batch_tokens, false);
}

}  // namespace agon::trainer
