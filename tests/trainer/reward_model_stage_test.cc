// Reward models inside a run: labels on disk, members, mean weights, killed runs, RL behind them.
#include "trainer/reward_model_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "core/file.h"
#include "core/json.h"
#include "judge/reward_checkpoints.h"
#include "judge/reward_quality.h"
#include "tests/error_of.h"
#include "tests/policy/tiny_policy.h"
#include "tests/tiny_recipe.h"
#include "tests/trainer/run_folder.h"

namespace agon::trainer {
namespace {

// The labels are of demonstrations: what five steps of SFT make says nothing twice.
const std::string kTinyRewards = TinyRecipe(5, 2) +
                                 "[reward_model]\n"
                                 "num_steps = 5\n"
                                 "source = \"demonstrations\"\n"
                                 "num_preferences = 20\n"
                                 "num_completions = 3\n"
                                 "preferences_per_step = 4\n"
                                 "val_preferences = 8\n"
                                 "num_members = 2\n";

class RewardModelStageTest : public RunFolderTest {
 protected:
  RewardModelStageTest() : RunFolderTest(kTinyRewards) {}

  std::string WeightsOf(const std::string& checkpoint) const {
    return ReadFile(root_ / checkpoint / "model.safetensors");
  }
};

std::string Refused(const std::vector<std::string>& overrides) {
  return ErrorOf([&] { ParseRecipe(kTinyRewards, "tiny", overrides); }, ErrorKind::kUsage);
}

TEST_F(RewardModelStageTest, MembersStandBesideTheLineOfLanguageModels) {
  const std::string summary = Train("a");
  EXPECT_NE(WeightsOf("a/checkpoints/reward-model-1-000005"),
            WeightsOf("a/checkpoints/reward-model-2-000005"));
  EXPECT_TRUE(Contains(summary, "rl-chat --model")) << summary;
  EXPECT_TRUE(Contains(summary, "rl-000005\n")) << summary;
  EXPECT_TRUE(Contains(summary, "labels")) << summary;
  EXPECT_TRUE(Contains(summary, "of held-out pairs, an oracle on")) << summary;
  const auto qualities = judge::ReadRewardQuality(root_ / "a/reward_models.json");
  ASSERT_EQ(qualities.size(), 3u);
  EXPECT_EQ(qualities[1].model, "member 2");
  EXPECT_EQ(qualities[2].model, "mean reward");
  EXPECT_EQ(datasets::ReadPreferences(root_ / "a/preferences/val.jsonl")[0].completions.size(), 3u);
  const Json state =
      ReadJson((root_ / "a/checkpoints/rl-000005/trainer_state/state.json").string());
  EXPECT_EQ(state["finished_stages"].dump(), R"(["sft","reward-model-1","reward-model-2"])");
  // RL went on from SFT: without reward models it ends in the same weights.
  Train("b", false, {"reward_model.num_steps=0"});
  EXPECT_EQ(WeightsOf("a/checkpoints/rl-000005"), WeightsOf("b/checkpoints/rl-000005"));
}

// What a kill leaves: some checkpoints, and a log that is ahead of them.
TEST_F(RewardModelStageTest, AKilledRunGoesOnWithTheSameBits) {
  const std::vector<std::string> overrides = {"reward_model.average_weights=true",
                                              "run.save_every=1"};
  Train("a", false, overrides);
  const auto kill_after = [&](const std::string& last, const std::vector<std::string>& stages) {
    fs::remove_all(root_ / "b");
    fs::copy(root_ / "a", root_ / "b", fs::copy_options::recursive);
    std::ofstream(root_ / "b/log.jsonl", std::ios::app) << "{\"stage\":\"rl\",\"st";
    for (const auto& entry : fs::directory_iterator(root_ / "a/checkpoints")) {
      const std::string name = entry.path().filename().string();
      bool is_kept = name == last;
      for (const std::string& stage : stages) is_kept |= name.starts_with(stage);
      if (!is_kept) fs::remove_all(root_ / "b/checkpoints" / name);
    }
    fs::remove_all(root_ / "b/eval/rl");
    fs::remove(root_ / "b/reward_models.json");  // measured after the last member
    if (last.empty()) fs::remove_all(root_ / "b/preferences");
    Train("b", true, overrides);
    for (const char* file :
         {"log.jsonl", "preferences/train.jsonl",
          "checkpoints/reward-model-1-000005/trainer_state/optimizer.safetensors",
          "checkpoints/reward-model-2-000005/model.safetensors",
          "checkpoints/reward-model-average/model.safetensors", "reward_models.json",
          "checkpoints/rl-000005/model.safetensors"}) {
      EXPECT_TRUE(ReadFile(root_ / "a" / file) == ReadFile(root_ / "b" / file)) << file;
    }
  };
  kill_after("reward-model-2-000005", {"sft", "reward-model-1"});  // before the mean
  kill_after("", {"sft", "reward-model-1"});                       // before the second member
  kill_after("", {"sft"});                                         // before the labels
}

TEST_F(RewardModelStageTest, ResumesWithinAMember) {
  Train("a", false, {"run.save_every=1", "rl.num_steps=0"});
  fs::copy(root_ / "a", root_ / "b", fs::copy_options::recursive);
  fs::remove_all(root_ / "b/checkpoints/reward-model-2-000005");
  Train("b", true, {"run.save_every=1", "rl.num_steps=0"});
  EXPECT_EQ(WeightsOf("a/checkpoints/reward-model-2-000005"),
            WeightsOf("b/checkpoints/reward-model-2-000005"));
  EXPECT_EQ(ReadFile(root_ / "a/log.jsonl"), ReadFile(root_ / "b/log.jsonl"));
}

TEST_F(RewardModelStageTest, RlIsRewardedByThem) {
  const std::vector<std::string> overrides = {"rl.reward_models=[\"reward-model\"]",
                                              "rl.env_weight=0",
                                              "rl.num_steps=2",
                                              "sft.env=text/reply",
                                              "rl.env=text/reply",
                                              "eval.env=text/reply"};
  Train("a", false, overrides);
  const std::string log = ReadFile(root_ / "a/log.jsonl");
  EXPECT_TRUE(Contains(log.substr(log.find("\"rl\"")), "\"disagreement\"")) << log;
}

// What SFT made is labeled. It ends a reply here and there only: its pairs are few.
TEST_F(RewardModelStageTest, LearnsFromWhatThePolicySays) {
  const std::vector<std::string> overrides = {
      "reward_model.source=policy",      "reward_model.num_preferences=40",
      "reward_model.val_preferences=40", "reward_model.num_completions=2",
      "reward_model.num_members=1",      "rl.num_steps=0"};
  Train("a", false, overrides);
  const auto preferences = datasets::ReadPreferences(root_ / "a/preferences/train.jsonl");
  EXPECT_GT(preferences.size(), 0u);
  EXPECT_LT(preferences.size(), 40u);
  for (const datasets::Preference& preference : preferences) {
    ASSERT_EQ(preference.completions.size(), 2u);
    EXPECT_NE(preference.completions[0], preference.completions[1]);
    EXPECT_EQ(preference.gold.size(), 2u);
  }
  Train("b", false, overrides);
  EXPECT_EQ(ReadFile(root_ / "a/preferences/train.jsonl"),
            ReadFile(root_ / "b/preferences/train.jsonl"));
  EXPECT_EQ(WeightsOf("a/checkpoints/reward-model-000005"),
            WeightsOf("b/checkpoints/reward-model-000005"));
  // Another model says something else.
  std::vector<std::string> longer = overrides;
  longer.push_back("sft.num_steps=8");
  Train("c", false, longer);
  EXPECT_NE(ReadFile(root_ / "a/preferences/train.jsonl"),
            ReadFile(root_ / "c/preferences/train.jsonl"));
}

TEST_F(RewardModelStageTest, LearnsFromAFile) {
  const fs::path file = root_ / "pairs.jsonl";
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    lines += R"({"prompt": "Say )" + n + R"(", "chosen": "yes", "rejected": "no )" + n + "\"}\n";
  }
  WriteFileAtomic(file, lines);
  const std::vector<std::string> overrides = {"reward_model.data=" + file.string(),
                                              "reward_model.num_members=1", "rl.num_steps=0"};
  EXPECT_TRUE(Contains(Train("a", false, overrides), "18 preferences, 2 held out"));
  EXPECT_FALSE(fs::exists(root_ / "a/preferences"));
  judge::RewardCheckpoints model({root_ / "a/checkpoints/reward-model-000005"});
  const Messages yes = {{Role::kUser, "Say 3"}, {Role::kAssistant, "yes"}};
  const Messages no = {{Role::kUser, "Say 3"}, {Role::kAssistant, "no 3"}};
  EXPECT_GT(model.Rewards({&yes, 1})[0], model.Rewards({&no, 1})[0]);
  // A bad line is seen before any work.
  WriteFileAtomic(file, lines + "{}\n");
  EXPECT_TRUE(Contains(ErrorOf([&] { Train("b", false, overrides); }, ErrorKind::kCorrupt),
                       "pairs.jsonl:21"));
  EXPECT_FALSE(fs::exists(root_ / "b/checkpoints"));
  // Without the stage nobody reads it.
  Train("c", false,
        {"reward_model.data=" + file.string(), "reward_model.num_steps=0", "rl.num_steps=0"});
}

// As docs/learned-reward.md puts them together: labels, and behind them what fooled a model.
TEST_F(RewardModelStageTest, WhatStandsLastIsLearnedFromToo) {
  const auto line = [](const std::string& prompt) {
    return R"({"prompt": ")" + prompt + R"(", "chosen": "a", "rejected": "b"})" + "\n";
  };
  std::string labels, exploits;
  for (int i = 0; i < 180; ++i) labels += line("label " + std::to_string(i));
  for (int i = 0; i < 20; ++i) exploits += line("exploit " + std::to_string(i));
  RewardModelConfig config;
  config.data = (root_ / "two.jsonl").string();
  WriteFileAtomic(config.data, labels + exploits);
  const auto num_exploits = [](const std::vector<datasets::Preference>& preferences) {
    return std::count_if(preferences.begin(), preferences.end(), [](const auto& preference) {
      return preference.prompt.front().content.starts_with("exploit");
    });
  };
  const PreferenceSets drawn = LoadPreferences(config, root_);
  EXPECT_EQ(drawn.train.size(), 180u);
  EXPECT_EQ(drawn.val.size(), 20u);
  EXPECT_GT(num_exploits(drawn.train), 10);
  EXPECT_EQ(num_exploits(drawn.train) + num_exploits(drawn.val), 20);
  const PreferenceSets again = LoadPreferences(config, root_);
  EXPECT_EQ(num_exploits(again.train), num_exploits(drawn.train));
  config.val_data = (root_ / "val.jsonl").string();
  WriteFileAtomic(config.val_data, labels);
  EXPECT_EQ(num_exploits(LoadPreferences(config, root_).train), 20);
}

// Votes come many to a prompt, and conversations go on from one.
TEST_F(RewardModelStageTest, HoldsOutWholePrompts) {
  RewardModelConfig config;
  config.data = (root_ / "votes.jsonl").string();
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    const std::string asked =
        R"({"role": "user", "content": "question )" + std::to_string(i % 40) + "\"}";
    const std::string went_on =
        R"(, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "And?"})";
    lines += R"({"prompt": [{"role": "system", "content": "Be kind."}, )" + asked +
             (i % 3 == 0 ? went_on : "") + R"(], "chosen": "a", "rejected": "b"})" + "\n";
  }
  WriteFileAtomic(config.data, lines);
  const PreferenceSets sets = LoadPreferences(config, root_);
  EXPECT_EQ(sets.train.size(), 180u);
  EXPECT_EQ(sets.val.size(), 20u);
  std::set<std::string> learned, held_out;
  for (const auto& preference : sets.train) learned.insert(preference.prompt[1].content);
  for (const auto& preference : sets.val) held_out.insert(preference.prompt[1].content);
  EXPECT_EQ(learned.size(), 36u);
  EXPECT_EQ(held_out.size(), 4u);
  for (const std::string& prompt : held_out) EXPECT_FALSE(learned.contains(prompt)) << prompt;
  // Nothing is left to hold out where everybody was asked the same.
  std::string same;
  for (int i = 0; i < 50; ++i)
    same += R"({"prompt": "p", "chosen": "a", "rejected": "b"})"
            "\n";
  WriteFileAtomic(config.data, same);
  EXPECT_TRUE(Contains(ErrorOf([&] { LoadPreferences(config, root_); }, ErrorKind::kUsage),
                       "more than 5 preferences"));
}

TEST_F(RewardModelStageTest, ImpossibleRecipesAreRefused) {
  EXPECT_TRUE(Contains(Refused({"reward_model.average_weights=true", "reward_model.num_members=1"}),
                       "average_weights"));
  EXPECT_TRUE(Contains(Refused({"reward_model.source=policy", "sft.num_steps=0"}), "source"));
  EXPECT_TRUE(Contains(Refused({"reward_model.val_data=x.jsonl"}), "val_data"));
  EXPECT_TRUE(Contains(Refused({"reward_model.env=text/replies"}), "text/reply"));
  EXPECT_TRUE(Contains(Refused({"rl.reward_models=[\"reward-model\"]", "reward_model.num_steps=0"}),
                       "trains none"));
  EXPECT_EQ(Refused({}), "");
}

TEST(AverageWeightsTest, IsTheMeanOfEachWeight) {
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  const datasets::ChatTemplate chat(tokenizer);
  policy::ModelConfig config = policy::TinyConfig();
  config.vocab_size = tokenizer.vocab_size();
  config.has_score_head = true;
  std::vector<fs::path> dirs;
  std::vector<std::unique_ptr<policy::Policy>> members;
  for (const uint64_t seed : {1, 2, 3}) {
    dirs.push_back(fs::path(testing::TempDir()) / ("average_" + std::to_string(seed)));
    fs::create_directories(dirs.back());
    members.push_back(policy::TinyPolicy(policy::ComputeType::kFloat32, seed, {}, config));
    members.back()->Save(dirs.back());
  }
  const fs::path out = fs::path(testing::TempDir()) / "average_mean";
  AverageWeights(dirs, out, chat);
  const auto mean =
      policy::Policy::Load(out, policy::ComputeType::kFloat32, {}, policy::Head::kScore);
  for (const std::string& name : mean->TensorNames()) {
    for (size_t i = 0; i < mean->Weight(name).size(); ++i) {
      double sum = 0;
      for (const auto& member : members) sum += static_cast<double>(member->Weight(name)[i]);
      EXPECT_EQ(mean->Weight(name)[i], static_cast<float>(sum / 3)) << name;
    }
  }
}

}  // namespace
}  // namespace agon::trainer
