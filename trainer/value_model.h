// PPO's value model: a policy's body with a scalar head that predicts what an episode will still
// earn, token by token; advantages of single tokens from it; and its own updates.
#pragma once

#include <span>
#include <vector>

#include "policy/policy.h"
#include "trainer/pack.h"
#include "trainer/trainer.h"
#include "trainer/value.h"

namespace agon::trainer {

// Fills `values` of every rollout: what `value` expects before each sampled token.
void ScoreByValueModel(policy::Policy& value, const RlConfig& config, std::vector<Group>& groups);

// Fills `token_advantages` and `returns` of every rollout that is in the loss: generalised
// advantage estimation on rewards that come at the last token, but for a charge on KL, which is
// paid where it arises; advantages are whitened over all of them. REQUIRES: values.
void AssignTokenAdvantages(const RlConfig& config, std::vector<Group>& groups);

// One optimizer step of context.value on some groups, by the whole team. Returns sums over their
// tokens.
ValueStats UpdateValueModel(std::span<const Group> groups, const RlConfig& config, float lr,
                            const StageContext& context);

}  // namespace agon::trainer
