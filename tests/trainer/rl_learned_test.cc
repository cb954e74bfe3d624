// RL for a reward that was learned: what it earns, logs, and when it ends.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>

#include "core/error.h"
#include "judge/metrics.h"
#include "judge/reward_checkpoints.h"
#include "tests/error_of.h"
#include "tests/judge/tiny_reward_model.h"
#include "tests/trainer/fake_reward_model.h"
#include "tests/trainer/loop_fixture.h"
#include "trainer/best_of_n.h"
#include "trainer/rewards.h"
#include "trainer/rl_loop.h"
#include "trainer/rl_record.h"

namespace agon::trainer {
namespace {

bool IsLetter(const std::string& text, char low, char high) {
  return !text.empty() && text[0] >= low && text[0] <= high;
}

// The environment wants a..z.
const bool gold_registered = envs::internal::Register("toy/gold-v1", [](std::string_view) {
  return std::make_unique<ToyEnv>("toy/gold-v1", GradeLetter);
});

class RlLearned : public LoopTest {
 protected:
  RlLearned() : reference_(tokenizer_.vocab_size()) {}

  static RlConfig Config(int num_steps) {
    EXPECT_TRUE(gold_registered);
    RlConfig config;
    config.env = "toy/gold";
    config.num_steps = num_steps;
    config.tasks_per_step = 8;
    config.group_size = 16;
    config.max_new_tokens = 2;
    config.schedule = {60.0f, 0, 1.0f};
    config.learned.models = {"fake"};
    config.learned.env_weight = 0.0f;
    return config;
  }

  StageContext WithModels(const std::vector<FakeRewardModel::Score>& scores) {
    StageContext context = ContextOf(policy_, &reference_);
    for (const auto& score : scores) {
      context.reward_models.push_back(std::make_shared<FakeRewardModel>(score));
    }
    return context;
  }

  // A model that wants capitals: what the environment wants none of.
  static double WantsCapitals(const std::string&, const std::string& reply) {
    return IsLetter(reply, 'A', 'Z') ? 5.0 : 1.0;
  }

  TabularPolicy reference_;
};

TEST_F(RlLearned, ThePolicyLearnsWhatTheModelWantsAndGoldIsOnlyMeasured) {
  RunRl(Config(40), WithModels({WantsCapitals}));
  const auto gold = Logged("gold"), proxy = Logged("proxy"), distance = Logged("distance");
  ASSERT_EQ(gold.size(), 40u);
  EXPECT_LT(gold.back(), 0.05);
  EXPECT_NEAR(proxy.front(), 0.0, 1e-9);  // deviations from where it began
  EXPECT_GT(proxy.back(), 1.5);
  EXPECT_EQ(distance.front(), 0.0);
  EXPECT_GT(distance.back(), 1.0);
  // 26 of 265 first tokens were capitals, all of them are now: log(265 / 26) nats and more.
  EXPECT_GT(Logged("kl_completion").back(), 2.0);
  EXPECT_FALSE(Logged("fit_alpha").empty());
}

TEST_F(RlLearned, BothRewardsAddUp) {
  RlConfig config = Config(1);
  config.learned.env_weight = 2.0f;
  config.learned.weight = 3.0f;
  config.learned.scale = RewardScale::kNone;
  config.length_coef = 0.25f;
  StageContext context = WithModels({WantsCapitals});
  RlState state;
  context.rl = &state;
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  int compared = 0;
  for (const Group& group : CollectRollouts(config, env, std::nullopt, 1, context).groups) {
    for (const Rollout& rollout : group) {
      const std::string& reply = rollout.trajectory.completion;
      const double wanted = 2.0 * IsLetter(reply, 'a', 'z') + 3.0 * WantsCapitals("", reply) -
                            0.25 * rollout.trajectory.CompletionTokens();
      EXPECT_DOUBLE_EQ(*rollout.reward, wanted) << reply;
      ++compared;
    }
  }
  EXPECT_GT(compared, 16);
}

// What a length costs and a model thinks of a game doesn't win it.
TEST_F(RlLearned, EloIsOfTheGamesAlone) {
  RlConfig config = Config(1);
  config.opponent = judge::WriteTinyRewardModel("elo", 3, /*has_score_head=*/false).string();
  config.length_coef = 5.0f;
  RunRl(config, WithModels({WantsCapitals}));
  const double gold = Logged("gold")[0];
  EXPECT_GT(gold, 0.0);
  EXPECT_LT(Logged("reward")[0], 0.0);
  EXPECT_DOUBLE_EQ(Logged("elo")[0], judge::EloDifference(gold, 8 * 16));
}

TEST_F(RlLearned, TheWorstOfTwoModelsIsNotGamed) {
  RlConfig config = Config(40);
  config.learned.models = {"a", "b"};
  config.learned.ensemble.rule = judge::EnsembleRule::kWorst;
  const auto wants_letters = [](const std::string&, const std::string& reply) {
    return IsLetter(reply, 'a', 'z') || IsLetter(reply, 'A', 'D') ? 1.0 : 0.0;
  };
  const auto others_letters = [](const std::string&, const std::string& reply) {
    return IsLetter(reply, 'a', 'z') || IsLetter(reply, 'E', 'Z') ? 1.0 : 0.0;
  };
  RunRl(config, WithModels({wants_letters, others_letters}));
  EXPECT_GT(Logged("gold").back(), 0.9);
  EXPECT_GT(Logged("disagreement").front(), 0.0);
}

TEST_F(RlLearned, KlIsHeldAtItsTarget) {
  RlConfig config = Config(60);
  config.schedule.learning_rate = 20.0f;
  config.loss.kl = KlEstimator::kK1;
  config.loss.kl_place = KlPlace::kReward;
  config.loss.kl_coef = 1.0f;
  config.loss.kl_target = 1.5f;
  RunRl(config, WithModels({WantsCapitals}));
  const auto kl = Logged("kl_completion"), coef = Logged("kl_coef");
  EXPECT_NEAR(std::accumulate(kl.end() - 15, kl.end(), 0.0) / 15, 1.5, 0.4);
  EXPECT_NE(coef.front(), coef.back());
}

TEST_F(RlLearned, EndsAtItsLimitOfKlAndSavesThere) {
  RlConfig config = Config(40);
  config.kl_limit = 1.0f;
  StageContext context = WithModels({WantsCapitals});
  RlState state;
  std::vector<int> saved;
  context.rl = &state;
  context.save = [&](int step) { saved.push_back(step); };
  RunRl(config, context);
  const auto kl = Logged("kl_completion");
  ASSERT_LT(kl.size(), 40u);
  EXPECT_GE(kl.back(), 1.0);
  EXPECT_LT(kl[kl.size() - 2], 1.0);
  EXPECT_TRUE(state.stopped);
  EXPECT_EQ(saved, std::vector<int>{static_cast<int>(kl.size())});
}

// Letters are liked, a to d most: and those cost gold here, so that gold rises and falls.
envs::Outcome GradeOverdone(std::string_view text, bool truncated, uint64_t) {
  const std::string reply(text);
  return ToyReward(IsLetter(reply, 'e', 'z')   ? 1.0
                   : IsLetter(reply, 'a', 'd') ? -1.0
                                               : 0.0,
                   truncated);
}
const bool overdone_registered = envs::internal::Register("toy/overdone-v1", [](std::string_view) {
  return std::make_unique<ToyEnv>("toy/overdone-v1", GradeOverdone);
});

TEST_F(RlLearned, EndsWhereGoldIsPredictedToFall) {
  ASSERT_TRUE(overdone_registered);
  const auto likes_letters = [](const std::string&, const std::string& reply) {
    return IsLetter(reply, 'a', 'd') ? 3.0 : IsLetter(reply, 'e', 'z') ? 2.0 : 0.0;
  };
  RlConfig config = Config(120);
  config.env = "toy/overdone";
  config.group_size = 32;
  config.schedule.learning_rate = 6.0f;
  StageContext context = WithModels({likes_letters});
  RlState state;
  context.rl = &state;
  context.keep = [](int) { FAIL() << "a model is kept that nobody goes back to"; };
  RunRl(config, context);
  EXPECT_EQ(state.course.points.size(), 120u);
  EXPECT_TRUE(state.course.kept.empty());
  const auto whole = Logged("gold");
  const auto best = std::max_element(whole.begin(), whole.end());
  ASSERT_LT(whole.back(), *best - 0.5);  // it does fall

  config.stop_at_peak = true;
  std::map<int, std::vector<float>> kept;
  int back_to = -1;
  const auto run_watched = [&] {
    policy_ = TabularPolicy(tokenizer_.vocab_size());
    fs::remove_all(dir_);
    log_ = std::make_unique<RunLog>(dir_);
    StageContext watched = WithModels({likes_letters});
    watched.keep = [&](int step) { kept[step] = policy_.logits; };
    watched.go_back = [&](int step) { policy_.logits = kept.at(back_to = step); };
    RunRl(config, watched);
  };
  run_watched();
  const auto stopped = Logged("gold");
  EXPECT_LT(stopped.size(), 120u);
  EXPECT_GT(stopped.back(), whole.back() + 0.5);
  // The model is that whose replies earned most, or nearly.
  ASSERT_EQ(Logged("went_back_to"), std::vector<double>{1.0 * back_to});
  EXPECT_EQ(policy_.logits, kept.at(back_to));
  EXPECT_GT(stopped[static_cast<size_t>(back_to)], *best - 0.1);
}

TEST_F(RlLearned, TheLastStepGoesBackFromWhatIsLowerForSure) {
  RlConfig config = Config(10);
  config.stop_at_peak = true;
  GoldOutlook outlook;
  outlook.top = GoldTop{.step = 4, .gold = 0.5, .fall = 0.1, .fall_error = 0.01};
  outlook.is_below = true;  // but not by a quarter of what it had gained
  StageContext context = WithModels({WantsCapitals});
  RlState state;
  context.rl = &state;
  std::vector<int> back_to;
  context.go_back = [&](int step) { back_to.push_back(step); };
  for (const int step : {9, 10}) {
    EXPECT_FALSE(state.stopped);
    const Numbers numbers =
        RecordStep(config, step, 0.1f, {}, {}, outlook, Curriculum(config, {}), context);
    EXPECT_EQ(Named(numbers, "went_back_to") == 4.0, step == 10);
  }
  EXPECT_TRUE(state.stopped);
  EXPECT_EQ(back_to, std::vector<int>{4});
}

TEST(DetailOfAStep, SaysTheCurriculumsLevelWhateverItsName) {
  RlConfig config;
  config.curriculum = "100%s%n";
  const Numbers numbers = {{"reward", 0.5}, {"level", 3}, {"clip_fraction", 0.125}, {"kl", NAN}};
  EXPECT_EQ(DetailOf(config, numbers), "100%s%n 3  reward 0.500  clip 12.5%");
  config.curriculum.clear();
  EXPECT_EQ(DetailOf(config, {{"truncated", 0.25}}), "cut 25%");
}

TEST_F(RlLearned, AResumedRunIsTheSameRun) {
  RlConfig config = Config(8);
  config.schedule.learning_rate = 20.0f;
  config.learned.scale = RewardScale::kRunning;
  config.loss.kl = KlEstimator::kK3;
  config.loss.kl_coef = 0.1f;
  config.loss.kl_target = 0.2f;
  RunRl(config, WithModels({WantsCapitals}));
  const std::string whole_log = LogText();
  const auto whole_weights = policy_.logits;

  policy_ = TabularPolicy(tokenizer_.vocab_size());
  fs::remove_all(dir_);
  log_ = std::make_unique<RunLog>(dir_);
  StageContext context = WithModels({WantsCapitals});
  RlState state, saved_state;
  std::vector<float> saved;
  context.rl = &state;
  context.save_every = 3;
  context.save = [&](int step) {
    if (step != 3) return;
    saved = policy_.logits;
    saved_state = state;
  };
  int steps = 0;
  context.stop_requested = [&]() -> bool {
    if (++steps == 5) throw std::runtime_error("killed");
    return false;
  };
  EXPECT_THROW(RunRl(config, context), std::runtime_error);
  policy_.logits = saved;
  state = saved_state;
  log_->TruncateAfter({}, "rl", 3);
  context.stop_requested = {};
  context.first_step = 4;
  RunRl(config, context);
  EXPECT_EQ(policy_.logits, whole_weights);
  EXPECT_EQ(LogText(), whole_log);
}

TEST_F(RlLearned, WritesDownWhatFoolsTheModel) {
  RunRl(Config(20), WithModels({WantsCapitals}));
  const auto exploits = judge::ReadExploits(dir_ / "exploits.jsonl");
  ASSERT_GT(exploits.size(), 20u);
  for (const judge::Exploit& exploit : exploits) {
    EXPECT_TRUE(IsLetter(exploit.reply, 'A', 'Z')) << exploit.reply;
    EXPECT_EQ(exploit.gold, 0.0);
    EXPECT_GT(exploit.proxy, 0.0);
    EXPECT_EQ(exploit.prompt.back().content, "say " + std::to_string(exploit.task_index));
  }
  // What was cut off by a kill is written again.
  log_->TruncateAfter({}, "rl", 10);
  for (const judge::Exploit& exploit : judge::ReadExploits(dir_ / "exploits.jsonl")) {
    EXPECT_LE(exploit.step, 10);
  }
}

TEST_F(RlLearned, BestOfNOfTheStartingPolicy) {
  RlConfig config = Config(1);
  config.best_of_n = 16;
  StageContext context = WithModels({WantsCapitals});
  RlState state;
  context.rl = &state;
  RunRl(config, context);
  StageContext of_start = ContextOf(reference_);
  of_start.rl = &state;
  of_start.reward_models = {std::make_shared<FakeRewardModel>(WantsCapitals)};
  const auto points = MeasureBestOfN(config, of_start);
  ASSERT_EQ(points.size(), 5u);
  for (size_t i = 1; i < points.size(); ++i) EXPECT_GT(points[i].proxy, points[i - 1].proxy);
  EXPECT_LT(points.back().gold, points.front().gold);
  const fs::path file = dir_ / "best_of_n.json";
  WriteFileAtomic(file, judge::BestOfNJson(points));
  EXPECT_EQ(judge::ReadBestOfN(file)[1].gold_high, points[1].gold_high);
}

TEST_F(RlLearned, ScoresThatAreNoNumbersAreLeftOut) {
  StageContext context = WithModels({[](const std::string&, const std::string& reply) {
    return IsLetter(reply, 'a', 'm') ? NAN : WantsCapitals("", reply);
  }});
  RunRl(Config(2), context);
  EXPECT_GT(Logged("masked").front(), 0.0);
  for (const float logit : policy_.logits) ASSERT_TRUE(std::isfinite(logit));
}

// A context as long as the policy's, filled to its end; the table says special tokens, too.
TEST_F(RlLearned, NoReplyEndsTheRun) {
  RlConfig config = Config(2);
  StageContext context = ContextOf(policy_, &reference_);
  const fs::path dir = judge::WriteTinyRewardModel("no_reply_ends", 3);
  const auto model = std::make_shared<judge::RewardCheckpoints>(std::vector<fs::path>{dir});
  context.reward_models = {model};
  const auto task = envs::MakeEnv(config.env)->Get(envs::Split::kTrain, 1, config.first_task);
  const auto prompt = static_cast<int>(chat_.EncodePrompt(task.messages).size());
  config.max_new_tokens = model->max_positions() - prompt;
  RunRl(config, context);
  EXPECT_EQ(Logged("masked").back(), 0.0);
  EXPECT_GT(Logged("truncated").back(), 0.0);
  // Some don't fit a context that is shorter than the policy's.
  config.max_new_tokens += 40;
  RunRl(config, context);
  EXPECT_GT(Logged("masked").back(), 0.0);
  EXPECT_LT(Logged("masked").back(), Logged("episodes").back());
}

TEST_F(RlLearned, WhatCannotWorkIsRefused) {
  const auto refusal = [&](RlConfig config) {
    return ErrorOf([&] { CheckRl(config, policy_.config()); }, ErrorKind::kUsage);
  };
  RlConfig config = Config(1);
  EXPECT_NO_THROW(CheckRl(config, policy_.config()));
  config.learned.weight = 0.0f;
  EXPECT_NE(refusal(config).find("rl.reward_weight"), std::string::npos);
  config = Config(1);
  config.learned.models.clear();
  EXPECT_NE(refusal(config).find("rl.env_weight"), std::string::npos);
  config.learned.env_weight = 1.0f;
  config.stop_at_peak = true;
  EXPECT_NE(refusal(config).find("rl.stop_at_peak"), std::string::npos);
  config.stop_at_peak = false;
  config.loss.kl_target = 1.0f;
  EXPECT_NE(refusal(config).find("rl.kl_target"), std::string::npos);
  config.loss.kl = KlEstimator::kK1;  // a coefficient of 0 stays 0, whatever it is multiplied by
  EXPECT_NE(refusal(config).find("rl.kl_coef"), std::string::npos);
}

// Rewards below 0 would make the token limit a refuge.
TEST_F(RlLearned, ACutReplyMustNotEarnZeroWhereOthersEarnLess) {
  const auto refusal = [&](const RlConfig& config) {
    return ErrorOf([&] { CheckRl(config, policy_.config()); }, ErrorKind::kUsage);
  };
  RlConfig config = Config(1);
  config.overlong = OverlongReward::kZero;
  EXPECT_TRUE(Contains(refusal(config), "soft_penalty"));
  config.learned.models.clear();
  config.learned.env_weight = 1.0f;
  EXPECT_NO_THROW(CheckRl(config, policy_.config()));
  config.length_coef = 0.1f;
  EXPECT_TRUE(Contains(refusal(config), "rl.overlong"));
}

}  // namespace
}  // namespace agon::trainer
