// Environments behind an OpenEnv server: its messages, and what goes wrong with them.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/env.h"
#include "envs/openenv/text.h"
#include "net/http_client.h"
#include "tests/envs/outcomes.h"
#include "tests/error_of.h"
#include "tests/net/fake_server.h"

namespace agon::envs {
namespace {

FakeServer& Server() {
  static FakeServer server;
  return server;
}

std::unique_ptr<Env> Remote(const std::string& mode, const std::string& params = "") {
  return MakeEnv("openenv/remote(url=" + Server().Ws(mode) + params + ")");
}

// "Say 7." -> "7".
std::string Answer(const Task& task) {
  const std::string& text = task.messages[0].content;
  return text.substr(4, text.size() - 5);
}

// A task of the server that behaves, as one of the server in `mode`.
Task TaskFor(const Env& env) {
  Task task = Remote("good")->Get(Split::kTrain, 1, 1);
  task.id.env = env.info().id;
  return task;
}

// The outcome of one step in `mode`.
Outcome StepIn(const std::string& mode, const std::string& params = "",
               const std::string& completion = "0") {
  const auto env = Remote(mode, params);
  const StepResult result = env->Start(TaskFor(*env))->Step(completion, false);
  EXPECT_TRUE(std::holds_alternative<Outcome>(result)) << mode;
  return std::holds_alternative<Outcome>(result) ? std::get<Outcome>(result) : Outcome();
}

TEST(OpenEnvTest, IsListedWithoutAServer) {
  const auto env = MakeEnv("openenv/remote");
  EXPECT_EQ(env->info().needs, "url=ws://HOST:PORT/ws");
  EXPECT_TRUE(
      Contains(ErrorOf([&] { env->Get(Split::kTrain, 0, 0); }, ErrorKind::kUsage), "address"));
  for (const char* bad :
       {"url=http://x/", "turns=0", "turns=x", "timeout_ms=-1", "splits=x", "x"}) {
    const std::string spec = std::string("openenv/remote(") + bad + ")";
    EXPECT_NE(ErrorOf([&] { MakeEnv(spec); }, ErrorKind::kUsage), "") << bad;
  }
}

TEST(OpenEnvTest, TasksArePureAndTheirSplitsDisjoint) {
  const auto env = Remote("good"), again = Remote("good");
  std::set<std::string> seen;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t index = 0; index < 5; ++index) {
      const Task task = env->Get(split, 3, index);
      EXPECT_EQ(task.messages, again->Get(split, 3, index).messages);
      EXPECT_TRUE(seen.insert(task.messages[0].content).second) << task.messages[0].content;
      EXPECT_EQ(MakeEnv(task.id.env)->Get(split, 3, index).state, task.state);
    }
  }
}

TEST(OpenEnvTest, PlaysSeveralTurns) {
  const auto env = Remote("good");
  const Task task = env->Get(Split::kTrain, 1, 1);
  const auto episode = env->Start(task);
  // Raw text is the one required field.
  const StepResult first = episode->Step("wrong", false);
  ASSERT_TRUE(std::holds_alternative<Turn>(first));
  EXPECT_EQ(std::get<Turn>(first).messages[0].content, R"({"echoed":"no","turn":1})");
  // The server finds the fault in an action.
  const StepResult refused = episode->Step(R"({"massage": "x"})", false);
  ASSERT_TRUE(std::holds_alternative<Turn>(refused));
  EXPECT_TRUE(Contains(std::get<Turn>(refused).messages[0].content, "Field required"));
  const StepResult last =
      episode->Step("<think>?</think>```json\n{\"message\": \"" + Answer(task) + "\"}\n```", false);
  const Outcome& outcome = std::get<Outcome>(last);
  EXPECT_EQ(outcome.parts[0].name, "reward");
  EXPECT_EQ(outcome.Reward(), 1.25);
  EXPECT_TRUE(outcome.terminated);
}

TEST(OpenEnvTest, LimitsCutAnEpisode) {
  const auto env = Remote("good", ",turns=1");
  const Task task = env->Get(Split::kTrain, 1, 1);
  const StepResult result = env->Start(task)->Step("wrong", false);
  const Outcome& outcome = std::get<Outcome>(result);
  EXPECT_TRUE(outcome.truncated);
  EXPECT_EQ(outcome.Reward(), 0.25);
  EXPECT_TRUE(std::get<Outcome>(env->Start(task)->Step(Answer(task), true)).truncated);
}

TEST(OpenEnvTest, FailuresOfTheServerMask) {
  ExpectMasked(StepIn("drop"), "environment", "connection lost");
  ExpectMasked(StepIn("hangup"), "environment", "out of dice");
  ExpectMasked(StepIn("slow", ",timeout_ms=300"), "timeout", "no answer within 300 ms");
  ExpectMasked(StepIn("wrongjson"), "environment", "not valid JSON");
  ExpectMasked(StepIn("wrongtype"), "environment", "instead of an observation");
  ExpectMasked(StepIn("wrongshape"), "environment", "\"done\"");
  ExpectMasked(StepIn("nan"), "environment", "not valid JSON");
  ExpectMasked(StepIn("huge"), "environment", "connection lost");
  ExpectMasked(StepIn("badframe"), "environment", "connection lost");
  ExpectMasked(StepIn("good", "", "raise"), "environment", "EXECUTION_ERROR: the dice fell");
  ExpectMasked(StepIn("refuse"), "environment", "can't connect");
  ExpectMasked(StepIn("noschema"), "environment", "HTTP status 404");
  ExpectMasked(StepIn("forgetful"), "environment", "something else for the same seed");
  EXPECT_FALSE(StepIn("unscored").parts[0].value);
}

TEST(OpenEnvTest, AMaskedEpisodeStaysMasked) {
  const auto env = Remote("drop");
  const auto episode = env->Start(TaskFor(*env));
  EXPECT_TRUE(std::get<Outcome>(episode->Step("0", false)).masked);
  EXPECT_TRUE(std::get<Outcome>(episode->Step("0", false)).masked);
}

TEST(OpenEnvTest, AFullServerIsAskedAgain) {
  const auto env = Remote("capacity");
  const Task task = TaskFor(*env);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const StepResult result = env->Start(task)->Step(Answer(task), false);
      EXPECT_EQ(std::get<Outcome>(result).Reward(), 1) << std::get<Outcome>(result).reason;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto holder = env->Start(task);
  ASSERT_TRUE(std::holds_alternative<Turn>(holder->Step("wrong", false)));
  ExpectMasked(StepIn("capacity", ",timeout_ms=300"), "environment", "CAPACITY_REACHED: full");
}

TEST(OpenEnvTest, NothingIsLeftOpen) {
  {
    const auto env = Remote("good");
    const auto half = env->Start(TaskFor(*env));
    half->Step("wrong", false);
    const auto dropped = Remote("slow", ",timeout_ms=50");
    dropped->Start(TaskFor(*dropped))->Step("0", false);
  }
  for (int i = 0; i < 200; ++i) {
    const std::string body = net::HttpGet(Server().Http("counts")).body;
    if (Contains(body, "\"open\": 0")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL() << net::HttpGet(Server().Http("counts")).body;
}

TEST(OpenEnvTest, AServerThatAlwaysAsksTheSame) {
  std::set<Split> found;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    try {
      Remote("same")->Get(split, 1, 1);
      found.insert(split);
    } catch (const Error& error) {
      EXPECT_TRUE(Contains(error.what(), "splits=seed")) << error.what();
    }
    EXPECT_EQ(Remote("same", ",splits=seed")->Get(split, 1, 1).messages[0].content, "Say it.");
  }
  EXPECT_EQ(found.size(), 1u);
}

TEST(OpenEnvTest, AServerThatIsGoneIsAClearError) {
  const auto env = MakeEnv("openenv/remote(url=ws://127.0.0.1:1/ws)");
  EXPECT_TRUE(
      Contains(ErrorOf([&] { env->Get(Split::kTrain, 0, 0); }, ErrorKind::kFailed), "refused"));
  EXPECT_NE(ErrorOf([&] { env->Start(Task()); }, ErrorKind::kCorrupt), "");
}

TEST(OpenEnvTextTest, ActionsFromText) {
  const ActionShape one{{"message"}, "string"}, number{{"move"}, "integer"}, two{{"a", "b"}, ""};
  const auto action = [](std::string_view text, const ActionShape& shape) {
    const auto result = ActionFromText(text, shape);
    const auto* json = std::get_if<Json>(&result);
    return json != nullptr ? json->dump() : "no: " + std::get<std::string>(result);
  };
  EXPECT_EQ(action(R"({"a": 1})", two), R"({"a":1})");
  EXPECT_EQ(action("Sure.\n```json\n{\"a\": 1}\n```\nDone.", two), R"({"a":1})");
  EXPECT_EQ(action("```\nno\n```\n```\n{\"a\": 1}\n```", two), R"({"a":1})");
  EXPECT_EQ(action("```json\n{\"a\": 1}", two), R"({"a":1})");
  EXPECT_EQ(action("<think>{\"b\": 2}</think> {\"a\": 1} ", two), R"({"a":1})");
  EXPECT_EQ(action("hello\n", one), R"({"message":"hello"})");
  EXPECT_EQ(action("[1]", one), R"({"message":"[1]"})");
  EXPECT_EQ(action("7", number), R"({"move":7})");
  EXPECT_TRUE(Contains(action("7.5", number), "the fields move"));
  EXPECT_TRUE(Contains(action("hello", two),
                       "no: That is no action. Reply with a JSON object that "
                       "has the fields a, b."));
  EXPECT_TRUE(Contains(action("", {}), "Reply with a JSON object."));
  EXPECT_TRUE(Contains(action(std::string(1 << 20, '{'), two), "no:"));
  std::string fences;
  while (fences.size() < 1 << 20) fences += "```\n{\n";
  EXPECT_TRUE(Contains(action(fences, two), "no:"));
}

TEST(OpenEnvTextTest, MessagesFromObservations) {
  const auto text = [](const char* json) { return TextFromObservation(Json::parse(json)); };
  EXPECT_EQ(text(R"({"board": [], "prompt": "Your move"})"), "Your move");
  EXPECT_EQ(text(R"({"prompt": "", "message": "Hi", "n": 2})"), "Hi");
  EXPECT_EQ(text(R"({"echoed_message": "Hi"})"), "Hi");
  EXPECT_EQ(text(R"({"board": [1, 2], "turn": 0})"), R"({"board":[1,2],"turn":0})");
  EXPECT_EQ(text(R"({"prompt": 7})"), R"({"prompt":7})");
  EXPECT_EQ(text("[1]"), "[1]");
  EXPECT_EQ(text("\"Hi\""), "Hi");
}

TEST(OpenEnvTextTest, SchemasAreUntrusted) {
  const auto shape = [](const char* json) { return ShapeFromSchema(Json::parse(json), "test"); };
  EXPECT_EQ(shape(R"({"action": {}})").required.size(), 0u);
  EXPECT_EQ(shape(R"({"action": {"required": ["x"], "properties": {"x": 3}}})").type, "");
  for (const char* bad : {"{}", "[]", R"({"action": 3})", R"({"action": {"required": 3}})",
                          R"({"action": {"required": ["x"], "properties": 3}})"}) {
    EXPECT_NE(ErrorOf([&] { shape(bad); }, ErrorKind::kCorrupt), "") << bad;
  }
}

}  // namespace
}  // namespace agon::envs
