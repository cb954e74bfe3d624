// What pretraining and SFT share: next-token loss on masked sequences.
#pragma once

#include <span>

#include "trainer/pack.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct SupervisedLoss {
  double loss = 0;  // mean over scored tokens, nats
  int64_t num_scored = 0;
  int64_t num_tokens = 0;  // fed
  double flop = 0;         // model FLOP of forward and backward
  float grad_norm = 0;     // before clipping, where it was learned from
};

// One optimizer step on the mean loss over all scored tokens of `sequences`, by the whole team.
SupervisedLoss Learn(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                     int micro_batch_tokens, float learning_rate, const Team& team);

// The loss alone.
SupervisedLoss MeasureLoss(policy::Policy& policy, std::span<const MaskedSequence> sequences,
                           int micro_batch_tokens);

}  // namespace agon::trainer
