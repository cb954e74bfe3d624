// What can't work is refused before any work starts.
#include <string>

#include "core/error.h"
#include "trainer/trainer.h"

namespace agon::trainer {

namespace {

void CheckLearnedReward(const RlConfig& config) {
  const auto refuse = [](const std::string& what, const char* key, const char* hint) {
    throw Error(ErrorKind::kUsage, what, key, hint);
  };
  const LearnedRewardConfig& learned = config.learned;
  if (!learned.is_on() && learned.env_weight <= 0) {
    refuse("nothing rewards", "rl.env_weight", "name rl.reward_models, or give it a weight");
  }
  if (learned.is_on() && learned.env_weight <= 0 && learned.weight <= 0) {
    refuse("nothing rewards", "rl.reward_weight", "give it or rl.env_weight a weight");
  }
  if (!learned.is_on() && config.stop_at_peak) {
    refuse("the peak is that of gold reward under a learned one, and there is none",
           "rl.stop_at_peak", "name rl.reward_models, or leave it false");
  }
  // Where rewards can be negative, 0 is no punishment.
  if (config.overlong == OverlongReward::kZero && (learned.is_on() || config.length_coef > 0)) {
    refuse(
        "a learned reward or rl.length_coef makes rewards negative, and running into the limit "
        "would earn more",
        "rl.overlong", "use \"soft_penalty\"");
  }
  if (config.loss.kl_target > 0 && config.loss.kl == KlEstimator::kNone) {
    refuse("there is no charge on KL that could be adapted", "rl.kl_target",
           "set rl.kl and rl.kl_coef, which is where it begins");
  }
}

}  // namespace

void CheckRl(const RlConfig& config, const policy::ModelConfig& model) {
  const auto refuse = [](const std::string& what, const char* key, const char* hint) {
    throw Error(ErrorKind::kUsage, what, key, hint);
  };
  if (config.group_size < 2 && config.advantage != AdvantageKind::kGae) {
    refuse(
        "a group of " + std::to_string(config.group_size) + " has no baseline to compare with",
        "rl.group_size",
        "use at least 2, better 8 to 16, or rl.advantage = \"gae\", whose value model needs none");
  }
  if (config.advantage == AdvantageKind::kGae && config.loss.kind == LossKind::kGspo) {
    refuse("gspo has one advantage for a whole completion, a value model one for each token",
           "rl.loss", "use dapo or grpo with rl.advantage = \"gae\"");
  }
  if (config.num_minibatches < 1 || config.tasks_per_step % config.num_minibatches != 0) {
    refuse(std::to_string(config.tasks_per_step) + " tasks don't divide into " +
               std::to_string(config.num_minibatches) + " mini-batches",
           "rl.num_minibatches", "use a divisor of rl.tasks_per_step");
  }
  if (config.temperature <= 0) {
    refuse("a temperature of " + std::to_string(config.temperature) + " explores nothing",
           "rl.temperature", "use 1.0: the loss is computed at the sampler's temperature");
  }
  if (config.max_new_tokens >= model.max_positions) {
    refuse(std::to_string(config.max_new_tokens) + " new tokens leave no room for a prompt in " +
               std::to_string(model.max_positions) + " positions",
           "rl.max_new_tokens", "lower it or raise model.max_positions");
  }
  if (config.loss.kl != KlEstimator::kNone && config.loss.kl_coef <= 0) {
    refuse("KL is on with a coefficient of " + std::to_string(config.loss.kl_coef), "rl.kl_coef",
           "use a positive coefficient, or rl.kl = \"none\"");
  }
  if (config.loss.kl == KlEstimator::kK1 && config.loss.kl_place == KlPlace::kLoss) {
    refuse("the gradient of k1 in the loss is 0 on average: it holds nothing back", "rl.kl",
           "use k2 or k3, or rl.kl_place = \"reward\"");
  }
  if (config.overlong == OverlongReward::kSoftPenalty &&
      (config.overlong_buffer < 1 || config.overlong_buffer > config.max_new_tokens)) {
    refuse("a buffer of " + std::to_string(config.overlong_buffer) + " tokens",
           "rl.overlong_buffer", "use 1 to rl.max_new_tokens");
  }
  CheckLearnedReward(config);
}

}  // namespace agon::trainer
