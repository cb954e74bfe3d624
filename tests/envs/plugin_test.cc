// Environments in shared objects: what a good one does, and what becomes of bad ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "core/error.h"
#include "core/file.h"
#include "envs/conformance.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/plugin/shared_object.h"
#include "tests/error_of.h"
#include "tests/paths.h"
#include "tests/sanitized.h"

namespace agon::envs {
namespace {

std::string PluginFile(const std::string& name) {
  return kBinaryDir + "/tests/plugins/" + name + ".so";
}

// Loaded once: an id can't be registered twice.
std::unique_ptr<Env> Guess(const std::string& params = "") {
  static const auto ids = LoadPlugin(PluginFile("guess"));
  EXPECT_EQ(ids, std::vector<std::string>{"zz_test/guess-v1"});
  return MakeEnv("zz_test/guess" + params);
}

TEST(PluginTest, KeepsTheContract) {
  const auto env = Guess();
  ConformanceOptions options;
  if (kIsSanitized) options.num_tasks = 40;
  for (const ConformanceFinding& finding : CheckConformance(*env, options)) {
    ADD_FAILURE() << Describe(finding);
  }
}

TEST(PluginTest, InfoCrossesWhole) {
  const auto env = Guess();
  const EnvInfo& info = env->info();
  EXPECT_EQ(info.summary, "Guess a number");
  EXPECT_EQ(info.families, std::vector<std::string>{"guess"});
  EXPECT_EQ(info.max_turns, 4);
  ASSERT_EQ(info.attributes.size(), 1u);
  EXPECT_EQ(info.attributes[0].levels[1], "to 40");
}

TEST(PluginTest, SeveralTurnsToTheEnd) {
  const auto env = Guess();
  const Task task = env->Get(Split::kTest, 1, 2);
  const auto episode = env->Start(task);
  const StepResult first = episode->Step("0", false);
  ASSERT_TRUE(std::holds_alternative<Turn>(first));
  EXPECT_EQ(std::get<Turn>(first).messages[0].content, "higher");
  const StepResult last = episode->Step(task.answer, false);
  EXPECT_EQ(std::get<Outcome>(last).Reward(), 1);
  EXPECT_EQ(DemonstrateEpisode(*env, task, Labeler::kStepByStep, 0)->outcome.Reward(), 1);
}

TEST(PluginTest, AnyBytesMayBeSaid) {
  const auto env = Guess();
  const auto episode = env->Start(env->Get(Split::kTest, 1, 2));
  std::string bytes(1 << 20, '\xff');
  bytes[7] = '\0';
  EXPECT_TRUE(std::holds_alternative<Turn>(episode->Step(bytes, false)));
}

TEST(PluginTest, GroupsAreScored) {
  const auto env = Guess();
  std::vector<Outcome> outcomes(3);
  for (Outcome& outcome : outcomes) outcome.parts = {{"found", 1.0}};
  const std::vector<std::string> completions = {"1", "\xff", "3"};
  env->ScoreGroup(env->Get(Split::kTrain, 0, 0), completions, outcomes);
  EXPECT_EQ(outcomes[0].Reward(), 1);
  EXPECT_EQ(outcomes[1].Reward(), 0.5);
  EXPECT_EQ(outcomes[2].Reward(), 0.5);
}

TEST(PluginTest, AnEpisodeOutlivesItsEnv) {
  auto env = Guess();
  const auto episode = env->Start(env->Get(Split::kTest, 1, 2));
  env.reset();
  EXPECT_TRUE(std::holds_alternative<Turn>(episode->Step("0", false)));
}

TEST(PluginTest, ExceptionsCrossAsErrors) {
  const auto step = [](const std::string& fault) {
    const auto env = Guess("(fault=" + fault + ")");
    env->Start(env->Get(Split::kTest, 1, 2))->Step("1", false);
  };
  EXPECT_TRUE(
      Contains(ErrorOf([&] { step("throw"); }, ErrorKind::kFailed), "the dice fell off the table"));
  EXPECT_TRUE(
      Contains(ErrorOf([&] { step("throw_int"); }, ErrorKind::kFailed), "unknown exception"));
  EXPECT_TRUE(Contains(ErrorOf([] { Guess("(fault=bad)"); }, ErrorKind::kUsage), "no such fault"));
  const auto unknown_task = [] { Guess()->Restore(Task(), "?"); };
  EXPECT_NE(ErrorOf(unknown_task, ErrorKind::kFailed), "");
}

TEST(PluginTest, NanIsMaskedNeverScored) {
  const auto env = Guess("(fault=nan)");
  const Task task = env->Get(Split::kTest, 1, 2);
  const Outcome outcome = std::get<Outcome>(env->Start(task)->Step(task.answer, false));
  ASSERT_TRUE(outcome.masked);
  EXPECT_EQ(outcome.masked->kind, "grader");
  EXPECT_TRUE(Contains(outcome.masked->reason, "found"));
}

TEST(BadPluginTest, EachIsAClearError) {
  const auto load = [](const std::string& file) { return [=] { LoadPlugin(file); }; };
  EXPECT_TRUE(Contains(ErrorOf(load("/nowhere/x.so"), ErrorKind::kNotFound), "/nowhere/x.so"));
  const std::string abi = ErrorOf(load(PluginFile("other_abi")), ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(abi, "made for plugin ABI 99, this is ABI 1")) << abi;
  EXPECT_TRUE(Contains(abi, "build it again")) << abi;
  EXPECT_TRUE(Contains(ErrorOf(load(PluginFile("no_plugin")), ErrorKind::kCorrupt),
                       "exports no agon_plugin"));
  EXPECT_TRUE(Contains(ErrorOf(load(PluginFile("shouts")), ErrorKind::kCorrupt), "not valid JSON"));
  const fs::path text = fs::path(testing::TempDir()) / "text.so";
  WriteFileAtomic(text, "this is no shared object\n");
  EXPECT_TRUE(Contains(ErrorOf(load(text), ErrorKind::kCorrupt), "can't be loaded"));
}

TEST(BadPluginTest, AnIdIsTakenOnce) {
  Guess();
  EXPECT_EQ(LoadPlugin(PluginFile("guess")).size(), 1u) << "the same file again is fine";
  // A name of its own: it stays mapped, and another run may not write over it.
  const fs::path copy =
      fs::path(testing::TempDir()) / ("guess_copy_" + std::to_string(getpid()) + ".so");
  fs::copy_file(PluginFile("guess"), copy, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(Contains(ErrorOf([&] { LoadPlugin(copy); }, ErrorKind::kUsage), "registered twice"));
  fs::remove(copy);
}

}  // namespace
}  // namespace agon::envs
