// Tool calls are found in any completion, and tool/calculator pays what they lead to.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/math/expression.h"
#include "envs/tool/tool_call.h"

namespace agon::envs {
namespace {

const Tool kCalculator = {"calculator", "",
                          R"({"type":"object","properties":{"expression":{"type":"string"}},)"
                          R"("required":["expression"]})"};
const Tool kSearch = {"search", "",
                      R"({"type":"object","properties":{"query":{"type":"string"},)"
                      R"("top":{"type":"integer"}},"required":["query"]})"};
const Tool kMove = {"move", "",
                    R"({"type":"object","properties":{"to":{"type":"integer"}},)"
                    R"("required":["to"]})"};

using Arguments = std::map<std::string, std::string>;

TEST(ToolCallTest, BothFormsAreRead) {
  const std::vector<Tool> tools = {kCalculator};
  for (const char* text :
       {"<tool_call>2*3</tool_call>", "<tool_call>\n 2*3 \n</tool_call>",
        R"(I'll see.<tool_call>{"name":"calculator","arguments":{"expression":"2*3"}}</tool_call>)",
        R"(<tool_call>{"name":"calculator","arguments":"{\"expression\":\"2*3\"}"}</tool_call>)",
        "<think>2 times 3</think><tool_call>2*3</tool_call>then Answer: 7"}) {
    const auto call = FindToolCall(text, tools);
    ASSERT_TRUE(call) << text;
    EXPECT_EQ(call->problem, "") << text;
    EXPECT_EQ(call->name, "calculator");
    EXPECT_EQ(call->arguments, (Arguments{{"expression", "2*3"}}));
  }
}

TEST(ToolCallTest, WithoutACallThereIsNone) {
  const std::vector<Tool> tools = {kCalculator};
  for (const char* text : {"", "Answer: 6", "</tool_call>", "<tool_call", "tool_call 2*3",
                           "<think><tool_call>2*3</tool_call></think>Answer: 6",
                           "<think><tool_call>2*3</tool_call>"}) {
    EXPECT_FALSE(FindToolCall(text, tools)) << text;
  }
}

TEST(ToolCallTest, ProblemsAreTold) {
  const auto problem = [](const std::string& text, const std::vector<Tool>& tools) {
    const auto call = FindToolCall(text, tools);
    return call ? call->problem : "no call";
  };
  const std::string bad_json = "not a call in JSON with name and arguments";
  EXPECT_EQ(problem("<tool_call>2*3", {kCalculator}), "the call has no end");
  EXPECT_EQ(problem("<tool_call>1</tool_call><tool_call>2</tool_call>", {kCalculator}),
            "one call at a time");
  EXPECT_EQ(problem("<tool_call>{\"name\":</tool_call>", {kCalculator}), bad_json);
  EXPECT_EQ(problem("<tool_call>{}</tool_call>", {kCalculator}), bad_json);
  EXPECT_EQ(problem("<tool_call>{\"name\":\"\xff\"}</tool_call>", {kCalculator}), bad_json);
  EXPECT_EQ(problem(R"(<tool_call>{"name":"shell","arguments":{}}</tool_call>)", {kCalculator}),
            "no such tool");
  EXPECT_EQ(
      problem(R"(<tool_call>{"name":"calculator","arguments":{}}</tool_call>)", {kCalculator}),
      "the argument expression is missing");
  EXPECT_EQ(
      problem(R"(<tool_call>{"name":"calculator","arguments":[1]}</tool_call>)", {kCalculator}),
      "arguments must be an object");
  EXPECT_EQ(problem("<tool_call>" + std::string(5000, '1') + "</tool_call>", {kCalculator}),
            "the call is too long");
  EXPECT_EQ(problem("<tool_call>{" + std::string(3000, '[') + "</tool_call>", {kCalculator}),
            bad_json);
  EXPECT_EQ(problem("<tool_call>2*3</tool_call>", {kCalculator, kSearch}), bad_json)
      << "with two tools a bare text names none";
  EXPECT_EQ(problem("<tool_call>3</tool_call>", {kMove}), bad_json) << "not a string";
}

TEST(ToolCallTest, BareTextFillsTheRequiredParameterOfSeveral) {
  const std::vector<Tool> tools = {kSearch};
  EXPECT_EQ(FindToolCall("<tool_call>who</tool_call>", tools)->arguments,
            (Arguments{{"query", "who"}}));
  EXPECT_EQ(
      FindToolCall(
          R"(<tool_call>{"name":"search","arguments":{"query":"who","top":2}}</tool_call>)", tools)
          ->arguments,
      (Arguments{{"query", "who"}, {"top", "2"}}));
}

std::string Call(const std::string& text) { return "<tool_call>" + text + "</tool_call>"; }

class CalculatorTest : public testing::Test {
 protected:
  std::unique_ptr<Env> env_ = MakeEnv("tool/calculator");
  Task task_ = env_->Get(Split::kTest, 0, 1);
  std::unique_ptr<Episode> episode_ = env_->Start(task_);

  Message Reply(const std::string& text) {
    const StepResult result = episode_->Step(text, false);
    return std::get<Turn>(result).messages.at(0);
  }
};

TEST_F(CalculatorTest, AnswersCallsAndTakesTheAnswer) {
  EXPECT_EQ(task_.messages[0], (Message{Role::kSystem, "Tool: calculator(expression)"}));
  EXPECT_EQ(Reply(Call("24*137+55")), (Message{Role::kTool, "3343"}));
  EXPECT_EQ(Reply(Call("10/4")), (Message{Role::kTool, "2.5"}));
  EXPECT_EQ(Reply(Call("1/3")), (Message{Role::kTool, "1/3"}));
  const Outcome outcome = std::get<Outcome>(episode_->Step("Answer: " + task_.answer, false));
  EXPECT_EQ(outcome.Reward(), 1);
  EXPECT_EQ(outcome.reason, "right");
}

TEST_F(CalculatorTest, ErrorsOfTheToolAreTextAndEndNothing) {
  EXPECT_EQ(Reply(Call("1/0")).content, "error: division by zero");
  EXPECT_EQ(Reply(Call("import os")).content, "error: unexpected 'i'");
  EXPECT_EQ(Reply("<tool_call>1+1").content, "error: the call has no end");
  EXPECT_EQ(std::get<Outcome>(episode_->Step("Answer: " + task_.answer, false)).Reward(), 1);
}

TEST_F(CalculatorTest, AnAnswerBesideACallDoesNotCount) {
  EXPECT_EQ(Reply("Answer: " + task_.answer + "\n" + Call("1+1")).content, "2");
  EXPECT_EQ(std::get<Outcome>(episode_->Step("Answer: 1", false)).Reward(), 0);
}

TEST_F(CalculatorTest, CallsAreBounded) {
  for (int i = 1; i < env_->info().max_turns; ++i) EXPECT_EQ(Reply(Call("1+1")).content, "2");
  const Outcome outcome = std::get<Outcome>(episode_->Step(Call("1+1"), false));
  EXPECT_EQ(outcome.Reward(), 0);
  EXPECT_TRUE(outcome.truncated);
  EXPECT_FALSE(outcome.terminated);
}

TEST_F(CalculatorTest, ACutCallEndsTheEpisode) {
  const Outcome outcome = std::get<Outcome>(episode_->Step(Call("1+1"), /*truncated=*/true));
  EXPECT_EQ(outcome.Reward(), 0);
  EXPECT_TRUE(outcome.truncated);
}

TEST_F(CalculatorTest, DemonstrationsCallOnceOrOncePerOperation) {
  std::set<size_t> num_steps;
  for (int difficulty = 0; difficulty < 3; ++difficulty) {
    const auto env = MakeEnv("tool/calculator(difficulty=" + std::to_string(difficulty) + ")");
    for (uint64_t i = 0; i < 300; ++i) {
      const Task task = env->Get(Split::kTrain, 1, i);
      const auto brief = DemonstrateEpisode(*env, task, Labeler::kImmediate, 0);
      const auto full = DemonstrateEpisode(*env, task, Labeler::kStepByStep, 0);
      EXPECT_EQ(brief->outcome.Reward(), 1);
      EXPECT_EQ(full->outcome.Reward(), 1);
      ASSERT_EQ(brief->seats[0].size(), 5u);
      EXPECT_EQ(brief->seats[0][3].content, task.answer) << "the call's result is the answer";
      EXPECT_EQ(full->seats[0][full->seats[0].size() - 2].content, task.answer);
      const size_t num_operations = (full->seats[0].size() - 3) / 2;
      EXPECT_LE(num_operations, static_cast<size_t>(difficulty) + 2);
      num_steps.insert(num_operations);
    }
  }
  EXPECT_GE(num_steps.size(), 3u);
}

TEST_F(CalculatorTest, DemonstrationsGoOnAfterCallsOfOnesOwn) {
  Reply(Call("1+1"));
  const std::string next = *episode_->Demonstrate(Labeler::kImmediate, 0);
  EXPECT_TRUE(next.starts_with("<tool_call>")) << next;
  EXPECT_EQ(Reply(next).content, task_.answer);
  EXPECT_EQ(*episode_->Demonstrate(Labeler::kImmediate, 0), "Answer: " + task_.answer);
}

TEST_F(CalculatorTest, BadSavedEpisodesAreRefused) {
  for (const char* saved : {"", "{}", "[1]", "[-1,0,0]", "[6,0,0]", "[1,2,3,4]", "[\"1\",0,0]"}) {
    EXPECT_THROW(env_->Restore(task_, saved), Error) << saved;
  }
  EXPECT_NO_THROW(env_->Restore(task_, "[5,900,900]"));
}

}  // namespace
}  // namespace agon::envs
