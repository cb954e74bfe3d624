// OpenAI's routes beside what a random model can show: tools, full queues, clients that leave, the
// server's end.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "net/http_server.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"
#include "tests/net/raw_client.h"
#include "tests/serve/openai_fixture.h"
#include "tests/serve/tiny_model.h"

namespace agon::serve {
namespace {

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kText = "/v1/completions";

// A model that says what `script` makes of the prompt's text.
std::shared_ptr<LocalModel> Scripted(judge::ScriptedPolicy::Script script,
                                     EngineOptions options = {}) {
  static const datasets::Tokenizer tokenizer = judge::ByteTokenizer();
  auto policy = std::make_unique<judge::ScriptedPolicy>(tokenizer, std::move(script), 2000);
  return std::make_shared<LocalModel>(std::move(policy), judge::ByteTokenizer(), "scripted",
                                      std::move(options));
}

// Long enough that a client can leave in the middle, and without a token that would end it sooner.
std::shared_ptr<LocalModel> LongModel(EngineOptions options) {
  policy::ModelConfig config = TinyByteConfig();
  config.max_positions = 30000;
  auto policy = policy::Policy::Create(config, policy::ComputeType::kFloat32, 7);
  options.max_rows = 4;
  return std::make_shared<LocalModel>(std::move(policy), datasets::Tokenizer::FromMerges({}, {}),
                                      "long", options);
}

const Json& CalculatorTool() {
  static const Json tool = ParseJson(
      R"({"type":"function","function":{"name":"calculator","description":"d","parameters":
          {"type":"object","properties":{"expression":{"type":"string"}},
           "required":["expression"]}}})",
      "tool");
  return tool;
}

Json Ask(const std::string& content, const Json& more = Json::object()) {
  Json body{{"messages", {{{"role", "user"}, {"content", content}}}}};
  body.update(more);
  return body;
}

TEST(OpenAiToolsTest, CallsAreReadAndRepliesShown) {
  std::string prompt;
  OpenAiServer server({Scripted([&](const std::string& seen, uint32_t) -> std::string {
    prompt = seen;
    if (Contains(seen, "Q-json")) {
      return "Let me see. <tool_call>\n{\"name\": \"calculator\", \"arguments\": {\"expression\": "
             "\"2*3\"}}\n</tool_call>";
    }
    if (Contains(seen, "Q-bare")) return "<tool_call>4*5</tool_call>";
    if (Contains(seen, "Q-two")) return "<tool_call>1</tool_call> and <tool_call>2</tool_call>";
    if (Contains(seen, "Q-open")) return "a <tool_call>never ends";
    return "a < b";
  })});
  const Json tools{{"tools", {CalculatorTool()}}};
  Json reply = server.Ask(kChat, Ask("Q-json", tools));
  EXPECT_TRUE(Contains(prompt, "<tools>\n" + CalculatorTool().dump() + "\n</tools>"));
  const Json& choice = reply["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], "Let me see.");
  const Json call = choice["message"]["tool_calls"][0];
  EXPECT_EQ(call["type"], "function");
  EXPECT_EQ(call["function"]["name"], "calculator");
  EXPECT_EQ(call["function"]["arguments"], "{\"expression\":\"2*3\"}");
  EXPECT_TRUE(call["id"].is_string());
  const Json said = choice["message"];

  reply = server.Ask(kChat, Ask("Q-bare", tools));
  EXPECT_TRUE(reply["choices"][0]["message"]["content"].is_null());
  EXPECT_EQ(reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
            "{\"expression\":\"4*5\"}");
  reply = server.Ask(kChat, Ask("Q-two", tools));
  EXPECT_EQ(reply["choices"][0]["message"]["tool_calls"].size(), 2u);
  reply = server.Ask(kChat, Ask("Q-open", tools));
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "a <tool_call>never ends");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  // Nobody offers tools: what looks like a call is text.
  Json none = tools;
  none["tool_choice"] = "none";
  reply = server.Ask(kChat, Ask("Q-bare", none));
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "<tool_call>4*5</tool_call>");
  EXPECT_FALSE(Contains(prompt, "<tools>"));

  // The conversation goes on with the call and its result.
  const Json answer{{"role", "tool"}, {"tool_call_id", call["id"]}, {"content", "6"}};
  Json again = Ask("x");
  again["messages"].push_back(said);
  again["messages"].push_back(answer);
  server.Ask(kChat, again);
  EXPECT_TRUE(Contains(prompt,
                       "<|im_start|>assistant\nLet me see.\n<tool_call>\n{\"name\":\"calculator\","
                       "\"arguments\":{\"expression\":\"2*3\"}}\n</tool_call><|im_end|>\n"
                       "<|im_start|>user\n<tool_response>\n6\n</tool_response><|im_end|>"))
      << prompt;
}

TEST(OpenAiToolsTest, StreamsDoNotShowACallAsText) {
  OpenAiServer server({Scripted([&](const std::string& seen, uint32_t) -> std::string {
    if (Contains(seen, "Q-call")) return "Let me see. <tool_call>2*3</tool_call>";
    return "a < b <tool_cal";
  })});
  const Json tools{{"tools", {CalculatorTool()}}};
  std::string text;
  Json calls = Json::array(), finish;
  for (const Json& event : server.AskStream(kChat, Ask("Q-call", tools))) {
    const Json& choice = event["choices"][0];
    text += choice["delta"].value("content", "");
    for (const Json& call : choice["delta"].value("tool_calls", Json::array()))
      calls.push_back(call);
    if (!choice["finish_reason"].is_null()) finish = choice["finish_reason"];
  }
  EXPECT_EQ(text, "Let me see. ");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0]["index"], 0);
  EXPECT_EQ(calls[0]["function"]["arguments"], "{\"expression\":\"2*3\"}");
  EXPECT_EQ(finish, "tool_calls");
  text.clear();
  for (const Json& event : server.AskStream(kChat, Ask("text", tools))) {
    text += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "a < b <tool_cal");
}

TEST(OpenAiLimitsTest, AFullQueueIs429) {
  std::promise<void> begun, release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<bool> is_first{true};
  EngineOptions options;
  options.max_waiting = 1;
  OpenAiServer server({Scripted(
      [&](const std::string&, uint32_t) -> std::string {
        if (is_first.exchange(false)) begun.set_value();
        released.wait();
        return "done";
      },
      options)});
  std::atomic<int> num_done{0};
  const auto ask = [&] { num_done += server.Post(kChat, Ask("x").dump()).status == 200 ? 1 : 0; };
  std::thread running(ask);
  begun.get_future().wait();
  // One of these waits; the others find the queue full.
  std::vector<std::thread> others;
  std::atomic<int> num_refused{0};
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      const net::HttpResponse response = server.Post(kChat, Ask("x").dump());
      if (response.status == 200) ++num_done;
      if (response.status != 429) return;
      EXPECT_EQ(response.Header("Retry-After"), "1");
      EXPECT_TRUE(Contains(response.body, "\"type\":\"rate_limit_error\""));
      EXPECT_TRUE(Contains(response.body, "\"code\":\"queue_full\""));
      ++num_refused;
    });
  }
  while (num_refused < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  release.set_value();
  running.join();
  for (std::thread& other : others) other.join();
  EXPECT_EQ(num_done, 2);
}

TEST(OpenAiLimitsTest, WorkEndsWhenTheClientGoes) {
  net::Metrics metrics;
  OpenAiServer server({LongModel({.name = "m", .metrics = &metrics})});
  net::Gauge& running = metrics.AddGauge("agon_engine_running_requests", "", {{"model", "m"}});
  net::Counter& sampled =
      metrics.AddCounter("agon_engine_sampled_tokens_total", "", {{"model", "m"}});
  for (const bool is_stream : {true, false}) {
    const std::string body = Json{
        {"prompt", "x"},
        {"max_tokens", 25000},
        {"stream", is_stream},
        {"temperature", 2}}.dump();
    {
      RawClient client(server.server().port());
      client.Send(
          "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
          "Content-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body);
      const uint64_t before = sampled.value();
      for (int i = 0; i < 5000 && sampled.value() < before + 5; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    for (int i = 0; i < 5000 && running.value() > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(running.value(), 0);
  }
  EXPECT_LT(sampled.value(), 25000u);  // of 50,000 that were asked for
}

// More prompts than the queue holds could never be taken: that is no reason to try again.
TEST(OpenAiLimitsTest, AnArrayOfPromptsIsTakenAsAWhole) {
  EngineOptions options;
  options.max_waiting = 3;
  std::atomic<int> num_asked{0};
  OpenAiServer server({Scripted(
      [&](const std::string&, uint32_t) -> std::string {
        ++num_asked;
        return "done";
      },
      options)});
  for (const bool is_stream : {false, true}) {
    const Json body{{"prompt", {"a", "b", "c", "d"}}, {"stream", is_stream}};
    const net::HttpResponse refused = server.Post(kText, body.dump());
    EXPECT_EQ(refused.status, 400);
    EXPECT_TRUE(Contains(refused.body, "queue holds, which is 3")) << refused.body;
  }
  EXPECT_EQ(num_asked, 0);
  EXPECT_EQ(server.Ask(kText, {{"prompt", {"a", "b", "c"}}})["choices"].size(), 3u);
  const Json many{{"prompt", std::vector<std::string>(64, "a")}, {"n", 65}};
  EXPECT_TRUE(Contains(server.Post(kText, many.dump()).body, "4096 completions"));
}

TEST(OpenAiLimitsTest, AStreamOfNothingSaysSo) {
  OpenAiServer server({TinyModel()});
  const auto events = server.AskStream(kText, {{"prompt", {"a", "b"}}, {"max_tokens", 0}});
  ASSERT_EQ(events.size(), 2u);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["choices"][0]["index"], i);
    EXPECT_EQ(events[i]["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(events[i]["choices"][0]["text"], "");
  }
}

// The offsets of a stream are those of the reply in one piece, also where a character or a stop
// string is held back.
TEST(OpenAiStreamTest, TextOffsetsAreThoseOfTheWhole) {
  OpenAiServer server({Scripted(
      [](const std::string&, uint32_t) -> std::string { return "a\u00e9\u20acxy\xffz"; })});
  const Json body{{"prompt", "q"}, {"logprobs", 0}, {"stop", {"xyz"}}};
  const Json whole = server.Ask(kText, body)["choices"][0]["logprobs"]["text_offset"];
  Json streamed = Json::array();
  for (const Json& event : server.AskStream(kText, body)) {
    const Json& logprobs = event["choices"][0]["logprobs"];
    if (logprobs.is_null()) continue;
    for (const Json& offset : logprobs["text_offset"]) streamed.push_back(offset);
  }
  EXPECT_EQ(streamed, whole);
  EXPECT_EQ(whole.size(), 11u);  // ten bytes and the end
}

TEST(OpenAiLimitsTest, DrainingAnswersWhatIsUnderWay) {
  OpenAiServer server({TinyModel()});
  std::atomic<int> num_whole{0};
  std::atomic<int> num_begun{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&, i] {
      const Json body{
          {"prompt", "x"}, {"max_tokens", 150}, {"n", 4}, {"seed", i}, {"stream", i % 2 == 0}};
      std::string all;
      const auto response = net::HttpClient(server.Url())
                                .Send("POST", kText, body.dump(), {}, [&](std::string_view piece) {
                                  all += piece;
                                  return true;
                                });
      ++num_begun;
      const bool is_whole = i % 2 == 0 ? all.ends_with("data: [DONE]\n\n") : all.ends_with("}\n");
      num_whole += response.status == 200 && is_whole ? 1 : 0;
    });
  }
  while (num_begun == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server.server().Drain(30000), 0);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(num_whole, 16);
}

TEST(OpenAiServerTest, SeveralModelsAndAToken) {
  net::HttpServerOptions options;
  options.bearer_token = "t";
  const auto named = [](const char* name) {
    EngineOptions engine;
    engine.name = name;
    return Scripted([name](const std::string&, uint32_t) { return std::string(name); }, engine);
  };
  OpenAiServer server({named("a"), named("b")}, options);
  EXPECT_EQ(server.Get("/health").status, 200);
  EXPECT_EQ(server.Get("/v1/models").status, 401);
  EXPECT_EQ(server.Post(kChat, Ask("x").dump()).status, 401);
  const auto ask = [&](const Json& body) {
    return net::HttpPost(server.Url() + kChat, body.dump(), {{"Authorization", "Bearer t"}});
  };
  for (const char* name : {"a", "b"}) {
    const Json reply = ParseJson(ask(Ask("x", {{"model", name}})).body, "");
    EXPECT_EQ(reply["choices"][0]["message"]["content"], name);
  }
  EXPECT_EQ(ask(Ask("x")).status, 400);  // which of them?
  const auto metrics =
      net::HttpClient(server.Url()).Send("GET", "/metrics", "", {{"Authorization", "Bearer t"}});
  EXPECT_EQ(metrics.Header("Content-Type"), net::Metrics::kContentType);
}

TEST(OpenAiServerTest, SpareRowsOfAPaddedVocabularyAreHarmless) {
  policy::ModelConfig config = TinyByteConfig();
  config.vocab_size = 1000;  // most tokens have no bytes
  auto model =
      std::make_shared<LocalModel>(policy::Policy::Create(config, policy::ComputeType::kFloat32, 7),
                                   judge::ByteTokenizer(), "padded", EngineOptions{});
  OpenAiServer server({model});
  const Json body{{"prompt", {104, 999}}, {"max_tokens", 40},  {"logprobs", 2},
                  {"echo", true},         {"stop", {"never"}}, {"return_token_ids", true}};
  const Json reply = server.Ask(kText, body);
  EXPECT_GT(reply["usage"]["completion_tokens"], 0);
  EXPECT_TRUE(reply["choices"][0]["text"].get<std::string>().starts_with("h"));
  server.AskStream(kChat, Ask("x", {{"max_tokens", 40}, {"logprobs", true}, {"top_logprobs", 2}}));
}

TEST(OpenAiServerTest, AModelWithoutChatTokensCompletesText) {
  const auto model = std::make_shared<LocalModel>(
      TinyBytePolicy(), datasets::Tokenizer::FromMerges({}, {}), "plain", EngineOptions{});
  OpenAiServer server({model});
  const net::HttpResponse chat = server.Post(kChat, Ask("x").dump());
  EXPECT_EQ(chat.status, 400);
  EXPECT_TRUE(Contains(chat.body, "/v1/completions"));
  EXPECT_EQ(server.Post(kText, "{\"prompt\":\"x\",\"max_tokens\":3}").status, 200);
  EXPECT_EQ(server.Post(kText, "{\"prompt\":\"\",\"max_tokens\":3}").status, 400);
}

}  // namespace
}  // namespace agon::serve
