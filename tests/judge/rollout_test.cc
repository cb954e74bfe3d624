#include "judge/rollout.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "core/error.h"
#include "tests/judge/scripted_policy.h"

namespace agon::judge {
namespace {

// Asks for a word up to three times: "yes" ends with reward 1, "no" asks again, "throw"
// breaks the grader. Tasks are all alike but for their index.
class WordEnv : public envs::Env {
 public:
  WordEnv() {
    info_.id = "test/word-v1";
    info_.max_turns = 3;
  }
  const envs::EnvInfo& info() const override { return info_; }
  envs::Task Get(envs::Split split, uint64_t seed, uint64_t index) const override {
    envs::Task task;
    task.id = {"test/word-v1", split, seed, index};
    task.messages = {{Role::kUser, "word " + std::to_string(index)}};
    return task;
  }
  std::unique_ptr<envs::Episode> Start(const envs::Task&) const override {
    return std::make_unique<WordEpisode>();
  }

 private:
  struct WordEpisode : envs::Episode {
    envs::StepResult Step(std::string_view completion, bool truncated) override {
      if (completion == "throw") throw std::runtime_error("the sandbox is gone");
      if (completion == "no") return envs::Turn{{{Role::kTool, "again"}}};
      envs::Outcome outcome;
      outcome.parts = {{"word", completion == "yes" ? 1.0 : 0.0, 1.0}};
      outcome.terminated = true;
      outcome.truncated = truncated;
      return outcome;
    }
    std::optional<std::string> Demonstrate(envs::Labeler, uint64_t) const override { return "yes"; }
  };
  envs::EnvInfo info_;
};

class RolloutTest : public testing::Test {
 protected:
  std::vector<Trajectory> Run(ScriptedPolicy& policy, const std::vector<uint64_t>& indices,
                              int num_samples = 1, int max_new_tokens = 16) {
    std::vector<envs::Task> tasks;
    for (const uint64_t index : indices) tasks.push_back(env_->Get(envs::Split::kTrain, 5, index));
    RolloutOptions options;
    options.num_samples = num_samples;
    options.max_new_tokens = max_new_tokens;
    return RunEpisodes(policy, chat_, env_, tasks, options, RngKey{3, RngStream::kSample, 11});
  }
  std::vector<int32_t> Sampled(const Trajectory& trajectory) {
    std::vector<int32_t> sampled;
    for (size_t t = 0; t < trajectory.tokens.size(); ++t) {
      if (trajectory.action_mask[t]) sampled.push_back(trajectory.tokens[t]);
    }
    return sampled;
  }
  std::vector<int32_t> WithStop(const std::string& text) {
    std::vector<int32_t> ids = tokenizer_.Encode(text);
    ids.push_back(chat_.stop_token_id());
    return ids;
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  std::shared_ptr<const WordEnv> env_ = std::make_shared<WordEnv>();
};

TEST_F(RolloutTest, TheStopTokenIsSampledAndTrained) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "yes"; });
  const auto trajectories = Run(policy, {4});
  ASSERT_EQ(trajectories.size(), 1u);
  const Trajectory& trajectory = trajectories[0];
  const auto prompt = chat_.EncodePrompt({{Role::kUser, "word 4"}});
  EXPECT_EQ(trajectory.prompt_tokens, static_cast<int>(prompt.size()));
  std::vector<int32_t> expected = prompt;
  const auto reply = WithStop("yes");
  expected.insert(expected.end(), reply.begin(), reply.end());
  EXPECT_EQ(trajectory.tokens, expected);
  EXPECT_EQ(Sampled(trajectory), reply);
  EXPECT_EQ(trajectory.CompletionTokens(), 4);
  EXPECT_EQ(trajectory.completion, "yes");
  EXPECT_FALSE(trajectory.length_limited);
  EXPECT_EQ(trajectory.outcome.Reward(), 1);
  EXPECT_EQ(trajectory.policy_version, 7u);
  EXPECT_EQ(policy.last_sampling.stop_token_ids, std::vector<int32_t>{chat_.stop_token_id()});
  ASSERT_EQ(trajectory.rollout_logprobs.size(), trajectory.tokens.size());
  for (size_t t = 0; t < trajectory.tokens.size(); ++t) {
    EXPECT_EQ(trajectory.rollout_logprobs[t] == 0, trajectory.action_mask[t] == 0) << t;
  }
}

TEST_F(RolloutTest, SamplesOfATaskShareOnePrompt) {
  ScriptedPolicy policy(tokenizer_,
                        [](const auto&, uint32_t sample) { return sample == 2 ? "yes" : "nope"; });
  const auto trajectories = Run(policy, {0, 1}, 4);
  ASSERT_EQ(policy.prompts.size(), 2u);
  EXPECT_EQ(policy.prompts[0].num_samples, 4);
  EXPECT_NE(policy.prompts[0].task, policy.prompts[1].task);
  ASSERT_EQ(trajectories.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(trajectories[i].task.id.index, i / 4);
    EXPECT_EQ(trajectories[i].sample, i % 4);
    EXPECT_EQ(trajectories[i].outcome.Reward(), i % 4 == 2 ? 1 : 0);
  }
}

TEST_F(RolloutTest, TurnsOfTheEnvironmentAreNotTrained) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t sample) {
    return sample == 0 || prompt.find("again") != std::string::npos ? "yes" : "no";
  });
  const auto trajectories = Run(policy, {0}, 2);
  EXPECT_EQ(trajectories[0].num_turns, 1);
  const Trajectory& two = trajectories[1];
  EXPECT_EQ(two.num_turns, 2);
  EXPECT_EQ(two.completion, "no\n[tool] again\nyes");
  std::vector<int32_t> expected = chat_.EncodePrompt({{Role::kUser, "word 0"}});
  std::vector<uint8_t> mask(expected.size(), 0);
  const auto append = [&](const std::vector<int32_t>& ids, uint8_t trained) {
    expected.insert(expected.end(), ids.begin(), ids.end());
    mask.resize(expected.size(), trained);
  };
  append(WithStop("no"), 1);
  append(chat_.EncodeContinuation({{Role::kTool, "again"}}), 0);
  append(WithStop("yes"), 1);
  EXPECT_EQ(two.tokens, expected);
  EXPECT_EQ(two.action_mask, mask);
  // The second turn goes on as the same sample, with random numbers of its own.
  ASSERT_EQ(policy.prompts.size(), 2u);
  EXPECT_EQ(policy.prompts[1].first_sample, 1u);
  EXPECT_EQ(policy.prompts[1].num_samples, 1);
  EXPECT_NE(policy.prompts[1].task, policy.prompts[0].task);
}

TEST_F(RolloutTest, ACutAnswerIsMarkedAndHasNoStopToken) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "yes, without end"; });
  const Trajectory trajectory = Run(policy, {0}, 1, 3)[0];
  EXPECT_TRUE(trajectory.length_limited);
  EXPECT_TRUE(trajectory.outcome.truncated);
  EXPECT_EQ(Sampled(trajectory), tokenizer_.Encode("yes"));
}

TEST_F(RolloutTest, ACutTurnIsClosedForTheModelButNotTrained) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t) {
    return prompt.find("again") != std::string::npos ? "y" : "nonono";
  });
  const Trajectory trajectory = Run(policy, {0}, 1, 2)[0];
  EXPECT_EQ(trajectory.num_turns, 2);
  const size_t after = static_cast<size_t>(trajectory.prompt_tokens) + 2;
  EXPECT_EQ(trajectory.tokens[after], chat_.stop_token_id());
  EXPECT_EQ(trajectory.action_mask[after], 0);
  EXPECT_FALSE(trajectory.length_limited);
}

TEST_F(RolloutTest, AFailingGraderMasksItsEpisodeOnly) {
  ScriptedPolicy policy(tokenizer_,
                        [](const auto&, uint32_t sample) { return sample == 1 ? "throw" : "yes"; });
  const auto trajectories = Run(policy, {0}, 3);
  EXPECT_FALSE(trajectories[0].outcome.masked);
  ASSERT_TRUE(trajectories[1].outcome.masked);
  EXPECT_EQ(trajectories[1].outcome.masked->kind, "grader");
  EXPECT_EQ(trajectories[1].outcome.masked->reason, "the sandbox is gone");
  EXPECT_FALSE(trajectories[2].outcome.masked);
}

TEST_F(RolloutTest, AFullContextEndsTheEpisode) {
  const int prompt = static_cast<int>(chat_.EncodePrompt({{Role::kUser, "word 0"}}).size());
  ScriptedPolicy policy(
      tokenizer_, [](const auto&, uint32_t) { return "no"; }, prompt + 8);
  const Trajectory trajectory = Run(policy, {0})[0];
  EXPECT_TRUE(trajectory.outcome.truncated);
  EXPECT_FALSE(trajectory.outcome.masked);
  EXPECT_EQ(trajectory.outcome.reason, "the context is full");
  EXPECT_TRUE(trajectory.context_full);
  EXPECT_TRUE(trajectory.HitTokenLimit());
  EXPECT_EQ(trajectory.num_turns, 1);
  EXPECT_EQ(static_cast<int>(trajectory.tokens.size()), prompt + 3);
}

TEST_F(RolloutTest, TurnsAreBounded) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "no"; });
  const Trajectory trajectory = Run(policy, {0})[0];
  EXPECT_EQ(trajectory.num_turns, 3);
  EXPECT_TRUE(trajectory.outcome.truncated);
  EXPECT_EQ(trajectory.outcome.reason, "no turn left");
}

TEST_F(RolloutTest, APromptWithoutRoomIsRefusedWithBothLengths) {
  const size_t prompt = chat_.EncodePrompt({{Role::kUser, "word 8"}}).size();
  ScriptedPolicy policy(
      tokenizer_, [](const auto&, uint32_t) { return "yes"; }, static_cast<int>(prompt));
  try {
    Run(policy, {8});
    FAIL() << "not refused";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(what.find("task 8"), std::string::npos) << what;
    EXPECT_NE(what.find("has " + std::to_string(prompt) + " tokens"), std::string::npos) << what;
    EXPECT_NE(what.find("context of " + std::to_string(prompt)), std::string::npos) << what;
  }
  EXPECT_TRUE(policy.prompts.empty());
}

TEST_F(RolloutTest, OrderAndThreadsDoNotChangeATrajectory) {
  const auto script = [](const std::string& prompt, uint32_t sample) {
    if (prompt.find("again") != std::string::npos) return std::string("yes");
    return std::string(sample % 2 == 0 ? "no" : "yes");
  };
  ScriptedPolicy forward_policy(tokenizer_, script), backward_policy(tokenizer_, script);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto forward = Run(forward_policy, {0, 1, 2}, 2);
  omp_set_num_threads(4);
  const auto backward = Run(backward_policy, {2, 1, 0}, 2);
  omp_set_num_threads(threads);
  for (size_t task = 0; task < 3; ++task) {
    for (size_t sample = 0; sample < 2; ++sample) {
      const Trajectory& a = forward[2 * task + sample];
      const Trajectory& b = backward[2 * (2 - task) + sample];
      EXPECT_EQ(a.tokens, b.tokens);
      EXPECT_EQ(a.rollout_logprobs, b.rollout_logprobs);
      EXPECT_EQ(a.action_mask, b.action_mask);
    }
  }
  EXPECT_NE(forward[0].rollout_logprobs, forward[2].rollout_logprobs);
}

TEST_F(RolloutTest, ReportsProgressToTheEnd) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t sample) {
    return sample == 0 || prompt.find("again") != std::string::npos ? "yes" : "no";
  });
  std::vector<std::pair<int64_t, int64_t>> seen;
  RolloutOptions options;
  options.num_samples = 2;
  options.on_progress = [&](int64_t done, int64_t total) { seen.emplace_back(done, total); };
  const std::vector<envs::Task> tasks = {env_->Get(envs::Split::kTrain, 0, 0)};
  RunEpisodes(policy, chat_, env_, tasks, options, RngKey{});
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), (std::pair<int64_t, int64_t>{2, 2}));
}

// Two seats take turns to name a number; the one who says "7" wins. Groups may be scored.
class SevenEnv : public envs::Env {
 public:
  SevenEnv() {
    info_.id = "test/seven-v1";
    info_.max_turns = 3;
    info_.num_seats = 2;
    info_.step_timeout_ms = 200;
  }
  const envs::EnvInfo& info() const override { return info_; }
  envs::Task Get(envs::Split split, uint64_t seed, uint64_t index) const override {
    envs::Task task;
    task.id = {info_.id, split, seed, index};
    task.messages = {{Role::kUser, "you begin"}};
    return task;
  }
  std::unique_ptr<envs::Episode> Start(const envs::Task& task) const override {
    if (task.id.index == 13) throw std::runtime_error("no thirteenth game");
    return std::make_unique<SevenEpisode>();
  }
  void ScoreGroup(const envs::Task& task, std::span<const std::string> completions,
                  std::span<envs::Outcome> outcomes) const override {
    if (task.id.index == 99) throw std::runtime_error("the jury quarrels");
    for (size_t i = 0; i < outcomes.size(); ++i) outcomes[i].reason = completions[i];
  }

 private:
  struct SevenEpisode : envs::Episode {
    envs::StepResult Step(std::string_view said, bool) override {
      if (said == "hang") std::this_thread::sleep_for(std::chrono::seconds(1));
      if (said != "7") {
        seat = 1 - seat;
        const std::string text = "they said " + std::string(said);
        return envs::Turn{{{Role::kUser, text}}, seat};
      }
      envs::Outcome outcome;
      outcome.parts = {{"won", 1.0, 1.0, seat}, {"won", 0.0, 1.0, 1 - seat}};
      outcome.terminated = true;
      return outcome;
    }
    int seat = 0;
  };
  envs::EnvInfo info_;
};

class GameTest : public testing::Test {
 protected:
  std::vector<Trajectory> Run(ScriptedPolicy& policy, const std::vector<uint64_t>& indices,
                              ScriptedPolicy* opponent = nullptr, int num_samples = 1) {
    std::vector<envs::Task> tasks;
    for (const uint64_t index : indices) tasks.push_back(env_->Get(envs::Split::kTrain, 5, index));
    RolloutOptions options;
    options.num_samples = num_samples;
    if (opponent != nullptr) options.opponent = Player{opponent, &chat_};
    return RunEpisodes(policy, chat_, env_, tasks, options, RngKey{});
  }
  // Says 7 once it has been answered.
  static std::string SecondThought(const std::string& prompt, uint32_t) {
    return prompt.find("they said") == std::string::npos ? "5" : "7";
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  std::shared_ptr<const envs::Env> env_ = std::make_shared<SevenEnv>();
};

TEST_F(GameTest, SelfPlayGivesEachSeatItsConversation) {
  ScriptedPolicy policy(tokenizer_, SecondThought);
  const auto trajectories = Run(policy, {0}, nullptr, 2);
  ASSERT_EQ(trajectories.size(), 4u) << "two samples of two seats";
  for (size_t i = 0; i < 4; i += 2) {
    const Trajectory &first = trajectories[i], &second = trajectories[i + 1];
    EXPECT_EQ(first.seat, 0);
    EXPECT_EQ(second.seat, 1);
    EXPECT_EQ(first.completion, "5");
    EXPECT_EQ(second.completion, "[user] they said 5\n7");
    EXPECT_EQ(first.Reward(), 0);
    EXPECT_EQ(second.Reward(), 1);
    const auto prompt = chat_.EncodePrompt({{Role::kUser, "they said 5"}});
    EXPECT_EQ(second.prompt_tokens, static_cast<int>(prompt.size()));
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), second.tokens.begin()));
    EXPECT_EQ(first.outcome.reason, "5\n7") << "the group is told all that was said";
  }
}

TEST_F(GameTest, ASeatThatWasNeverAskedIsEmpty) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "7"; });
  const auto trajectories = Run(policy, {0});
  EXPECT_TRUE(trajectories[1].tokens.empty());
  EXPECT_EQ(trajectories[1].prompt_tokens, 0);
}

TEST_F(GameTest, AnOpponentPlaysTheOtherSeat) {
  ScriptedPolicy winner(tokenizer_, SecondThought);
  ScriptedPolicy loser(tokenizer_, [](const auto&, uint32_t) { return "4"; });
  // The policy plays seat 0 of task 0 and seat 1 of task 1.
  const auto won = Run(winner, {0, 1}, &loser);
  ASSERT_EQ(won.size(), 2u);
  EXPECT_EQ(won[0].seat, 0);
  EXPECT_EQ(won[1].seat, 1);
  EXPECT_EQ(won[0].completion, "5\n[user] they said 4\n7");
  EXPECT_EQ(won[1].completion, "[user] they said 4\n7");
  EXPECT_EQ(won[0].Reward() + won[1].Reward(), 2);
  const auto lost = Run(loser, {0, 1}, &winner);
  EXPECT_EQ(lost[0].Reward() + lost[1].Reward(), 0);
}

TEST_F(GameTest, WhatCantBeJudgedIsMasked) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "7"; });
  const auto trajectories = Run(policy, {13, 99, 1});
  ASSERT_TRUE(trajectories[0].outcome.masked);
  EXPECT_EQ(trajectories[0].outcome.masked->reason, "no thirteenth game");
  ASSERT_TRUE(trajectories[2].outcome.masked);
  EXPECT_EQ(trajectories[2].outcome.masked->reason, "the jury quarrels");
  EXPECT_FALSE(trajectories[4].outcome.masked);
}

TEST_F(GameTest, AStepThatHangsMasksItsEpisodeOnly) {
  ScriptedPolicy policy(tokenizer_,
                        [](const auto&, uint32_t sample) { return sample == 1 ? "hang" : "7"; });
  const auto trajectories = Run(policy, {0}, nullptr, 3);
  EXPECT_FALSE(trajectories[0].outcome.masked);
  ASSERT_TRUE(trajectories[2].outcome.masked);
  EXPECT_EQ(trajectories[2].outcome.masked->kind, "timeout");
  EXPECT_FALSE(trajectories[4].outcome.masked);
  std::this_thread::sleep_for(std::chrono::seconds(1));  // the step left behind ends
}

}  // namespace
}  // namespace agon::judge
