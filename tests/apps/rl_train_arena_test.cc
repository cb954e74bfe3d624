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
