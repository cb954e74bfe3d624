#include "judge/contest.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <thread>

#include "core/json.h"
#include "net/http_server.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"
#include "tests/serve/openai_fixture.h"

namespace agon::judge {
namespace {

class ContestTest : public testing::Test {
 protected:
  // The answers to math/arithmetic's tasks, or nonsense.
  ScriptedPolicy Answering(const std::shared_ptr<const envs::Env>& env, int num_right) {
    std::map<std::string, std::string> answers;
    for (uint64_t i = 0; i < 4; ++i) {
      const envs::Task task = env->Get(envs::Split::kTest, 42, i);
      const auto gold = env->Demonstrate(task, envs::Labeler::kImmediate, 0);
      if (static_cast<int>(i) < num_right) answers[task.messages.back().content] = gold.value();
    }
    return ScriptedPolicy(tokenizer_, [answers](const std::string& prompt, uint32_t) {
      for (const auto& [question, answer] : answers) {
        if (prompt.find(question) != std::string::npos) return answer;
      }
      return std::string("no idea");
    });
  }
  Player PlayerOf(ScriptedPolicy& policy) { return {&policy, &chat_}; }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  const std::vector<uint64_t> tasks_ = {0, 1, 2, 3};
};

TEST_F(ContestTest, TheLargerRewardWinsATask) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 3), poor = Answering(env, 1);
  const auto results = RunContest(PlayerOf(good), PlayerOf(poor), env, tasks_, {});
  ASSERT_EQ(results.size(), 4u);
  const double expected[] = {0.5, 1, 1, 0.5};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i].score, expected[i]) << i;
  EXPECT_EQ(results[2].task, "test 42/2");
  EXPECT_TRUE(results[0].subject.starts_with("math/arithmetic-v1"));
  const Json detail = ParseJson(results[1].detail, "detail");
  EXPECT_EQ(detail["rewards"], Json({1.0, 0.0}));
  EXPECT_EQ(detail["replies"][1], "no idea");
  // The other way round.
  EXPECT_EQ(RunContest(PlayerOf(poor), PlayerOf(good), env, tasks_, {})[1].score, 0);
}

TEST_F(ContestTest, AJudgeDecidesInItsPlace) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 3), poor = Answering(env, 1);
  ContestOptions options;
  options.judge = MakeJudge("reference");
  const auto results = RunContest(PlayerOf(good), PlayerOf(poor), env, tasks_, options);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[1].score, 1);
  EXPECT_EQ(results[3].score, 0.5);
  const Json detail = ParseJson(results[1].detail, "detail");
  EXPECT_EQ(detail["flipped"], false);
  EXPECT_FALSE(detail["fingerprint"].get<std::string>().empty());
  const std::shared_ptr<const envs::Env> game = envs::MakeEnv("game/tictactoe(opponent=self)");
  EXPECT_NE(ErrorOf([&] { RunContest(PlayerOf(good), PlayerOf(poor), game, tasks_, options); },
                    ErrorKind::kUsage),
            "");
}

TEST_F(ContestTest, AGameIsPlayedInBothOrders) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("game/tictactoe(opponent=self)");
  ASSERT_TRUE(IsGame(*env));
  EXPECT_FALSE(IsGame(*envs::MakeEnv("game/tictactoe")));
  // One plays the middle, the other says nothing legal ever.
  ScriptedPolicy mute(
      tokenizer_, [](const auto&, uint32_t) { return "pass"; }, 2048);
  ScriptedPolicy player(
      tokenizer_, [](const auto&, uint32_t) { return "5"; }, 2048);
  const auto results = RunContest(PlayerOf(player), PlayerOf(mute), env, tasks_, {});
  ASSERT_EQ(results.size(), 8u);
  int num_first = 0;
  for (const ContestResult& result : results) num_first += result.first == 0;
  EXPECT_EQ(num_first, 4);
  // Whoever is to move second wins when the first is mute.
  for (const ContestResult& result : results) {
    EXPECT_TRUE(result.first == 0 || result.score == 1) << result.detail;
  }
  for (const ContestResult& result : results) {
    const Json detail = ParseJson(result.detail, "detail");
    EXPECT_TRUE(detail.contains("last_move")) << result.detail;
    // Who comes in second, if the game lasts till then, is told what was played before.
    const auto transcript = detail["transcript"].get<std::string>();
    EXPECT_EQ(transcript.starts_with("[user]"), detail["seat"] == 1 && !transcript.empty());
  }
}

// What a contest of an endpoint gave: results by task, and why others have none.
struct Heard {
  std::map<std::string, double> scores;
  std::map<std::string, std::string> undecided;
};

Heard Hear(const Contestant& a, const Contestant& b, const std::shared_ptr<const envs::Env>& env,
           const std::vector<uint64_t>& tasks, const std::string& judge = "") {
  Heard heard;
  ContestOptions options;
  if (!judge.empty()) options.judge = MakeJudge(judge);
  options.on_undecided = [&](const std::string& task, const std::string& why) {
    heard.undecided[task] = why;
  };
  for (const auto& result : RunContest(a, b, env, tasks, options)) {
    heard.scores[result.task] = result.score;
  }
  return heard;
}

Contestant Endpoint(const std::string& url, int timeout_ms = 5000) {
  serve::EndpointOptions options;
  options.timeout_ms = timeout_ms;
  options.max_tries = 2;
  options.first_pause_ms = 1;
  return std::shared_ptr<serve::Completer>(serve::OpenCompleter(url + "/v1#scripted", options));
}

// Our own server's API: an endpoint answers what the same model answers here.
TEST_F(ContestTest, AnEndpointAnswersTheSameTasks) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 3), poor = Answering(env, 1);
  serve::EngineOptions engine;
  engine.name = "scripted";
  serve::OpenAiServer server({std::make_shared<serve::LocalModel>(
      std::make_unique<ScriptedPolicy>(Answering(env, 3)), ByteTokenizer(), "scripted", engine)});
  const Contestant endpoint = Endpoint(server.Url());
  for (const std::string judge : {"", "reference"}) {
    const Heard heard = Hear(endpoint, PlayerOf(poor), env, tasks_, judge);
    const std::map<std::string, double> expected = {
        {"test 42/0", 0.5}, {"test 42/1", 1}, {"test 42/2", 1}, {"test 42/3", 0.5}};
    EXPECT_EQ(heard.scores, expected) << judge;
    EXPECT_TRUE(heard.undecided.empty()) << heard.undecided.begin()->second;
    for (const auto& [task, score] : Hear(PlayerOf(good), endpoint, env, tasks_, judge).scores) {
      EXPECT_EQ(score, 0.5) << task;
    }
  }
  const std::shared_ptr<const envs::Env> game = envs::MakeEnv("game/tictactoe(opponent=self)");
  EXPECT_NE(ErrorOf([&] { Hear(endpoint, PlayerOf(poor), game, tasks_); }, ErrorKind::kUnsupported),
            "");
}

// Slow, wrong or dead is nobody's loss, even against one who is always right.
TEST_F(ContestTest, AnEndpointThatFailsLosesNothing) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 4);
  std::string kind;
  net::HttpServer server({});
  server.Route("POST", "/v1/chat/completions", [&](const net::HttpRequest&) -> net::HttpResponse {
    if (kind == "junk") return {200, "<html>"};
    if (kind == "empty") return {200, R"({"choices": []})"};
    if (kind == "number") return {200, R"({"choices": [{"message": {"content": 7}}]})"};
    if (kind == "no content") return {200, R"({"choices": [{"message": {}}]})"};
    if (kind == "null") return {200, R"({"choices": [null]})"};
    if (kind == "gone") return net::ErrorResponse(404, "no such model");
    if (kind == "key") return net::ErrorResponse(401, "no such key");
    if (kind == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return net::ErrorResponse(503, "busy");
  });
  server.Start();
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  for (const char* one :
       {"junk", "empty", "number", "no content", "null", "gone", "key", "slow", "busy", "dead"}) {
    kind = one;
    const Contestant endpoint =
        Endpoint(kind == "dead" ? "http://127.0.0.1:1" : url, kind == "slow" ? 50 : 5000);
    const Heard heard = Hear(endpoint, PlayerOf(good), env, tasks_);
    EXPECT_TRUE(heard.scores.empty()) << kind;
    ASSERT_EQ(heard.undecided.size(), 4u) << kind;
    EXPECT_TRUE(heard.undecided.begin()->second.starts_with("endpoint: ")) << kind;
  }
}

// Who waits is told for whom and how long; and who answers nothing is named.
TEST_F(ContestTest, SaysForWhomItWaitsAndWhoAnswersNothing) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  int num_answered_here = 0;
  ScriptedPolicy local(tokenizer_, [&](const auto&, uint32_t) {
    ++num_answered_here;
    return "no idea";
  });
  net::HttpServer server({});
  server.Route("POST", "/v1/chat/completions", [&](const net::HttpRequest&) -> net::HttpResponse {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return net::ErrorResponse(503, "busy");
  });
  server.Start();
  const Contestant endpoint = Endpoint("http://127.0.0.1:" + std::to_string(server.port()));
  std::vector<EndpointWait> waits;
  int silent = -1, num_undecided = 0;
  std::string why;
  ContestOptions options;
  options.on_wait = [&](const EndpointWait& wait) { waits.push_back(wait); };
  options.on_silent = [&](int contestant, const std::string& reason) {
    silent = contestant;
    why = reason;
  };
  options.on_undecided = [&](const auto&, const auto&) { ++num_undecided; };
  const std::vector<uint64_t> one = {0};
  EXPECT_TRUE(RunContest(endpoint, PlayerOf(local), env, one, options).empty());
  ASSERT_FALSE(waits.empty());
  EXPECT_TRUE(waits[0].endpoint.ends_with("/v1#scripted")) << waits[0].endpoint;
  EXPECT_EQ(waits[0].num_missing, 1u);
  EXPECT_EQ(waits[0].num_asked, 1u);
  EXPECT_GE(waits[0].seconds, 0.45);
  EXPECT_EQ(silent, 0);
  EXPECT_TRUE(Contains(why, "after 2 tries")) << why;
  EXPECT_EQ(num_undecided, 1);
  // The other's answer would decide nothing.
  EXPECT_EQ(num_answered_here, 0);
}

// One bad answer masks one task, and the contest goes on.
TEST_F(ContestTest, AnEndpointMayFailNowAndThen) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 4);
  const std::string bad = env->Get(envs::Split::kTest, 42, 2).messages.back().content;
  net::HttpServer server({});
  server.Route("POST", "/v1/chat/completions",
               [&](const net::HttpRequest& request) -> net::HttpResponse {
                 const Json body = ParseJson(request.body, "body");
                 if (body.at("messages").back().at("content") == bad) return {200, "oops"};
                 // An empty text is the model's own silence, and is graded.
                 return {200, R"({"choices": [{"message": {"content": ""}}]})"};
               });
  server.Start();
  const Heard heard = Hear(Endpoint("http://127.0.0.1:" + std::to_string(server.port())),
                           PlayerOf(good), env, tasks_);
  EXPECT_EQ(heard.scores.size(), 3u);
  for (const auto& [task, score] : heard.scores) EXPECT_EQ(score, 0) << task;
  EXPECT_EQ(heard.undecided.size(), 1u);
  EXPECT_TRUE(heard.undecided.contains("test 42/2"));
}

TEST_F(ContestTest, OpensDirectoriesAndEndpoints) {
  Contestants contestants;
  EXPECT_NE(ErrorOf([&] { contestants.Get("http://localhost:8000/v1"); }, ErrorKind::kUsage), "");
  const Contestant endpoint = contestants.Get("http://localhost:8000/v1#nano");
  EXPECT_EQ(contestants.Get("http://localhost:8000/v1#nano").endpoint, endpoint.endpoint);
  EXPECT_NE(ErrorOf([&] { contestants.Get("/nowhere"); }, ErrorKind::kNotFound), "");
}

}  // namespace
}  // namespace agon::judge
