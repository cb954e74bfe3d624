// PPO: advantages of tokens from a value model, and its updates.
#include "trainer/value_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/error_of.h"
#include "tests/trainer/loop_fixture.h"
#include "tests/trainer/thread_ranks.h"
#include "trainer/rollouts.h"

namespace agon::trainer {
namespace {

// One sampled token after a prompt of one.
Rollout Sampled(std::vector<int32_t> tokens, std::vector<float> values, double reward) {
  Rollout rollout;
  judge::Trajectory& t = rollout.trajectory;
  t.tokens = std::move(tokens);
  t.prompt_tokens = 1;
  t.action_mask.assign(t.tokens.size(), 1);
  t.action_mask[0] = 0;
  t.rollout_logprobs.assign(t.tokens.size(), -1.0f);
  rollout.values = std::move(values);
  rollout.reward = reward;
  return rollout;
}

// lambda 1/2: deltas of the first are 0.5 - 0.2 = 0.3 and 1 - 0.5 = 0.5, so advantages 0.3 + 0.25
// and 0.5, returns 0.75 and 1. The second's only advantage is 0 - 0.4.
TEST(TokenAdvantages, ByHand) {
  RlConfig config;
  config.advantage = AdvantageKind::kGae;
  config.gae.lambda = 0.5f;
  std::vector<Group> groups = {{Sampled({9, 1, 2}, {0.2f, 0.5f}, 1.0)},
                               {Sampled({9, 3}, {0.4f}, 0.0)}};
  AssignTokenAdvantages(config, groups);
  EXPECT_NEAR(groups[0][0].returns[0], 0.75, 1e-6);
  EXPECT_NEAR(groups[0][0].returns[1], 1.0, 1e-6);
  EXPECT_NEAR(groups[1][0].returns[0], 0.0, 1e-6);
  const double mean = (0.55 + 0.5 - 0.4) / 3;
  const double deviation = std::sqrt(
      (std::pow(0.55 - mean, 2) + std::pow(0.5 - mean, 2) + std::pow(-0.4 - mean, 2)) / 3);
  EXPECT_NEAR(groups[0][0].token_advantages[0], (0.55 - mean) / deviation, 1e-5);
  EXPECT_NEAR(groups[1][0].token_advantages[0], (-0.4 - mean) / deviation, 1e-5);
}

// The reward has been charged 0.5 nats at 1 each: -1 + 0.5 at the first token, -1 + 1 at the
// second.
TEST(TokenAdvantages, KlIsPaidWhereItArises) {
  RlConfig config;
  config.advantage = AdvantageKind::kGae;
  config.gae.lambda = 1.0f;
  config.loss.kl = KlEstimator::kK1;
  config.loss.kl_place = KlPlace::kReward;
  config.loss.kl_coef = 1.0f;
  std::vector<Group> groups = {{Sampled({9, 1, 2}, {0.0f, 0.0f}, 2.0 + 0.5)}};
  groups[0][0].ref_logprobs = {-0.5f, -1.0f};  // KL -0.5, 0: charges add 0.5 to the reward
  AssignTokenAdvantages(config, groups);
  EXPECT_NEAR(groups[0][0].returns[0], 2.5, 1e-6);
  EXPECT_NEAR(groups[0][0].returns[1], 2.0, 1e-6);
}

TEST(TokenAdvantages, WhatIsNotInTheLossHasNone) {
  RlConfig config;
  config.advantage = AdvantageKind::kGae;
  std::vector<Group> groups = {{Sampled({9, 1}, {0.2f}, 1.0), Sampled({9, 2}, {0.3f}, 0.0)}};
  groups[0][1].reward = std::nullopt;
  AssignTokenAdvantages(config, groups);
  EXPECT_EQ(groups[0][0].returns.size(), 1u);
  EXPECT_TRUE(groups[0][1].returns.empty());
}

std::unique_ptr<envs::Env> MakePpoLetter(std::string_view) {
  return std::make_unique<ToyEnv>("toy/ppo-v1", GradeLetter);
}
const bool ppo_registered = envs::internal::Register("toy/ppo-v1", MakePpoLetter);

class Ppo : public LoopTest {
 protected:
  Ppo() : value_(tokenizer_.vocab_size()) {}

  static RlConfig Config(int num_steps) {
    EXPECT_TRUE(ppo_registered);
    RlConfig config;
    config.env = "toy/ppo";
    config.num_steps = num_steps;
    config.tasks_per_step = 128;
    config.group_size = 1;
    config.max_new_tokens = 2;
    config.num_minibatches = 2;
    config.num_epochs = 2;
    config.advantage = AdvantageKind::kGae;
    config.schedule = {10.0f, 0, 1.0f};
    config.value.learning_rate = 0.5f;
    return config;
  }

  StageContext WithValue(policy::Policy& policy, policy::Policy& value) {
    StageContext context = ContextOf(policy);
    context.value = &value;
    return context;
  }

  TabularPolicy value_;
};

TEST_F(Ppo, LearnsWithGroupsOfOne) {
  RunRl(Config(60), WithValue(policy_, value_));
  EXPECT_LT(Logged("reward").front(), 0.25);
  EXPECT_GT(Logged("reward").back(), 0.9);
  EXPECT_LT(Logged("value_loss").back(), 0.1);
  EXPECT_GE(Logged("explained_variance").size(), 10u);  // none where all returns are alike
  EXPECT_EQ(Logged("logprob_diff_max"), std::vector<double>(60, 0.0));
  // What the prompt is worth is what its replies earn.
  EXPECT_GT(value_.Logit('\n', '\n'), 0.5f);
}

TEST_F(Ppo, TheValueModelCanLearnAlone) {
  RlConfig config = Config(4);
  config.value.warmup_steps = 4;
  const auto before = policy_.logits;
  RunRl(config, WithValue(policy_, value_));
  EXPECT_EQ(policy_.logits, before);
  EXPECT_NE(value_.logits, TabularPolicy(tokenizer_.vocab_size()).logits);
}

TEST_F(Ppo, AFailureOfTheValueModelSaysSo) {
  value_.scores_to_failure = 1;
  const auto run = [&] { RunRl(Config(1), WithValue(policy_, value_)); };
  const std::string error = ErrorOf(run, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "rl step 1: value model: Attention in layer 0")) << error;
}

TEST_F(Ppo, RanksDoWhatOneProcessDoes) {
  RlConfig config = Config(3);
  RunRl(config, [&] {
    StageContext context = WithValue(policy_, value_);
    context.team = Team(2);
    return context;
  }());
  const std::string log = LogText();
  std::vector<TabularPolicy> policies(2, TabularPolicy(tokenizer_.vocab_size())), values = policies;
  fs::remove_all(dir_);
  log_ = std::make_unique<RunLog>(dir_);
  RunLog silent;
  ThreadRanks(2).Run([&](policy::Communicator& ranks) {
    const auto rank = static_cast<size_t>(ranks.rank());
    for (TabularPolicy* model : {&policies[rank], &values[rank]}) model->Join(ranks);
    StageContext context{.policy = policies[rank],
                         .chat = chat_,
                         .log = rank == 0 ? *log_ : silent,
                         .save = {},
                         .stop_requested = {},
                         .team = Team(ranks, 2),
                         .value = &values[rank]};
    RunRl(config, context);
  });
  EXPECT_EQ(LogText(), log);
  EXPECT_EQ(policies[1].logits, policy_.logits);
  EXPECT_EQ(values[1].logits, value_.logits);
}

TEST_F(Ppo, WhatCannotWorkIsRefused) {
  RlConfig config = Config(1);
  EXPECT_NO_THROW(CheckRl(config, policy_.config()));
  config.loss.kind = LossKind::kGspo;
  const auto check = [&] { CheckRl(config, policy_.config()); };
  EXPECT_NE(ErrorOf(check, ErrorKind::kUsage).find("rl.loss"), std::string::npos);
}

}  // namespace
}  // namespace agon::trainer
