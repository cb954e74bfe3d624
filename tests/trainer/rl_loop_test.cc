// The RL loop on environments that a table of bigrams can learn.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/trainer/loop_fixture.h"
#include "trainer/policy_update.h"
#include "trainer/rewards.h"
#include "trainer/rl_loop.h"

namespace agon::trainer {
namespace {

std::unique_ptr<envs::Env> MakeLetter(std::string_view) {
  return std::make_unique<ToyEnv>("toy/letter-v1", GradeLetter);
}
std::unique_ptr<envs::Env> MakeStop(std::string_view) {
  return std::make_unique<ToyEnv>("toy/stop-v1", GradeStop);
}
std::unique_ptr<envs::Env> MakeEasy(std::string_view) {
  return std::make_unique<ToyEnv>("toy/easy-v1", GradeAlwaysRight);
}
std::unique_ptr<envs::Env> MakeUnreliable(std::string_view) {
  return std::make_unique<ToyEnv>("toy/unreliable-v1", GradeUnreliably);
}
const bool letters_registered = envs::internal::Register("toy/letter-v1", MakeLetter) &&
                                envs::internal::Register("toy/stop-v1", MakeStop) &&
                                envs::internal::Register("toy/easy-v1", MakeEasy) &&
                                envs::internal::Register("toy/unreliable-v1", MakeUnreliable);

class RlLoop : public LoopTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(letters_registered);
    LoopTest::SetUp();
  }

  static RlConfig Config(const char* env, int num_steps) {
    RlConfig config;
    config.env = env;
    config.num_steps = num_steps;
    config.tasks_per_step = 8;
    config.group_size = 16;
    config.max_new_tokens = 2;
    config.schedule = {60.0f, 0, 1.0f};
    return config;
  }
};

TEST_F(RlLoop, LearnsWhatIsRewarded) {
  RunRl(Config("toy/letter", 40), Context());
  const auto reward = Logged("reward");
  ASSERT_EQ(reward.size(), 40u);
  EXPECT_LT(reward.front(), 0.25);  // 26 of 265 tokens
  EXPECT_GT(reward.back(), 0.9);
}

TEST_F(RlLoop, EveryLossLearns) {
  for (const LossKind kind : {LossKind::kGrpo, LossKind::kDapo, LossKind::kGspo, LossKind::kCispo,
                              LossKind::kReinforce}) {
    TabularPolicy policy(tokenizer_.vocab_size());
    RlConfig config = Config("toy/letter", 20);
    config.num_epochs = 2;  // in the second the ratios aren't one
    config.loss.kind = kind;
    if (kind == LossKind::kCispo) config.loss.clip_high = 5.0f;
    RunRl(config, ContextOf(policy));
    EXPECT_GT(Logged("reward").back(), 0.6) << static_cast<int>(kind);
  }
}

// The stop token is sampled like any other, so a reward for stopping must reach it.
TEST_F(RlLoop, TrainsTheStopToken) {
  for (int32_t previous = 0; previous < tokenizer_.vocab_size(); ++previous) {
    policy_.Logit(previous, stop_) = 3.0f;
  }
  const int32_t last_of_prompt = '\n';
  ASSERT_LT(policy_.Probability(last_of_prompt, stop_), 0.1);
  RlConfig config = Config("toy/stop", 30);
  config.max_new_tokens = 4;
  RunRl(config, Context());
  EXPECT_GT(policy_.Probability(last_of_prompt, stop_), 0.9);
  EXPECT_LT(Logged("truncated").back(), 0.2 * Logged("truncated").front());
}

TEST_F(RlLoop, TheFirstUpdateSeesTheSamplersLogprobs) {
  RlConfig config = Config("toy/letter", 5);
  config.temperature = 0.7f;
  RunRl(config, Context());
  EXPECT_EQ(Logged("logprob_diff_max"), std::vector<double>(5, 0.0));
  EXPECT_EQ(Logged("ratio_max"), std::vector<double>(5, 1.0));
}

TEST_F(RlLoop, ASamplerThatDisagreesIsRefused) {
  policy_.sampler_error = 1e-6f;
  const auto run = [&] { RunRl(Config("toy/letter", 5), Context()); };
  const std::string error = ErrorOf(run, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "rl step 1: log-probabilities")) << error;
}

// Which update is the first counts, not which mini-batch.
TEST_F(RlLoop, ASamplerThatDisagreesIsRefusedBehindAMiniBatchWithoutLoss) {
  RlConfig config = Config("toy/letter", 1);
  config.num_minibatches = 2;
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  policy_.sampler_error = 1e-6f;
  RolloutBatch batch = CollectRollouts(config, env, std::nullopt, 1, Context());
  for (size_t i = 0; i < batch.groups.size() / 2; ++i) {
    for (Rollout& rollout : batch.groups[i]) rollout.reward.reset();
  }
  const auto run = [&] { UpdatePolicy(batch.groups, 1, 1.0f, config, Context()); };
  EXPECT_TRUE(Contains(ErrorOf(run, ErrorKind::kFailed), "log-probabilities"));
}

TEST_F(RlLoop, TheLoggedLossIsThatOfAnUpdate) {
  RlConfig config = Config("toy/letter", 1);
  config.schedule.learning_rate = 0.0f;
  RunRl(config, Context());
  config.num_epochs = 3;
  RunRl(config, Context());
  const auto loss = Logged("loss");
  EXPECT_NE(loss[0], 0.0);
  EXPECT_NEAR(loss[1], loss[0], 1e-12);
}

TEST_F(RlLoop, AFailureSaysItsStep) {
  StageContext context = Context();
  context.first_step = 4;
  policy_.scores_to_failure = 1;
  const auto run = [&] { RunRl(Config("toy/letter", 5), context); };
  const std::string error = ErrorOf(run, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "rl step 4: Attention in layer 0")) << error;
}

TEST_F(RlLoop, AFailureOfTheReferenceSaysSo) {
  TabularPolicy reference(tokenizer_.vocab_size());
  reference.scores_to_failure = 1;
  RlConfig config = Config("toy/letter", 5);
  config.loss.kl = KlEstimator::kK3;
  config.loss.kl_coef = 1.0f;
  const auto run = [&] { RunRl(config, ContextOf(policy_, &reference)); };
  const std::string error = ErrorOf(run, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "rl step 1: reference: Attention in layer 0")) << error;
}

TEST_F(RlLoop, SeveralUpdatesPerBatchMoveTheRatioFromOne) {
  RlConfig config = Config("toy/letter", 3);
  config.num_minibatches = 4;
  config.num_epochs = 2;
  RunRl(config, Context());
  EXPECT_EQ(policy_.version(), 3u * 4u * 2u);
  EXPECT_EQ(Logged("logprob_diff_max"), std::vector<double>(3, 0.0));  // of the first update
  const auto ratio = Logged("ratio_max");
  EXPECT_GT(*std::max_element(ratio.begin(), ratio.end()), 1.01);
}

TEST_F(RlLoop, GroupsOfEqualRewardsTeachNothing) {
  const auto before = policy_.logits;
  RunRl(Config("toy/easy", 2), Context());
  EXPECT_EQ(policy_.logits, before);
  EXPECT_EQ(policy_.version(), 0u);
  EXPECT_EQ(Logged("zero_variance_groups"), std::vector<double>(2, 8.0));
}

TEST_F(RlLoop, RefillingIsBounded) {
  RlConfig config = Config("toy/easy", 1);
  config.refill_rounds = 3;
  RunRl(config, Context());
  EXPECT_EQ(Logged("refilled_groups"), std::vector<double>{3 * 8.0});
  EXPECT_EQ(Logged("zero_variance_groups"), std::vector<double>{4 * 8.0});
}

TEST_F(RlLoop, RefillingReplacesDroppedGroupsByOtherTasks) {
  RlConfig config = Config("toy/letter", 1);
  config.group_size = 4;  // most groups of four have no letter
  config.refill_rounds = 20;
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  const RolloutBatch batch = CollectRollouts(config, env, std::nullopt, 1, Context());
  EXPECT_EQ(batch.groups.size(), 8u);
  EXPECT_GT(batch.num_refilled, 0);
  std::vector<uint64_t> tasks;
  for (const Group& group : batch.groups) tasks.push_back(group[0].trajectory.task.id.index);
  std::sort(tasks.begin(), tasks.end());
  EXPECT_EQ(std::adjacent_find(tasks.begin(), tasks.end()), tasks.end());
  EXPECT_GE(tasks.front(), config.first_task);
}

TEST_F(RlLoop, StepsPractiseOnDifferentTasks) {
  RlConfig config = Config("toy/letter", 1);
  config.refill_rounds = 2;
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  uint64_t last = 0;
  for (int step = 1; step <= 3; ++step) {
    const RolloutBatch batch = CollectRollouts(config, env, std::nullopt, step, Context());
    for (const Group& group : batch.groups) {
      const uint64_t index = group[0].trajectory.task.id.index;
      EXPECT_GT(index, last);
      last = index;
    }
  }
}

TEST_F(RlLoop, MaskedAndUnscoredEpisodesAreLeftOut) {
  RlConfig config = Config("toy/unreliable", 1);
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  const RolloutBatch batch = CollectRollouts(config, env, std::nullopt, 1, Context());
  int left_out = 0;
  for (const Group& group : batch.groups) {
    double sum = 0.0;
    for (const Rollout& rollout : group) {
      const int first = rollout.trajectory.completion.empty()
                            ? 0
                            : static_cast<unsigned char>(rollout.trajectory.completion[0]);
      EXPECT_EQ(rollout.reward.has_value(), first % 3 == 0);
      EXPECT_TRUE(rollout.reward || rollout.advantage == 0.0f);
      left_out += !rollout.reward;
      sum += static_cast<double>(rollout.advantage);
    }
    EXPECT_NEAR(sum, 0.0, 1e-5);  // the baseline is that of the scored ones
  }
  EXPECT_GT(left_out, 0);
  RunRl(config, Context());
  EXPECT_GT(Logged("masked").front(), 0.0);
  for (const float logit : policy_.logits) ASSERT_TRUE(std::isfinite(logit));
}

TEST_F(RlLoop, TruncatedCompletionsCanBeLeftOutOfTheLoss) {
  policy_.Logit('\n', stop_) = -50.0f;  // the first token never stops, with one token all are cut
  const auto before = policy_.logits;
  RlConfig config = Config("toy/letter", 2);
  config.max_new_tokens = 1;
  config.mask_truncated = true;
  RunRl(config, Context());
  EXPECT_EQ(policy_.logits, before);
  EXPECT_EQ(Logged("truncated"), std::vector<double>(2, 1.0));

  config.mask_truncated = false;
  RunRl(config, Context());
  EXPECT_NE(policy_.logits, before);
}

TEST_F(RlLoop, MicroBatchesDoNotChangeTheUpdate) {
  RlConfig config = Config("toy/letter", 1);
  RunRl(config, Context());
  TabularPolicy other(tokenizer_.vocab_size());
  StageContext context = ContextOf(other);
  config.micro_batch_tokens = 60;  // less than a group
  RunRl(config, context);
  double moved = 0.0;
  for (size_t i = 0; i < other.logits.size(); ++i) {
    ASSERT_NEAR(policy_.logits[i], other.logits[i], 1e-5);
    moved = std::max(moved, std::abs(static_cast<double>(other.logits[i])));
  }
  EXPECT_GT(moved, 1e-2);
}

TEST_F(RlLoop, KlInTheLossHoldsThePolicyBack) {
  TabularPolicy reference(tokenizer_.vocab_size());
  TabularPolicy held(tokenizer_.vocab_size());
  RlConfig config = Config("toy/letter", 20);
  RunRl(config, Context());
  config.loss.kl = KlEstimator::kK3;
  config.loss.kl_coef = 1.0f;
  StageContext context = ContextOf(held, &reference);
  RunRl(config, context);
  const auto reward = Logged("reward");
  EXPECT_LT(reward[39], reward[19]);
  EXPECT_GT(Logged("kl").back(), 0.0);
}

TEST_F(RlLoop, KlInTheRewardIsPaidByEachEpisode) {
  RlConfig config = Config("toy/letter", 1);
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  TabularPolicy reference(tokenizer_.vocab_size());
  for (int32_t t = 'a'; t <= 'z'; ++t) reference.Logit('\n', t) = 1.0f;
  const RolloutBatch plain = CollectRollouts(config, env, std::nullopt, 1, Context());
  config.loss.kl = KlEstimator::kK1;
  config.loss.kl_place = KlPlace::kReward;
  config.loss.kl_coef = 0.5f;
  StageContext context = Context();
  context.reference = &reference;
  const RolloutBatch paid = CollectRollouts(config, env, std::nullopt, 1, context);
  // Every group differs now, so match by task.
  int compared = 0;
  for (const Group& a : plain.groups) {
    for (const Group& b : paid.groups) {
      if (a[0].trajectory.task.id.index != b[0].trajectory.task.id.index) continue;
      for (size_t i = 0; i < a.size(); ++i) {
        const auto& t = a[i].trajectory;
        double kl = 0.0;  // the policy is uniform
        for (auto at = static_cast<size_t>(t.prompt_tokens); at < t.tokens.size(); ++at) {
          kl += -std::log(tokenizer_.vocab_size()) -
                std::log(reference.Probability(t.tokens[at - 1], t.tokens[at]));
        }
        EXPECT_NEAR(*a[i].reward - *b[i].reward, 0.5 * kl, 1e-5);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 0);
}

// Where nothing needs it, it is that of the first tasks, to be looked at.
TEST_F(RlLoop, KlIsShownThoughNobodyChargesIt) {
  RlConfig config = Config("toy/letter", 3);
  config.kl_tasks = 2;
  TabularPolicy reference(tokenizer_.vocab_size());
  const StageContext context = ContextOf(policy_, &reference);
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  int num_shown = 0, num_others = 0;
  for (const Group& group : CollectRollouts(config, env, std::nullopt, 1, context).groups) {
    const bool is_shown = group[0].trajectory.task.id.index < config.first_task + 2;
    ++(is_shown ? num_shown : num_others);
    for (const Rollout& rollout : group) EXPECT_EQ(rollout.ref_logprobs.empty(), !is_shown);
  }
  EXPECT_EQ(num_shown, 2);
  EXPECT_GT(num_others, 0);
  RunRl(config, context);
  const auto kl = Logged("kl");
  ASSERT_EQ(kl.size(), 3u);
  EXPECT_EQ(kl[0], 0.0);
  EXPECT_GT(kl[2], 0.0);
  EXPECT_TRUE(Logged("kl_completion").empty());
  config.kl_tasks = 0;
  RunRl(config, context);
  EXPECT_EQ(Logged("kl").size(), 3u);
}

TEST_F(RlLoop, AResumedRunIsTheSameRun) {
  RlConfig config = Config("toy/letter", 6);
  config.schedule = {20.0f, 2, 0.1f};
  RunRl(config, Context());
  const std::string whole_log = LogText();
  const auto whole_weights = policy_.logits;

  // Killed after step 5, when the last checkpoint was that of step 3.
  fs::remove_all(dir_);
  log_ = std::make_unique<RunLog>(dir_);
  TabularPolicy policy(tokenizer_.vocab_size());
  std::vector<float> saved;
  StageContext context = ContextOf(policy);
  context.save_every = 3;
  context.save = [&](int step) {
    if (step == 3) saved = policy.logits;
  };
  int steps = 0;
  context.stop_requested = [&]() -> bool {
    if (++steps == 5) throw std::runtime_error("killed");
    return false;
  };
  EXPECT_THROW(RunRl(config, context), std::runtime_error);
  policy.logits = saved;
  log_->TruncateAfter({}, "rl", 3);
  context.stop_requested = {};
  context.first_step = 4;
  RunRl(config, context);
  EXPECT_EQ(policy.logits, whole_weights);
  EXPECT_EQ(LogText(), whole_log);
}

TEST_F(RlLoop, StoppingSavesFirst) {
  std::vector<int> saved;
  StageContext context = Context();
  context.save = [&](int step) { saved.push_back(step); };
  int asked = 0;
  context.stop_requested = [&] { return ++asked == 2; };
  try {
    RunRl(Config("toy/letter", 9), context);
    FAIL() << "it went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.ExitStatus(), 130);
    EXPECT_NE(std::string(error.what()).find("--resume"), std::string::npos);
  }
  EXPECT_EQ(saved, std::vector<int>{2});
  EXPECT_EQ(Logged("reward").size(), 2u);
}

TEST_F(RlLoop, SavesEverySoOftenAndAtTheEnd) {
  std::vector<int> saved;
  StageContext context = Context();
  context.save_every = 2;
  context.save = [&](int step) { saved.push_back(step); };
  RunRl(Config("toy/letter", 5), context);
  EXPECT_EQ(saved, (std::vector<int>{2, 4, 5}));
}

}  // namespace
}  // namespace agon::trainer
