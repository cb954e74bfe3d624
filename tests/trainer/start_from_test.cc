// Runs that go on from a model (model.from): the same bits as one run, and what can't be begun
// with.
#include <gtest/gtest.h>

#include "core/file.h"
#include "core/json.h"
#include "judge/eval.h"
#include "tests/error_of.h"
#include "tests/paths.h"
#include "tests/tiny_recipe.h"
#include "tests/trainer/run_folder.h"

namespace agon::trainer {
namespace {

const std::string kTinyStart =
    TinyRecipe(3, 2, "kl = \"k3\"\nkl_coef = 0.01\nadvantage = \"gae\"\n");

class StartFromTest : public RunFolderTest {
 protected:
  StartFromTest() : RunFolderTest(kTinyStart), whole_(Whole()) {}
  static void TearDownTestSuite() { fs::remove_all(Root().string() + "-whole"); }

  fs::path Sft() const { return whole_ / "checkpoints/sft-000003"; }
  std::string From(const fs::path& model) const { return "model.from=" + model.string(); }
  // A copy of the model of SFT, to break.
  fs::path CopyOfSft(const std::string& name) const {
    fs::copy(Sft(), root_ / name, fs::copy_options::recursive);
    return root_ / name;
  }

  // What a run from `model` is refused with.
  std::string Refusal(const fs::path& model, ErrorKind kind,
                      std::vector<std::string> overrides = {"sft.num_steps=0"}) {
    overrides.push_back(From(model));
    fs::remove_all(root_ / "refused");
    return ErrorOf([&] { Train("refused", false, overrides); }, kind);
  }

  const fs::path whole_;  // a run of SFT and RL

 private:
  // Trained once per process.
  fs::path Whole() {
    const fs::path kept = root_.string() + "-whole";
    if (fs::exists(kept)) return kept;
    Train("whole");
    fs::rename(root_ / "whole", kept);
    return kept;
  }
};

// Policy, reference, value model and random numbers: all that RL begins with is there again.
TEST_F(StartFromTest, RlFromACheckpointOfSftIsTheRlOfOneRun) {
  const std::string summary =
      Train("from", false, {"sft.num_steps=0", From(Sft()), "data.vocab_size=1000"});
  for (const char* file :
       {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
        "trainer_state/optimizer.safetensors", "trainer_state/value/model.safetensors"}) {
    const fs::path of_rl = fs::path("checkpoints/rl-000003") / file;
    EXPECT_TRUE(ReadFile(whole_ / of_rl) == ReadFile(root_ / "from" / of_rl)) << file;
  }
  // Before and after, as in a run that has SFT.
  EXPECT_TRUE(Contains(summary, "eval start")) << summary;
  EXPECT_TRUE(Contains(summary, "eval rl")) << summary;
  const auto before = judge::ReadEval(root_ / "from/eval/start").samples;
  const auto after_sft = judge::ReadEval(whole_ / "eval/sft").samples;
  ASSERT_EQ(before.size(), after_sft.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].completion, after_sft[i].completion) << i;
  }
  EXPECT_FALSE(fs::exists(root_ / "from/corpus"));
  EXPECT_TRUE(Contains(ReadFile(root_ / "from/recipe.toml"), "max_positions = 512"));
}

// Killed in RL, whose reference is the model that the run goes on from.
TEST_F(StartFromTest, AKilledRunGoesOnFromTheSameModel) {
  const fs::path model = CopyOfSft("model");
  const std::vector<std::string> overrides = {"sft.num_steps=0", From(model)};
  Train("from", false, overrides);
  const fs::path weights = root_ / "from/checkpoints/rl-000003/model.safetensors";
  const std::string unbroken = ReadFile(weights);
  fs::remove_all(weights.parent_path());
  // Lies elsewhere now, and is the same.
  fs::rename(model, root_ / "moved");
  Train("from", /*resume=*/true, {"sft.num_steps=0", From(root_ / "moved")});
  EXPECT_TRUE(ReadFile(weights) == unbroken);

  fs::remove_all(weights.parent_path());
  fs::copy(whole_ / "checkpoints/rl-000003", model, fs::copy_options::recursive);
  const auto resume = [&] { Train("from", /*resume=*/true, overrides); };
  EXPECT_TRUE(Contains(ErrorOf(resume, ErrorKind::kUsage), "isn't the model that this run began"));
}

// As Hugging Face pads vocabularies: rows that no text has can be drawn, and say nothing.
TEST_F(StartFromTest, SpareRowsAndLongContextsAreNoMatter) {
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  const auto config = policy::PresetConfig("pico", 1000, 100000);
  const fs::path padded = root_ / "padded";
  fs::create_directories(padded);
  policy::Policy::Create(config, policy::ComputeType::kFloat32, 3)->Save(padded);
  datasets::ChatTemplate(tokenizer).Save(padded);
  Train("from", false,
        {"sft.num_steps=0", "rl.num_steps=1", "model.max_positions=200", From(padded)});
  const auto trained = policy::Policy::ConfigOf(root_ / "from/checkpoints/rl-000001");
  EXPECT_EQ(trained.vocab_size, 1000);
  EXPECT_EQ(trained.max_positions, 200);
}

TEST_F(StartFromTest, EveryStageCanBeTheFirst) {
  const std::vector<std::string> rewards = {From(Sft()),
                                            "sft.num_steps=0",
                                            "rl.num_steps=0",
                                            "reward_model.num_steps=2",
                                            "reward_model.num_preferences=4",
                                            "reward_model.val_preferences=2",
                                            "reward_model.preferences_per_step=2",
                                            "reward_model.source=demonstrations"};
  Train("rewards", false, rewards);
  EXPECT_TRUE(fs::exists(root_ / "rewards/checkpoints/reward-model-000002"));
  Train("sft", false, {From(Sft()), "rl.num_steps=0"});
  EXPECT_NE(ReadFile(root_ / "sft/checkpoints/sft-000003/model.safetensors"),
            ReadFile(Sft() / "model.safetensors"));
  Train("probe", false,
        {From(Sft()), "sft.num_steps=0", "rl.num_steps=0", "probe.num_steps=1", "probe.num_facts=4",
         "probe.num_samples=2", "probe.max_new_tokens=8", "probe.val_facts=4"});
  EXPECT_TRUE(fs::exists(root_ / "probe/knowledge.json"));
  // A game's other seat can be who one began as.
  Train("game", false,
        {From(Sft()), "sft.num_steps=0", "rl.env=game/connect4", "rl.opponent=start",
         "eval.env=game/connect4", "eval.opponent=start", "rl.advantage=mean", "rl.num_steps=1",
         "rl.max_new_tokens=8", "rl.overlong_buffer=8"});
  EXPECT_TRUE(fs::exists(root_ / "game/checkpoints/rl-000001"));
}

// One whose texts ended otherwise, as those of base models, ends turns when it is saved.
TEST_F(StartFromTest, WhatIsSavedEndsTurns) {
  const fs::path base = CopyOfSft("base");
  for (const char* file : {"config.json", "generation_config.json"}) {
    Json config = ReadJson((base / file).string());
    config["eos_token_id"] = 7;
    WriteFileAtomic(base / file, config.dump());
  }
  Train("from", false, {"sft.num_steps=0", "rl.num_steps=1", From(base)});
  const fs::path saved = root_ / "from/checkpoints/rl-000001";
  EXPECT_EQ(ReadJson((saved / "generation_config.json").string())["eos_token_id"],
            ReadJson((Sft() / "generation_config.json").string())["eos_token_id"]);
}

TEST_F(StartFromTest, RefusesWhatCannotBeBegunWith) {
  const std::string none = Refusal(root_ / "none", ErrorKind::kNotFound);
  EXPECT_TRUE(Contains(none, "model.from") && Contains(none, "checkpoints/sft-000300")) << none;
  const std::string longer =
      Refusal(Sft(), ErrorKind::kUsage, {"sft.num_steps=0", "model.max_positions=1024"});
  EXPECT_TRUE(Contains(longer, "a context of 512")) << longer;
  EXPECT_TRUE(Contains(longer, "model.max_positions")) << longer;
  const std::string stage =
      Refusal(Sft(), ErrorKind::kUsage, {"sft.num_steps=0", "eval.opponent=sft"});
  EXPECT_TRUE(Contains(stage, "eval.opponent") && Contains(stage, "name start")) << stage;
  EXPECT_TRUE(Contains(
      ErrorOf([] { ParseRecipe(kTinyStart, "tiny", {"rl.opponent=start"}); }, ErrorKind::kUsage),
      "start stands for"));

  const fs::path untold = CopyOfSft("untold");
  fs::remove(untold / "tokenizer.json");
  EXPECT_TRUE(Contains(Refusal(untold, ErrorKind::kNotFound), "tokenizer.json"));
  const fs::path small = CopyOfSft("small");
  Json config = ReadJson((small / "config.json").string());
  config["vocab_size"] = 100;
  WriteFileAtomic(small / "config.json", config.dump());
  EXPECT_TRUE(Contains(Refusal(small, ErrorKind::kCorrupt), "265 ids, the model 100"));
  const fs::path torn = CopyOfSft("torn");
  fs::resize_file(torn / "model.safetensors", 5000);
  EXPECT_TRUE(Contains(Refusal(torn, ErrorKind::kCorrupt), "model.safetensors"));
}

}  // namespace
}  // namespace agon::trainer
