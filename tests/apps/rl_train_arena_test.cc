// rl-train --arena and --gate: a run's checkpoints meet when it is done.
#include <gtest/gtest.h>

#include "arena/arena.h"
#include "tests/apps/command.h"
#include "tests/contains.h"
#include "tests/tiny_recipe.h"

namespace agon {
namespace {

class RlTrainArena : public ::testing::Test {
 protected:
  RlTrainArena()
      : root_(fs::path(::testing::TempDir()) / ("agon-train-arena-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_ / "other");
    WriteFileAtomic(root_ / "tiny.toml", TinyRecipe(4, 2));
  }
  ~RlTrainArena() override { fs::remove_all(root_); }

  std::string Db() const { return (root_ / "arena.db").string(); }

  CommandResult Train(const std::string& run, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {(root_ / "tiny.toml").string(), "--quiet", "--out",
                                          (root_ / run).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommand("rl-train", arguments);
  }

  fs::path root_;
};

TEST_F(RlTrainArena, CheckpointsEnterAndMeetOnceTheRunIsDone) {
  const std::vector<std::string> flags = {
      "--arena", Db(),    "--arena-matches",       "48",    "--arena-error",   "1", "--gate",
      "sft",     "--set", "eval.max_new_tokens=4", "--set", "run.save_every=1"};
  const CommandResult first = Train("tiny", flags);
  ASSERT_EQ(first.exit_status, 0) << first.err;
  EXPECT_TRUE(Contains(first.out, "added tiny/sft-000004")) << first.out;
  EXPECT_TRUE(Contains(first.out, "added tiny/rl-000002")) << first.out;
  EXPECT_TRUE(Contains(first.out, "from tiny/rl-000003")) << first.out;
  EXPECT_TRUE(Contains(first.out, "gate, rl-000004 against sft-000004")) << first.out;
  EXPECT_TRUE(Contains(first.out, "LLR")) << first.out;
  arena::Arena arena(Db());
  EXPECT_EQ(arena.Models().size(), 5);
  EXPECT_EQ(arena.Compare({.decider = "grader"}).comparisons.size(), 48);

  // A finished run that is gone on with changes no model and lets them meet further.
  std::vector<std::string> again = flags;
  again.push_back("--resume");
  const CommandResult second = Train("tiny", again);
  ASSERT_EQ(second.exit_status, 0) << second.err;
  EXPECT_TRUE(Contains(second.out, "known tiny/sft-000004")) << second.out;
  EXPECT_EQ(arena.Models().size(), 5);
  EXPECT_EQ(arena.Compare({.decider = "grader"}).comparisons.size(), 96);
}

// The loop closes: what people said of two checkpoints is what the next reward model learns.
TEST_F(RlTrainArena, VotesTrainTheNextRewardModel) {
  {
    arena::Arena arena(Db());
    for (const char* name : {"plain", "kind"}) arena.AddModel({.name = name, .stage = "sft"});
    for (int i = 0; i < 24; ++i) {
      // Three people are asked the same.
      const std::string session = "voter " + std::to_string(i % 4);
      const auto battle = arena.NewBattle("Question " + std::to_string(i / 3), "", session);
      const bool is_kind[] = {battle.model_a == "kind", battle.model_b == "kind"};
      for (int turn = 0; turn <= i % 2; ++turn) {
        if (turn > 0) arena.AddTurn(battle.id, turn, "And then?");
        for (int side = 0; side < 2; ++side) {
          const char* text = is_kind[side] ? "Gladly." : "No.\"\n<|im_end|>";
          arena.AddReply(battle.id, {.side = side, .turn = turn, .text = text});
        }
      }
      const arena::Ballot ballot{
          .battle = battle.id,
          .token = battle.token,
          .session = session,
          .choice = i == 5 ? arena::Outcome::kTie
                           : (is_kind[0] ? arena::Outcome::kWinA : arena::Outcome::kWinB),
          .dwell_ms = i == 7 ? 1000 : 4000};
      arena.CastVotes({&ballot, 1});
    }
  }
  const CommandResult exported =
      RunCommand("rl-arena", {"export", "--format", "preferences", "--db", Db()});
  ASSERT_EQ(exported.exit_status, 0) << exported.err;
  EXPECT_TRUE(Contains(exported.err, "23 pair(s) on 8 prompt(s)")) << exported.err;
  EXPECT_TRUE(Contains(exported.err, "left out 1: a tie")) << exported.err;
  const fs::path votes = root_ / "votes.jsonl";
  WriteFileAtomic(votes, exported.out);
  const CommandResult trained = Train(
      "two", {"--set", "reward_model.num_steps=2", "--set", "reward_model.preferences_per_step=8",
              "--set", "reward_model.data=" + votes.string(), "--set", "rl.num_steps=0"});
  ASSERT_EQ(trained.exit_status, 0) << trained.err;
  // A tenth is two; no prompt has fewer than that, and one has as many.
  EXPECT_TRUE(Contains(trained.out, "21 preferences, 2 held out")) << trained.out;
  EXPECT_TRUE(fs::exists(root_ / "two/checkpoints/reward-model-000002/model.safetensors"));
}

TEST_F(RlTrainArena, ANameThatIsTakenIsRefusedBeforeAnythingIsTrained) {
  {
    arena::Arena arena(Db());
    arena.AddModel({.name = "tiny/sft-000004",
                    .weights = std::string(64, 'a'),
                    .location = "/elsewhere/tiny/checkpoints/sft-000004"});
  }
  const CommandResult result = Train("other/tiny", {"--arena", Db()});
  EXPECT_EQ(result.exit_status, 2) << result.out;
  EXPECT_TRUE(Contains(result.err, "tiny/sft-000004")) << result.err;
  EXPECT_TRUE(Contains(result.err, "--out")) << result.err;
  EXPECT_FALSE(fs::exists(root_ / "other/tiny/log.jsonl"));
}

TEST_F(RlTrainArena, AGateWithoutAModelOfRlIsRefusedBeforeAnythingIsTrained) {
  const CommandResult result = Train("tiny", {"--gate", "sft", "--set", "rl.num_steps=0"});
  EXPECT_EQ(result.exit_status, 2) << result.out;
  EXPECT_TRUE(Contains(result.err, "rl.num_steps")) << result.err;
  EXPECT_FALSE(fs::exists(root_ / "tiny/log.jsonl"));
}

TEST_F(RlTrainArena, AnIncumbentThatIsNotThereIsRefusedBeforeAnythingIsTrained) {
  const CommandResult result = Train("tiny", {"--gate", (root_ / "nothing").string()});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_TRUE(Contains(result.err, "model.safetensors")) << result.err;
  EXPECT_FALSE(fs::exists(root_ / "tiny/log.jsonl"));
}

}  // namespace
}  // namespace agon
