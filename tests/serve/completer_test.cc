// Completers: a model in this process, and endpoints that are slow, wrong or dead.
#include "serve/completer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "core/error.h"
#include "core/json.h"
#include "net/http_server.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"
#include "tests/serve/tiny_model.h"

namespace agon::serve {
namespace {

CompletionRequest Plain(const std::string& prompt, int max_new_tokens = 20) {
  CompletionRequest request;
  request.prompt = prompt;
  request.max_new_tokens = max_new_tokens;
  return request;
}

CompletionReply Complete(Completer& completer, const CompletionRequest& request) {
  return CompleteAll(completer, {&request, 1})[0];
}

TEST(LocalCompleterTest, TheBatchChangesNothing) {
  const auto completer = MakeLocalCompleter(TinyModel());
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < 20; ++i) {
    CompletionRequest request = Plain("say " + std::to_string(i));
    if (i % 2 == 0) request.prompt = Messages{{Role::kUser, "say " + std::to_string(i)}};
    request.seed = static_cast<uint64_t>(i);
    request.num_samples = 1 + i % 3;
    request.wants_logprobs = i % 4 == 0;
    requests.push_back(request);
  }
  const auto all = CompleteAll(*completer, requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    const CompletionReply alone = Complete(*completer, requests[i]);
    ASSERT_EQ(alone.choices.size(), static_cast<size_t>(requests[i].num_samples));
    for (size_t c = 0; c < alone.choices.size(); ++c) {
      EXPECT_EQ(all[i].choices[c].text, alone.choices[c].text);
      EXPECT_EQ(all[i].choices[c].tokens, alone.choices[c].tokens);
      EXPECT_EQ(all[i].choices[c].logprobs, alone.choices[c].logprobs);
      EXPECT_EQ(alone.choices[c].logprobs.size(),
                requests[i].wants_logprobs ? alone.choices[c].tokens.size() : 0);
    }
    EXPECT_EQ(all[i].num_new_tokens, alone.num_new_tokens);
  }
  // Samples differ, seeds differ.
  CompletionRequest other = requests[1];
  other.seed = 99;
  EXPECT_NE(Complete(*completer, other).choices[0].tokens, all[1].choices[0].tokens);
  EXPECT_NE(all[2].choices[0].tokens, all[2].choices[1].tokens);
}

// A stop that spans tokens of one byte each.
TEST(LocalCompleterTest, StopStringsEndTheText) {
  const datasets::Tokenizer tokenizer = judge::ByteTokenizer();
  const auto completer = MakeLocalCompleter(std::make_shared<LocalModel>(
      std::make_unique<judge::ScriptedPolicy>(
          tokenizer, [](const std::string&, uint32_t) { return "one two, then three"; }),
      judge::ByteTokenizer(), "scripted", EngineOptions()));
  CompletionRequest request = Plain("abc", 30);
  const CompletionReply free = Complete(*completer, request);
  EXPECT_EQ(free.choices[0].text, "one two, then three");
  request.stop = {"th\n", ", t"};
  const CompletionReply stopped = Complete(*completer, request);
  EXPECT_EQ(stopped.choices[0].text, "one two");
  EXPECT_EQ(stopped.choices[0].finish_reason, policy::FinishReason::kStop);
  EXPECT_LE(stopped.num_new_tokens, free.num_new_tokens);
}

TEST(LocalCompleterTest, TheContextLimitsACompletion) {
  const auto completer = MakeLocalCompleter(TinyModel());
  CompletionRequest request = Plain(std::string(150, 'a'), 1000);
  const CompletionReply reply = Complete(*completer, request);
  EXPECT_LE(reply.num_new_tokens, 10);
  request.prompt = std::string(160, 'a');
  EXPECT_TRUE(
      Contains(ErrorOf([&] { Complete(*completer, request); }, ErrorKind::kUsage), "context"));
}

TEST(LocalCompleterTest, ItsEndAnswersEveryone) {
  std::atomic<int> num_answers{0};
  {
    const auto completer = MakeLocalCompleter(TinyModel({.max_rows = 1}));
    for (int i = 0; i < 50; ++i) {
      completer->Complete(Plain("a", 100), [&](auto, const auto&) { ++num_answers; });
    }
  }
  EXPECT_EQ(num_answers, 50);
}

// An endpoint that answers as `reply` says; counts what it was asked.
class FakeEndpoint {
 public:
  using Script = std::function<net::HttpResponse(const net::HttpRequest&, int number)>;

  explicit FakeEndpoint(Script reply) : reply_(std::move(reply)), server_({}) {
    const auto answer = [this](const net::HttpRequest& request) {
      return reply_(request, num_asked++);
    };
    server_.Route("POST", "/v1/chat/completions", answer);
    server_.Route("POST", "/v1/completions", answer);
    server_.Start();
  }

  EndpointOptions Options() const {
    EndpointOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(server_.port()) + "/v1";
    options.model = "m";
    options.first_pause_ms = 1;
    options.max_tries = 4;
    options.timeout_ms = 5000;
    return options;
  }

  std::atomic<int> num_asked{0};

 private:
  Script reply_;
  net::HttpServer server_;
};

net::HttpResponse Choice(const std::string& text) {
  const Json message{{"role", "assistant"}, {"content", text}};
  return {200,
          Json{{"choices", {{{"index", 0}, {"message", message}, {"finish_reason", "length"}}}},
               {"usage", {{"prompt_tokens", 5}, {"completion_tokens", 2}}}}
              .dump()};
}

CompletionRequest Chat() {
  CompletionRequest request;
  request.prompt = Messages{{Role::kSystem, "be brief"}, {Role::kUser, "hi \xff"}};
  request.stop = {"\n"};
  request.seed = 12;
  return request;
}

TEST(EndpointCompleterTest, AsksAsTheApiSays) {
  std::string body, key;
  FakeEndpoint endpoint([&](const net::HttpRequest& request, int) {
    body = request.body;
    key = request.Header("Authorization");
    return Choice("hello");
  });
  EndpointOptions options = endpoint.Options();
  options.api_key = "k";
  const auto completer = MakeEndpointCompleter(options);
  const CompletionReply reply = Complete(*completer, Chat());
  EXPECT_EQ(reply.choices[0].text, "hello");
  EXPECT_EQ(reply.choices[0].finish_reason, policy::FinishReason::kLength);
  EXPECT_EQ(reply.num_prompt_tokens, 5);
  EXPECT_EQ(reply.num_new_tokens, 2);
  EXPECT_EQ(key, "Bearer k");
  EXPECT_EQ(body,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
            "{\"role\":\"user\",\"content\":\"hi \uFFFD\"}],\"max_tokens\":256,\"temperature\":1.0,"
            "\"top_p\":1.0,\"stop\":[\"\\n\"],\"n\":1,\"seed\":12}");
  EXPECT_EQ(completer->identity(), options.url + "#m");
}

TEST(EndpointCompleterTest, TriesAgainWhereThatHelps) {
  for (const int status : {408, 429, 500, 503}) {
    FakeEndpoint endpoint([&](const net::HttpRequest&, int number) {
      return number < 2 ? net::ErrorResponse(status, "busy") : Choice("at last");
    });
    const auto completer = MakeEndpointCompleter(endpoint.Options());
    EXPECT_EQ(Complete(*completer, Chat()).choices[0].text, "at last") << status;
    EXPECT_EQ(endpoint.num_asked, 3);
  }
}

TEST(EndpointCompleterTest, HonoursRetryAfter) {
  FakeEndpoint endpoint([&](const net::HttpRequest&, int number) {
    if (number > 0) return Choice("ok");
    net::HttpResponse busy = net::ErrorResponse(429, "busy");
    busy.headers.emplace_back("Retry-After", "1");
    return busy;
  });
  const auto completer = MakeEndpointCompleter(endpoint.Options());
  const auto begin = std::chrono::steady_clock::now();
  Complete(*completer, Chat());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1000));
}

TEST(EndpointCompleterTest, FailuresSayWhatAndWhere) {
  const auto failure = [](const FakeEndpoint::Script& script, ErrorKind kind, int num_asked) {
    FakeEndpoint endpoint(script);
    const auto completer = MakeEndpointCompleter(endpoint.Options());
    const std::string error = ErrorOf([&] { Complete(*completer, Chat()); }, kind);
    EXPECT_TRUE(Contains(error, endpoint.Options().url)) << error;
    EXPECT_EQ(endpoint.num_asked, num_asked);
    return error;
  };
  const auto always = [](net::HttpResponse response) {
    return [=](const net::HttpRequest&, int) { return response; };
  };
  EXPECT_TRUE(Contains(failure(always(net::ErrorResponse(500, "on fire")), ErrorKind::kFailed, 4),
                       "after 4 tries; the last: status 500: on fire"));
  EXPECT_TRUE(Contains(failure(always(net::ErrorResponse(404, "no m")), ErrorKind::kUsage, 1),
                       "status 404: no m"));
  failure(always({200, "hello"}), ErrorKind::kCorrupt, 1);
  failure(always({200, "{}"}), ErrorKind::kCorrupt, 1);
  failure(always({200, R"({"choices":[{"index":7,"text":""}]})"}), ErrorKind::kCorrupt, 1);
  failure(always({200, R"({"choices":[{"index":0,"text":5}]})"}), ErrorKind::kCorrupt, 1);
  for (const char* hostile :
       {R"({"choices":[5]})", R"({"choices":[{"index":-1,"text":""}]})", R"({"choices":{}})",
        R"({"choices":[{"index":0,"text":"","logprobs":5,"token_ids":"x"}]})", "[]",
        R"({"choices":[{"index":0,"text":""}],"usage":{"prompt_tokens":1e300}})"}) {
    failure(always({200, hostile}), ErrorKind::kCorrupt, 1);
  }
  // Two choices are wanted, and one of them comes twice.
  FakeEndpoint twice(
      always({200, R"({"choices":[{"index":0,"text":"a"},{"index":0,"text":"b"}]})"}));
  CompletionRequest two = Chat();
  two.num_samples = 2;
  EXPECT_TRUE(Contains(
      ErrorOf([&] { Complete(*MakeEndpointCompleter(twice.Options()), two); }, ErrorKind::kCorrupt),
      "twice"));
  EndpointOptions dead;
  dead.url = "http://127.0.0.1:1/v1";
  dead.first_pause_ms = 1;
  dead.max_tries = 2;
  const auto completer = MakeEndpointCompleter(dead);
  EXPECT_TRUE(
      Contains(ErrorOf([&] { Complete(*completer, Chat()); }, ErrorKind::kFailed), "refused"));
  dead.url = "https://a/v1";
  EXPECT_NE(ErrorOf([&] { MakeEndpointCompleter(dead); }, ErrorKind::kUnsupported), "");
}

TEST(EndpointCompleterTest, ManyRequestsShareItsConnections) {
  std::atomic<int> num_running{0}, most{0};
  FakeEndpoint endpoint([&](const net::HttpRequest& request, int) {
    most = std::max(most.load(), ++num_running);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --num_running;
    return Choice(ParseJson(request.body, "")["messages"][0]["content"].get<std::string>());
  });
  EndpointOptions options = endpoint.Options();
  options.num_connections = 3;
  const auto completer = MakeEndpointCompleter(options);
  std::vector<CompletionRequest> requests(40);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = Messages{{Role::kUser, std::to_string(i)}};
  }
  const auto replies = CompleteAll(*completer, requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(replies[i].choices[0].text, std::to_string(i));
  }
  EXPECT_LE(most, 3);
  EXPECT_GT(most, 1);
}

// A connection that waits before it tries again doesn't keep others from what is asked meanwhile.
TEST(EndpointCompleterTest, APauseHoldsUpNobodyElse) {
  FakeEndpoint endpoint([&](const net::HttpRequest&, int number) {
    if (number > 0) return Choice("ok");
    net::HttpResponse busy = net::ErrorResponse(429, "busy");
    busy.headers.emplace_back("Retry-After", "2");
    return busy;
  });
  EndpointOptions options = endpoint.Options();
  options.num_connections = 2;
  std::atomic<bool> is_first_done{false};
  const auto completer = MakeEndpointCompleter(options);
  completer->Complete(Chat(), [&](auto, const auto&) { is_first_done = true; });
  while (endpoint.num_asked == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (int i = 0; i < 5; ++i) Complete(*completer, Chat());
  EXPECT_FALSE(is_first_done);
}

TEST(OpenCompleterTest, SaysWhatIsMissing) {
  EXPECT_TRUE(Contains(ErrorOf([] { OpenCompleter("http://a/v1"); }, ErrorKind::kUsage), "#"));
  EXPECT_NE(ErrorOf([] { OpenCompleter("/nowhere"); }, ErrorKind::kNotFound), "");
}

}  // namespace
}  // namespace agon::serve
