#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/catalog.h"
#include "envs/env.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

constexpr Split kSplits[] = {Split::kTrain, Split::kVal, Split::kTest};

// A file of problems that is gone with the test.
class ProblemFile {
 public:
  explicit ProblemFile(const std::string& text)
      : path_(fs::path(testing::TempDir()) /
              ("problems_" + std::to_string(reinterpret_cast<uintptr_t>(this)) + ".jsonl")) {
    WriteFileAtomic(path_, text);
  }
  ~ProblemFile() { fs::remove(path_); }

  std::string Spec(const std::string& more = "") const {
    return "math/jsonl(file=" + path_.string() + more + ")";
  }

 private:
  fs::path path_;
};

std::string Line(const std::string& question, const std::string& answer) {
  return R"({"question": ")" + question + R"(", "answer": ")" + answer + "\"}\n";
}

// Enough problems for every split.
std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += Line("What is " + std::to_string(i) + "+1?", "Add 1.\\n#### " + std::to_string(i + 1));
  }
  return text;
}

std::string MessageOf(const std::string& spec) {
  try {
    MakeEnv(spec)->Get(Split::kTrain, 0, 0);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

double RewardOf(const Env& env, const Task& task, std::string_view completion) {
  const StepResult result = env.Start(task)->Step(completion, false);
  return std::get<Outcome>(result).Reward();
}

TEST(JsonlEnvTest, ReadsWorkedSolutionsAndBareGolds) {
  const ProblemFile file(
      Line("How much is 48/2+48?", "48/2 = <<48/2=24>>24.\\n24+48 = $<<24+48=72>>72.\\n#### 72") +
      "\n" + Line("And half of one?", "\\\\frac{1}{2}") +
      Line("Which box?", "It is $\\\\boxed{x+1}$.") + Line("Roots?", "\\\\boxed{1} \\\\boxed{-2}"));
  const auto env = MakeEnv(file.Spec());
  EXPECT_EQ(env->info().num_tasks, 4);
  EXPECT_EQ(env->info().needs, "");
  std::set<std::string> golds, works;
  for (const Split split : kSplits) {
    for (uint64_t index = 0; index < 8; ++index) {
      Task task;
      try {
        task = env->Get(split, 0, index);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage) << "a split of four problems may be empty";
        continue;
      }
      golds.insert(task.answer);
      EXPECT_EQ(RewardOf(*env, task, *env->Demonstrate(task, Labeler::kImmediate, 0)), 1);
      const auto work = env->Demonstrate(task, Labeler::kStepByStep, 0);
      works.insert(work.value_or("none"));
      EXPECT_EQ(RewardOf(*env, task, work.value_or("Answer: " + task.answer)), 1);
    }
  }
  EXPECT_EQ(golds, (std::set<std::string>{"72", "\\frac{1}{2}", "x+1", "1, -2"}));
  EXPECT_TRUE(works.count("48/2 = 24.\n24+48 = $72.\nAnswer: 72"));
  EXPECT_TRUE(works.count("none")) << "a bare gold shows no work";
  EXPECT_TRUE(works.count("It is $\\boxed{x+1}$.\nAnswer: x+1"));
}

TEST(JsonlEnvTest, EveryProblemComesOnceBeforeAnyComesAgain) {
  const ProblemFile file(Lines(200));
  const auto env = MakeEnv(file.Spec());
  std::set<std::string> all;
  for (const Split split : kSplits) {
    std::set<std::string> seen;
    uint64_t index = 0;
    while (seen.insert(env->Get(split, 1, index).messages[0].content).second) ++index;
    EXPECT_EQ(seen.size(), index);
    std::set<std::string> again;
    for (uint64_t i = index; i < 2 * index; ++i) {
      again.insert(env->Get(split, 1, i).messages[0].content);
    }
    EXPECT_EQ(again, seen) << "the second round";
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 200u) << "the splits share nothing and leave nothing out";
  std::vector<std::string> first, second;
  for (uint64_t i = 0; i < 20; ++i) {
    first.push_back(env->Get(Split::kTrain, 1, i).messages[0].content);
    second.push_back(env->Get(Split::kTrain, 2, i).messages[0].content);
  }
  EXPECT_NE(first, second) << "the seed orders them";
}

TEST(JsonlEnvTest, KeysAndTheDecimalCommaAreParameters) {
  std::string text;
  for (int i = 1; i <= 60; ++i) {
    text += R"({"problem": "Price )" + std::to_string(i) + R"(?", "solution": ")" +
            std::to_string(i) + ",50\"}\n";
  }
  const ProblemFile file(text);
  const std::string keys = ",question=problem,answer=solution";
  const auto env = MakeEnv(file.Spec(keys + ",european_comma=1"));
  const Task task = env->Get(Split::kTrain, 0, 0);
  const std::string whole = task.answer.substr(0, task.answer.find(','));
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + whole + ".5"), 1);
  const auto plain = MakeEnv(file.Spec(keys));
  EXPECT_EQ(RewardOf(*plain, plain->Get(Split::kTrain, 0, 0), "Answer: " + whole + ".5"), 0);
  EXPECT_NE(MessageOf(file.Spec()).find("\"question\""), std::string::npos);
  EXPECT_NE(MessageOf(file.Spec(keys + ",european_comma=yes")).find("0 or 1"), std::string::npos);
  EXPECT_EQ(MakeEnv(task.id.env)->Get(Split::kTrain, 0, 0).answer, task.answer);
}

TEST(JsonlEnvTest, BrokenLinesAreNamedByFileAndNumber) {
  for (const char* line :
       {"{", "5", R"({"question": "What?"})", R"({"question": "What?", "answer": 5})",
        R"({"question": " ", "answer": "5"})", R"({"question": "What?", "answer": ""})",
        R"({"question": "What?", "answer": "see ####"})",
        R"({"question": "What?", "answer": "\\boxed{"})", "{\"question\": \"\xff\"}"}) {
    const ProblemFile file(Lines(2) + "\n" + line + "\n" + Lines(1));
    const std::string message = MessageOf(file.Spec());
    EXPECT_NE(message.find("problems_"), std::string::npos) << message;
    EXPECT_NE(message.find("line 4"), std::string::npos) << line << ": " << message;
  }
}

TEST(JsonlEnvTest, FilesWithoutProblemsAreErrors) {
  EXPECT_NE(MessageOf(ProblemFile("\n\n").Spec()).find("no problems"), std::string::npos);
  EXPECT_NE(MessageOf("math/jsonl(file=/no/such/file.jsonl)").find("/no/such/file.jsonl"),
            std::string::npos);
  EXPECT_NE(MessageOf("math/jsonl").find("file=PATH"), std::string::npos);
  EXPECT_NE(MessageOf("math/jsonl(path=x)").find("no parameter \"path\""), std::string::npos);
}

TEST(JsonlEnvTest, IsListedWithoutAFile) {
  const auto env = MakeEnv("math/jsonl");
  EXPECT_EQ(env->info().needs, "file=PATH");
  EXPECT_NE(RenderCatalog().find("needs file=PATH"), std::string::npos);
  EXPECT_NE(DescribeEnv(*env).find("needs: file=PATH"), std::string::npos);
}

TEST(JsonlEnvTest, TasksOfAnotherFileAreRefused) {
  const ProblemFile many(Lines(100)), few(Lines(1));
  Task task = MakeEnv(many.Spec())->Get(Split::kTrain, 0, 0);
  task.state = "99";
  EXPECT_THROW(MakeEnv(few.Spec())->Start(task), Error);
  for (const char* state : {"", "-1", "1x", "{}"}) {
    task.state = state;
    EXPECT_THROW(MakeEnv(many.Spec())->Start(task), Error) << state;
  }
}

TEST(JsonlEnvTest, EpisodesOutliveTheirEnvironment) {
  const ProblemFile file(Lines(60));
  auto env = MakeEnv(file.Spec());
  const Task task = env->Get(Split::kTrain, 0, 0);
  const auto episode = env->Start(task);
  env.reset();
  const StepResult result = episode->Step("Answer: " + task.answer, false);
  EXPECT_EQ(std::get<Outcome>(result).Reward(), 1);
}

TEST(JsonlEnvTest, ACutAnswerMayLackItsEnd) {
  const ProblemFile file(Lines(60));
  const auto env = MakeEnv(file.Spec());
  const Task task = env->Get(Split::kTrain, 0, 0);
  const StepResult result = env->Start(task)->Step("Answer: " + task.answer, true);
  EXPECT_EQ(std::get<Outcome>(result).Reward(), 0);
  EXPECT_TRUE(std::get<Outcome>(result).truncated);
}

// Needs GSM8K's train.jsonl at $AGON_GSM8K or in ../shared/data.
TEST(JsonlEnvTest, RunsGsm8kAsItIs) {
  const char* named = std::getenv("AGON_GSM8K");
  const fs::path file = named != nullptr
                            ? fs::path(named)
                            : fs::path(kSourceDir) / "../shared/data/gsm8k_train.jsonl";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto env = MakeEnv("math/jsonl(file=" + file.string() + ")");
  for (const Split split : kSplits) {
    for (uint64_t index = 0; index < 300; ++index) {
      const Task task = env->Get(split, 0, index);
      const auto work = env->Demonstrate(task, Labeler::kStepByStep, 0);
      ASSERT_TRUE(work) << task.messages[0].content;
      EXPECT_EQ(work->find("<<"), std::string::npos) << *work;
      EXPECT_EQ(RewardOf(*env, task, *work), 1) << *work;
      EXPECT_EQ(RewardOf(*env, task, "Answer: " + task.answer + "7"), 0);
    }
  }
}

}  // namespace
}  // namespace agon::envs
