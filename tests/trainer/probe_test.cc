// The stage probe: what is asked, what is taught of it, killed runs, and what can't work.
#include "trainer/probe.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "core/file.h"
#include "core/json.h"
#include "tests/error_of.h"
#include "tests/paths.h"
#include "tests/tiny_recipe.h"
#include "tests/trainer/loop_fixture.h"
#include "tests/trainer/run_folder.h"

namespace agon::trainer {
namespace {

const std::string kTinyProbe = TinyRecipe(5, 2) +
                               "more_envs = [\"text/identity(place=0)\"]\n"
                               "[probe]\n"
                               "num_steps = 5\n"
                               "num_facts = 12\n"
                               "num_samples = 2\n"
                               "max_new_tokens = 8\n"
                               "demonstrations_per_step = 4\n"
                               "mix = [\"text/identity(place=0)=0.25\"]\n"
                               "val_facts = 8\n";

class ProbeStageTest : public RunFolderTest {
 protected:
  ProbeStageTest() : RunFolderTest(kTinyProbe) {}
};

TEST_F(ProbeStageTest, AsksTeachesAndMeasuresBetweenSftAndRl) {
  const std::string summary = Train("a");
  EXPECT_TRUE(Contains(summary, "12 questions: 0 known, 0 unsure, 12 never right")) << summary;
  EXPECT_TRUE(Contains(summary, "it knows none of them")) << summary;
  EXPECT_TRUE(Contains(summary, "made up 100.0 % → ")) << summary;
  const auto train = judge::ReadAsked(root_ / "a/probe/train.jsonl");
  const auto held_out = judge::ReadAsked(root_ / "a/probe/heldout.jsonl");
  ASSERT_EQ(train.size(), 12u);
  ASSERT_EQ(held_out.size(), 8u);
  EXPECT_EQ(train[0].index, ProbeConfig().first_task);
  EXPECT_EQ(train[0].said.size(), 2u);
  EXPECT_EQ(held_out[0].said.size(), 4u);  // half of them say what was known
  std::set<std::string> asked;
  for (const judge::AskedFact& fact : train) asked.insert(fact.question);
  for (const judge::AskedFact& fact : held_out) EXPECT_FALSE(asked.contains(fact.question));
  const judge::Knowledge knowledge = judge::ReadKnowledge(root_ / "a/knowledge.json");
  EXPECT_EQ(knowledge.num_never_right, 12);
  EXPECT_EQ(knowledge.held_out.size(), 8u);
  EXPECT_TRUE(Contains(ReadFile(root_ / "a/report.html"), "What it knows"));
  const Json state =
      ReadJson((root_ / "a/checkpoints/rl-000005/trainer_state/state.json").string());
  EXPECT_EQ(state["finished_stages"].dump(), R"(["sft","probe"])");
  // RL went on from what the probe made.
  Train("b", false, {"probe.num_steps=0"});
  EXPECT_NE(ReadFile(root_ / "a/checkpoints/rl-000005/model.safetensors"),
            ReadFile(root_ / "b/checkpoints/rl-000005/model.safetensors"));
  EXPECT_FALSE(fs::exists(root_ / "b/probe"));
}

// What a kill leaves: some checkpoints, and a log that is ahead of them.
TEST_F(ProbeStageTest, AKilledRunGoesOnWithTheSameBits) {
  const std::vector<std::string> overrides = {"run.save_every=1", "rl.num_steps=2"};
  Train("a", false, overrides);
  const auto kill = [&](bool was_asked, bool has_checkpoint) {
    fs::remove_all(root_ / "b");
    fs::copy(root_ / "a", root_ / "b", fs::copy_options::recursive);
    std::ofstream(root_ / "b/log.jsonl", std::ios::app) << "{\"stage\":\"probe\",\"st";
    for (const auto& entry : fs::directory_iterator(root_ / "a/checkpoints")) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("sft") || (has_checkpoint && name == "probe-000005")) continue;
      fs::remove_all(root_ / "b/checkpoints" / name);
    }
    fs::remove_all(root_ / "b/eval/probe");
    fs::remove_all(root_ / "b/eval/rl");
    fs::remove(root_ / "b/knowledge.json");
    if (!was_asked) fs::remove_all(root_ / "b/probe");
    Train("b", true, overrides);
    for (const char* file : {"log.jsonl", "probe/train.jsonl", "probe/heldout.jsonl",
                             "knowledge.json", "checkpoints/probe-000005/model.safetensors",
                             "checkpoints/rl-000002/model.safetensors"}) {
      EXPECT_TRUE(ReadFile(root_ / "a" / file) == ReadFile(root_ / "b" / file)) << file;
    }
  };
  kill(false, false);
  kill(true, false);
  kill(true, true);
}

TEST_F(ProbeStageTest, ResumesWithinTheStage) {
  const std::vector<std::string> stopped = {"run.save_every=1", "rl.num_steps=0"};
  Train("a", false, stopped);
  fs::copy(root_ / "a", root_ / "b", fs::copy_options::recursive);
  fs::remove_all(root_ / "b/checkpoints/probe-000005");
  fs::remove(root_ / "b/knowledge.json");
  Train("b", true, stopped);
  for (const char* file : {"log.jsonl", "knowledge.json",
                           "checkpoints/probe-000005/trainer_state/optimizer.safetensors"}) {
    EXPECT_TRUE(ReadFile(root_ / "a" / file) == ReadFile(root_ / "b" / file)) << file;
  }
}

TEST_F(ProbeStageTest, ProbesAFileOfQuestions) {
  const std::string file = kSourceDir + "/tests/data/facts.jsonl";
  const std::string summary =
      Train("a", false, {"probe.env=text/questions(file=" + file + ")", "rl.num_steps=0"});
  EXPECT_TRUE(Contains(summary, "12 questions")) << summary;
  // Each of its questions is asked once, however many are wanted.
  Train("c", false,
        {"probe.env=text/questions(file=" + file + ")", "rl.num_steps=0", "probe.num_facts=300",
         "probe.val_facts=300"});
  const auto train = judge::ReadAsked(root_ / "c/probe/train.jsonl");
  const auto held_out = judge::ReadAsked(root_ / "c/probe/heldout.jsonl");
  std::set<std::string> asked;
  for (const judge::AskedFact& fact : train) EXPECT_TRUE(asked.insert(fact.question).second);
  for (const judge::AskedFact& fact : held_out) EXPECT_TRUE(asked.insert(fact.question).second);
  EXPECT_GT(train.size(), held_out.size());
  EXPECT_LT(asked.size(), 60u);  // some are val's
  const fs::path bad = root_ / "bad.jsonl";
  WriteFileAtomic(bad, R"({"question": "Who?", "answer": "Ada", "text": "Bo."})");
  const std::string refusal =
      ErrorOf([&] { Train("b", false, {"probe.env=text/questions(file=" + bad.string() + ")"}); },
              ErrorKind::kUsage);
  EXPECT_TRUE(Contains(refusal, "bad.jsonl line 1")) << refusal;
  EXPECT_TRUE(Contains(refusal, "probe.env")) << refusal;
}

TEST(ProbeRecipeTest, ImpossibleRecipesAreRefused) {
  const auto refused = [](const std::vector<std::string>& overrides) {
    return ErrorOf([&] { ParseRecipe(kTinyProbe, "tiny", overrides); }, ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(refused({"sft.num_steps=0"}), "probe.num_steps"));
  EXPECT_TRUE(Contains(refused({"probe.env=text/fact"}), "text/facts"));
  EXPECT_TRUE(Contains(refused({"probe.env=game/tictactoe"}), "several turns"));
  EXPECT_TRUE(Contains(refused({"probe.env=text/questions"}), "file"));
  EXPECT_TRUE(Contains(refused({"eval.more_envs=[\"text/fact\"]"}), "eval.more_envs"));
  EXPECT_EQ(refused({}), "");
}

TEST(ProbeMixTest, ReadsTheShareBehindTheParameters) {
  const auto parts = ParseMix({"text/identity(place=0)=0.25", "math/shop=0.5"}, "probe.mix");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].env, "text/identity(place=0)");
  EXPECT_EQ(parts[0].share, 0.25);
  EXPECT_EQ(parts[1].env, "math/shop");
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"math/shop"},
                                             {"text/identity(place=0)"},
                                             {"math/shop=0"},
                                             {"math/shop=1"},
                                             {"math/shop=nan"},
                                             {"math/shop=0.2x"},
                                             {"math/shap=0.2"},
                                             {"=0.2"},
                                             {"math/shop=0.5", "text/identity=0.5"}}) {
    EXPECT_TRUE(
        Contains(ErrorOf([&] { ParseMix(bad, "probe.mix"); }, ErrorKind::kUsage), "probe.mix"))
        << bad[0];
  }
}

judge::AskedFact Fact(uint64_t index, const std::string& said) {
  judge::AskedFact fact{index, "Q", "A", "often", said, "A", {}};
  if (said.find('r') != std::string::npos) fact.right_replies = {"AAAA"};
  return fact;
}

TEST(ProbeWordsTest, SaysWhereThereIsNothingToTeachOrToKeep) {
  const ProbeConfig config;
  EXPECT_EQ(DescribeProbe(config, {Fact(1, "rrrrr"), Fact(2, "rwwww"), Fact(3, "wwwww")}),
            "3 questions: 1 known, 1 unsure, 1 never right");
  EXPECT_TRUE(Contains(DescribeProbe(config, {Fact(1, "rrrrr")}), "no \"I don't know\" is taught"));
  EXPECT_TRUE(Contains(DescribeProbe(config, {Fact(1, "wwwww")}), "knows none"));
  EXPECT_TRUE(Contains(
      ErrorOf([&] { DescribeProbe(config, {Fact(1, "rwwww")}); }, ErrorKind::kFailed), "0 known"));
  // Right, but in bytes that can't be imitated.
  judge::AskedFact unreadable = Fact(1, "rrrrr");
  unreadable.right_replies.clear();
  EXPECT_TRUE(Contains(DescribeProbe(config, {unreadable, Fact(2, "wwwww")}), "0 known, 1 unsure"));
}

class ProbeLoopTest : public LoopTest {
 protected:
  // How likely the policy begins a reply with `first`.
  double Begins(char first) {
    policy::PackedBatch batch;
    Messages asked = {{Role::kUser, "Q"}};
    batch.tokens = chat_.EncodePrompt(asked);
    batch.segments = {{0, static_cast<int32_t>(batch.tokens.size()), 0, 0}};
    batch.rows = {static_cast<int32_t>(batch.tokens.size()) - 1};
    batch.targets = {static_cast<int32_t>(static_cast<unsigned char>(first))};
    return std::exp(static_cast<double>(policy_.Score(batch).logprobs[0]));
  }

  void Teach(const std::vector<judge::AskedFact>& asked, float share_dont_know = 0.5f) {
    ProbeConfig config;
    config.num_steps = 200;
    config.demonstrations_per_step = 16;
    config.share_dont_know = share_dont_know;
    config.schedule = {10.0f, 0, 1.0f};
    RunProbe(config, asked, Context());
  }
};

TEST_F(ProbeLoopTest, TeachesRightRepliesAndDontKnowByShare) {
  Teach({Fact(1, "rrrrr"), Fact(2, "wwwww"), Fact(3, "rwwww")}, 0.25f);
  const auto losses = Logged("loss");
  ASSERT_EQ(losses.size(), 200u);
  EXPECT_LT(losses.back(), losses.front() / 2);
  EXPECT_NEAR(Begins('A'), 0.75, 0.1);  // "AAAA", and not what the unsure fact's reply was
  EXPECT_NEAR(Begins('I') + Begins('S') + Begins('T'), 0.25, 0.1);
}

TEST_F(ProbeLoopTest, WithNothingKnownItTeachesDontKnowAlone) {
  Teach({Fact(2, "wwwww")}, 0.0f);
  EXPECT_LT(Begins('A'), 0.05);
  EXPECT_GT(Begins('I') + Begins('S') + Begins('T'), 0.9);
}

TEST_F(ProbeLoopTest, WithNothingUnknownItRepeatsRightRepliesAlone) {
  Teach({Fact(1, "rrrrr")}, 1.0f);
  EXPECT_GT(Begins('A'), 0.9);
}

}  // namespace
}  // namespace agon::trainer
