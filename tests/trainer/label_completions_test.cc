// Preferences over demonstrations and over what a policy says.
#include "trainer/label_completions.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "core/file.h"
#include "core/progress.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"
#include "trainer/preferences_command.h"

namespace agon::trainer {
namespace {

class LabelCompletionsTest : public ::testing::Test {
 protected:
  LabelCompletionsTest() { SetProgressEnabled(false); }
  ~LabelCompletionsTest() override { SetProgressEnabled(true); }

  static LabelingConfig Config(int num_completions, float noise) {
    LabelingConfig config;
    config.num_tasks = 60;
    config.num_completions = num_completions;
    config.labelers.label_noise = noise;
    return config;
  }
};

TEST_F(LabelCompletionsTest, DemonstrationsAreRankedByTheirWorth) {
  const auto preferences = LabelDemonstrations(Config(4, 0));
  EXPECT_GT(preferences.size(), 40u);
  for (const auto& preference : preferences) {
    ASSERT_EQ(preference.completions.size(), 4u);
    const std::set<std::string> different(preference.completions.begin(),
                                          preference.completions.end());
    EXPECT_EQ(different.size(), 4u);
    for (size_t i = 1; i < 4; ++i) EXPECT_GE(preference.gold[i - 1], preference.gold[i]);
  }
  EXPECT_GT(MeanBayesAccuracy(preferences), 0.9);  // ties alone are unsure
  EXPECT_LT(MeanBayesAccuracy(LabelDemonstrations(Config(4, 0.1f))), 0.9);
}

// What a file says of itself is the environment's word on it.
TEST_F(LabelCompletionsTest, GoldIsTheEnvironmentsReward) {
  const auto env = envs::MakeEnv("text/reply");
  std::map<std::string, envs::Task> tasks;
  for (uint64_t i = 0; i < 60; ++i) {
    const envs::Task task = env->Get(envs::Split::kTrain, 1, i);
    tasks[task.messages[0].content] = task;
  }
  for (const auto& preference : LabelDemonstrations(Config(2, 0.1f))) {
    const envs::Task& task = tasks.at(preference.prompt[0].content);
    for (size_t i = 0; i < 2; ++i) {
      const auto result = env->Start(task)->Step(preference.completions[i], false);
      EXPECT_EQ(std::get<envs::Outcome>(result).Reward(), preference.gold[i]);
    }
  }
}

TEST_F(LabelCompletionsTest, APolicysCompletionsAreDifferentAndWhole) {
  const auto tokenizer = judge::ByteTokenizer();
  // Says four things, of which one is cut by the token limit.
  judge::ScriptedPolicy policy(tokenizer, [](const std::string&, uint32_t sample) -> std::string {
    return std::vector<std::string>{"hello", "hello", "hello sorry thanks hello",
                                    "sorry"}[sample % 4];
  });
  const datasets::ChatTemplate chat(tokenizer);
  LabelingConfig config = Config(2, 0);
  config.max_new_tokens = 8;
  const auto preferences = LabelSamples(config, policy, chat);
  EXPECT_EQ(preferences.size(), 60u);
  for (const auto& preference : preferences) {
    EXPECT_EQ(preference.completions, (std::vector<std::string>{"sorry", "hello"}));
  }
  config.num_completions = 3;
  EXPECT_TRUE(Contains(ErrorOf([&] { LabelSamples(config, policy, chat); }, ErrorKind::kFailed),
                       "3 different completions"));
}

TEST_F(LabelCompletionsTest, EpisodesOfSeveralTurnsAreRefused) {
  LabelingConfig config = Config(2, 0);
  config.env = "game/connect4";
  EXPECT_TRUE(
      Contains(ErrorOf([&] { LabelDemonstrations(config); }, ErrorKind::kUsage), "several turns"));
}

TEST_F(LabelCompletionsTest, TheCommandWritesWhatCanBeRead) {
  PreferencesCommand command;
  command.labeling = Config(5, 0.1f);
  command.path = testing::TempDir() + "preferences_command.jsonl";
  std::ostringstream out;
  RunPreferences(command, out);
  const auto read = datasets::ReadPreferences(command.path);
  EXPECT_TRUE(Contains(out.str(), std::to_string(read.size()) + " preferences of 5 completions"));
  EXPECT_EQ(read[0].gold.size(), 5u);
  command.labeling.num_completions = 33;
  EXPECT_TRUE(
      Contains(ErrorOf([&] { RunPreferences(command, out); }, ErrorKind::kUsage), "2 to 32"));
  command.labeling = Config(2, 0.6f);
  EXPECT_TRUE(
      Contains(ErrorOf([&] { RunPreferences(command, out); }, ErrorKind::kUsage), "--noise"));
}

}  // namespace
}  // namespace agon::trainer
