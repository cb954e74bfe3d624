#include "envs/env.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace agon::envs {

const char* SplitName(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kVal:
      return "val";
    case Split::kTest:
      return "test";
  }
  AGON_CHECK(false, "unknown split");
}

double Outcome::Reward(int seat) const {
  double reward = 0;
  for (const RewardPart& part : parts) {
    if (part.seat == seat) reward += part.value.value_or(0) * part.weight;
  }
  return reward;
}

Outcome MaskedOutcome(std::string kind, std::string reason) {
  Outcome outcome;
  outcome.reason = "no score: " + kind;
  outcome.masked = Mask{std::move(kind), std::move(reason)};
  return outcome;
}

Outcome Checked(Outcome outcome) {
  for (const RewardPart& part : outcome.parts) {
    if (std::isfinite(part.value.value_or(0)) && std::isfinite(part.weight)) continue;
    return MaskedOutcome("grader", "the reward part \"" + part.name + "\" is not a finite number");
  }
  return outcome;
}

std::unique_ptr<Episode> Env::Restore(const Task& /*task*/, std::string_view /*saved*/) const {
  throw Error(ErrorKind::kUnsupported, "the environment can't restore an episode", info().id);
}

std::optional<std::string> Env::Demonstrate(const Task& task, Labeler labeler,
                                            uint64_t variant) const {
  return Start(task)->Demonstrate(labeler, variant);
}

}  // namespace agon::envs
