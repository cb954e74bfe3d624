// Environments served by programs: what good ones do. Bad ones: process_fault_test.cc.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "envs/conformance.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/problem_env.h"
#include "tests/envs/program_file.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

// A copy of an example whose environment has the id of a test.
fs::path Example(const std::string& name) {
  std::string text = ReadFile(fs::path(kSourceDir) / "examples" / "python" / name);
  const std::string key = "id = \"py/";
  text.replace(text.find(key), key.size(), "id = \"zz_test/py_");
  return WriteProgram(name, text);
}

void ExpectKeepsTheContract(const std::string& file, const std::string& id) {
  EXPECT_EQ(LoadPlugin(file), std::vector<std::string>{id});
  ConformanceOptions options;
  options.num_tasks = 10;
  options.num_split_tasks = 100;
  for (const ConformanceFinding& finding : CheckConformance(*MakeEnv(id), options)) {
    ADD_FAILURE() << Describe(finding);
  }
}

TEST(ProcessExampleTest, AnagramKeepsTheContract) {
  ExpectKeepsTheContract(Example("anagram.py"), "zz_test/py_anagram-v1");
}

TEST(ProcessExampleTest, GuessKeepsTheContract) {
  ExpectKeepsTheContract(Example("guess.py").string() + ",processes=2", "zz_test/py_guess-v1");
}

TEST(ProcessExampleTest, ADialIsSet) {
  const auto host = std::make_shared<ProcessHost>(Example("guess.py"), QuietOptions());
  const auto env = MakeProcessEnv(host, "zz_test/py_guess-v1", "range=0");
  const Task task = env->Get(Split::kTest, 3, 4);
  EXPECT_EQ(task.id.env, "zz_test/py_guess-v1(range=0)");
  EXPECT_NE(task.messages[0].content.find("from 1 to 20"), std::string::npos);
  const auto demonstration = DemonstrateEpisode(*env, task, Labeler::kImmediate, 0);
  ASSERT_TRUE(demonstration);
  EXPECT_EQ(demonstration->outcome.Reward(), 1);
  try {
    MakeProcessEnv(host, "zz_test/py_guess-v1", "range=7");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("allowed: 0..2"), std::string::npos) << error.what();
  }
}

// The module's rule is SplitOf's, to the bit.
TEST(ProcessModuleTest, SplitsAsTheProblemEnvironmentsDo) {
  const std::string command =
      "PYTHONPATH=" + kSourceDir +
      "/python python3 -c 'import agon_env\n"
      "for i in range(300): print(agon_env.split_of(\"f%d\" % (i % 7), \"What is %d?\" % i))'";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 16> line;
  for (int i = 0; i < 300; ++i) {
    ASSERT_NE(std::fgets(line.data(), line.size(), pipe), nullptr);
    const Split split = SplitOf("f" + std::to_string(i % 7), "What is " + std::to_string(i) + "?");
    EXPECT_EQ(std::string(line.data()), std::string(SplitName(split)) + "\n") << i;
  }
  EXPECT_EQ(pclose(pipe), 0);
}

TEST(ProcessEnvTest, ManyThreadsGetWhatOneGets) {
  const TestProgram program("many.py", ModuleProgram(""));
  constexpr int kTasks = 400, kThreads = 16;
  std::vector<std::string> alone(kTasks), together(kTasks);
  const auto play = [&](int i) {
    const Task task = program.env->Get(Split::kVal, 5, static_cast<uint64_t>(i));
    const std::string said = i % 3 == 0 ? task.answer : "no";
    const StepResult result = program.env->Start(task)->Step(said, i % 2 == 0);
    const Outcome& outcome = std::get<Outcome>(result);
    return task.answer + " " + std::to_string(outcome.Reward()) +
           (outcome.truncated ? " cut" : " whole");
  };
  for (int i = 0; i < kTasks; ++i) alone[static_cast<size_t>(i)] = play(i);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kTasks; i += kThreads) together[static_cast<size_t>(i)] = play(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alone, together);
  EXPECT_EQ(program.host->num_sessions(), 0);
  EXPECT_EQ(program.host->Health().num_starts, 1);
}

TEST(ProcessEnvTest, RepliesMayComeInAnyOrder) {
  // Holds the first step back until another was asked.
  const TestProgram program("order.py", RawProgram(R"(    global held
    if request["type"] == "step" and "held" not in globals():
        held = request
    elif request["type"] == "step":
        serve(request)
        serve(held)
    else:
        serve(request))"));
  std::thread first([&] { EXPECT_EQ(program.Say().Reward(), 1); });
  EXPECT_EQ(program.Say().Reward(), 1);
  first.join();
}

TEST(ProcessEnvTest, AnyBytesMayBeSaid) {
  const TestProgram program("bytes.py", ModuleProgram(""));
  std::string bytes(1 << 20, '\xff');
  bytes[7] = '\0', bytes[8] = '\n', bytes[9] = '"';
  const Outcome outcome = program.Say(bytes);
  EXPECT_FALSE(outcome.masked);
  EXPECT_EQ(outcome.Reward(), 0);
}

TEST(ProcessEnvTest, PrintsDoNoHarm) {
  const TestProgram program("prints.py", ModuleProgram(R"(
    def grade(self, task, completion):
        print("a user's print")
        os.system("echo from a shell")
        return True
)"));
  EXPECT_EQ(program.Say().Reward(), 1);
  EXPECT_EQ(program.host->Health().num_bad_lines, 0);
}

TEST(ProcessEnvTest, InputIsNotEaten) {
  const TestProgram program("input.py", ModuleProgram(R"(
    def grade(self, task, completion):
        return sys.stdin.read() == ""
)"));
  EXPECT_EQ(program.Say().Reward(), 1);
}

TEST(ProcessEnvTest, GroupsAreScored) {
  const TestProgram program("group.py", ModuleProgram(R"(
    def score_group(self, task, completions, outcomes):
        for completion, outcome in zip(completions, outcomes):
            outcome.parts.append({"name": "short", "value": 1 / len(completion)})
)"));
  std::vector<Outcome> outcomes(3);
  outcomes[0].parts = {{"correct", 1.0}};
  outcomes[2] = MaskedOutcome("timeout", "late");
  const std::vector<std::string> completions = {"1", "22", "333"};
  program.env->ScoreGroup(program.env->Get(Split::kTrain, 0, 0), completions, outcomes);
  EXPECT_EQ(outcomes[0].Reward(), 2);
  EXPECT_EQ(outcomes[1].Reward(), 0.5);
  EXPECT_TRUE(outcomes[2].masked);
  EXPECT_TRUE(outcomes[2].parts.empty());
}

TEST(ProcessEnvTest, AnEpisodeOutlivesItsEnv) {
  auto program = std::make_unique<TestProgram>("outlives.py", ModuleProgram(""));
  const auto episode = program->Start();
  program.reset();
  EXPECT_EQ(std::get<Outcome>(episode->Step("no", false)).Reward(), 0);
}

TEST(ProcessEnvTest, EpisodesAreBounded) {
  ProcessOptions options = QuietOptions();
  options.max_sessions = 2;
  const TestProgram program("bounded.py", ModuleProgram(""), "", options);
  const auto first = program.Start();
  {
    const auto second = program.Start();
    EXPECT_THROW(program.Start(), Error);
  }
  EXPECT_NO_THROW(program.Start());
}

TEST(ProcessEnvTest, ATaskOfAnotherEnvironmentIsRefused) {
  const TestProgram program("other.py", ModuleProgram(""));
  Task task = program.env->Get(Split::kTrain, 1, 1);
  task.id.env = "math/shop-v1";
  try {
    program.env->Start(task);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  }
  task = program.env->Get(Split::kTrain, 1, 1);
  task.state = "{";
  EXPECT_THROW(program.env->Start(task), Error);
  EXPECT_EQ(program.Say(program.env->Get(Split::kTrain, 1, 0).answer).Reward(), 1);
}

}  // namespace
}  // namespace agon::envs
