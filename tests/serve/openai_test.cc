// Conformance with OpenAI's public API reference (platform.openai.com/docs/api-reference/chat and
// /completions), seen by a plain HTTP client; and what the reference leaves to the server.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <thread>

#include "core/utf8.h"
#include "serve/completer.h"
#include "tests/error_of.h"
#include "tests/serve/openai_fixture.h"
#include "tests/serve/tiny_model.h"

namespace agon::serve {
namespace {

constexpr const char* kChatPath = "/v1/chat/completions";
constexpr const char* kTextPath = "/v1/completions";

// One server for all tests that don't change it.
OpenAiServer& Server() {
  static auto* server = new OpenAiServer({TinyModel({.name = "tiny"})});
  return *server;
}

Json ChatBody(const Json& more = Json::object()) {
  Json body{{"model", "tiny"},
            {"messages", {{{"role", "user"}, {"content", "hello"}}}},
            {"max_tokens", 24},
            {"seed", 5}};
  body.update(more);
  return body;
}

Json TextBody(const Json& more = Json::object()) {
  Json body{{"model", "tiny"}, {"prompt", "once upon"}, {"max_tokens", 24}, {"seed", 5}};
  body.update(more);
  return body;
}

std::vector<std::string> Keys(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST(OpenAiTest, Models) {
  const Json list = ParseJson(Server().Get("/v1/models").body, "");
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 1u);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(list["data"][0]["owned_by"], "agon");
  EXPECT_EQ(list["data"][0]["max_model_len"], 160);
  EXPECT_EQ(ParseJson(Server().Get("/v1/models/tiny").body, ""), list["data"][0]);
  const net::HttpResponse missing = Server().Get("/v1/models/tinny");
  EXPECT_EQ(missing.status, 404);
  EXPECT_TRUE(Contains(missing.body, "is it 'tiny'?"));
  EXPECT_EQ(Server().Get("/health").body, "{\"status\":\"ok\"}\n");
}

TEST(OpenAiTest, AChatCompletion) {
  const Json reply = Server().Ask(kChatPath, ChatBody());
  EXPECT_EQ(Keys(reply), (std::vector<std::string>{"choices", "created", "id", "model", "object",
                                                   "system_fingerprint", "usage"}));
  EXPECT_TRUE(reply["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["model"], "tiny");
  EXPECT_GT(reply["created"], 1700000000);
  ASSERT_EQ(reply["choices"].size(), 1u);
  const Json& choice = reply["choices"][0];
  EXPECT_EQ(Keys(choice),
            (std::vector<std::string>{"finish_reason", "index", "logprobs", "message"}));
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_TRUE(choice["message"]["content"].is_string());
  EXPECT_TRUE(choice["logprobs"].is_null());
  EXPECT_TRUE(choice["finish_reason"] == "length" || choice["finish_reason"] == "stop");
  const Json& usage = reply["usage"];
  // <|im_start|> user \n hello <|im_end|> \n <|im_start|> assistant \n, a token for each byte.
  EXPECT_EQ(usage["prompt_tokens"], 1 + 4 + 1 + 5 + 1 + 1 + 1 + 9 + 1);
  EXPECT_EQ(usage["total_tokens"].get<int>(),
            usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
  // The seed decides.
  EXPECT_EQ(Server().Ask(kChatPath, ChatBody())["choices"], reply["choices"]);
  EXPECT_NE(Server().Ask(kChatPath, ChatBody({{"seed", 6}}))["choices"], reply["choices"]);
  // The older and the newer name of the limit; text in parts; the developer is the system.
  const Json parts{{"role", "user"}, {"content", {{{"type", "text"}, {"text", "hello"}}}}};
  Json newer = ChatBody({{"messages", {parts}}, {"max_completion_tokens", 24}});
  newer.erase("max_tokens");
  EXPECT_EQ(Server().Ask(kChatPath, newer)["choices"], reply["choices"]);
  const auto with_role = [&](const char* role) {
    const Json first{{"role", role}, {"content", "x"}};
    return Server().Ask(kChatPath, ChatBody({{"messages", {first}}}))["choices"];
  };
  EXPECT_EQ(with_role("developer"), with_role("system"));
}

TEST(OpenAiTest, SamplesAndSeeds) {
  const Json reply = Server().Ask(kChatPath, ChatBody({{"n", 3}}));
  ASSERT_EQ(reply["choices"].size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reply["choices"][i]["index"], i);
  EXPECT_NE(reply["choices"][0]["message"], reply["choices"][1]["message"]);
  // The first sample is that of n = 1.
  EXPECT_EQ(Server().Ask(kChatPath, ChatBody())["choices"][0], reply["choices"][0]);
  // Without a seed, answers differ.
  const Json free = ChatBody({{"seed", nullptr}});
  EXPECT_NE(Server().Ask(kChatPath, free)["choices"], Server().Ask(kChatPath, free)["choices"]);
  // Greedy ones don't.
  const Json greedy = ChatBody({{"seed", nullptr}, {"temperature", 0}});
  EXPECT_EQ(Server().Ask(kChatPath, greedy)["choices"], Server().Ask(kChatPath, greedy)["choices"]);
}

TEST(OpenAiTest, ChatLogprobs) {
  const Json reply = Server().Ask(
      kChatPath, ChatBody({{"logprobs", true}, {"top_logprobs", 3}, {"return_token_ids", true}}));
  const Json& choice = reply["choices"][0];
  const Json& content = choice["logprobs"]["content"];
  ASSERT_EQ(content.size(), reply["usage"]["completion_tokens"]);
  ASSERT_EQ(content.size(), choice["token_ids"].size());
  std::string bytes;
  for (const Json& token : content) {
    EXPECT_EQ(token["top_logprobs"].size(), 3u);
    EXPECT_GE(token["top_logprobs"][0]["logprob"], token["top_logprobs"][1]["logprob"]);
    EXPECT_LE(token["logprob"], 0.0);
    for (const Json& alternative : token["top_logprobs"]) {
      if (alternative["bytes"] == token["bytes"]) {
        EXPECT_EQ(alternative["logprob"], token["logprob"]);
      }
    }
    for (const Json& byte : token["bytes"]) bytes += static_cast<char>(byte.get<int>());
  }
  if (choice["finish_reason"] == "length") {
    EXPECT_EQ(ReplaceBrokenUtf8(bytes), choice["message"]["content"].get<std::string>());
  }
}

TEST(OpenAiTest, TokenIdsGoOnExactly) {
  const Json first =
      Server().Ask(kChatPath, ChatBody({{"return_token_ids", true}, {"max_tokens", 8}}));
  const Json whole = Server().Ask(kChatPath, ChatBody({{"return_token_ids", true}}));
  // The ids that were used, and nothing is encoded again: the prompt, eight tokens, the rest.
  EXPECT_EQ(first["prompt_token_ids"].size(), first["usage"]["prompt_tokens"]);
  Json body{{"model", "tiny"},
            {"prompt_token_ids", first["prompt_token_ids"]},
            {"max_tokens", 24},
            {"seed", 5},
            {"return_token_ids", true}};
  EXPECT_EQ(Server().Ask(kChatPath, body)["choices"], whole["choices"]);
  body["prompt"] = body["prompt_token_ids"];
  body.erase("prompt_token_ids");
  EXPECT_EQ(Server().Ask(kTextPath, body)["choices"][0]["token_ids"],
            whole["choices"][0]["token_ids"]);
}

// As lm-evaluation-harness asks for log-likelihoods (lm_eval/models/api_models.py and
// openai_completions.py): token ids, echo, one new token, greedy.
TEST(OpenAiTest, LogLikelihoodsOfAPrompt) {
  const auto model = TinyModel();
  const std::vector<int32_t> a = {104, 105, 33, 200}, b = {97};
  const Json reply = Server().Ask(kTextPath, {{"model", "tiny"},
                                              {"prompt", {a, b}},
                                              {"temperature", 0},
                                              {"max_tokens", 1},
                                              {"logprobs", 1},
                                              {"seed", 1234},
                                              {"echo", true}});
  ASSERT_EQ(reply["choices"].size(), 2u);
  const Json& logprobs = reply["choices"][0]["logprobs"];
  ASSERT_EQ(logprobs["tokens"].size(), 5u);
  EXPECT_EQ(logprobs["tokens"][1], "i");
  EXPECT_EQ(logprobs["tokens"][3], "bytes:\\xc8");
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  EXPECT_EQ(logprobs["text_offset"], (Json{0, 1, 2, 3, 4}));
  std::promise<std::vector<float>> scored;
  model->engine().Score({.tokens = {'h', 'i', '!'}},
                        [&](const policy::TokenScores& scores, const std::exception_ptr&) {
                          scored.set_value(scores.logprobs);
                        });
  const std::vector<float> expected = scored.get_future().get();
  ASSERT_EQ(expected.size(), 2u);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(logprobs["token_logprobs"][i + 1].get<float>(), expected[i]);
  }
  for (size_t i = 1; i < 5; ++i) {
    // The token itself is always among the alternatives; the best is the maximum.
    const Json& top = logprobs["top_logprobs"][i];
    const auto token = logprobs["tokens"][i].get<std::string>();
    ASSERT_TRUE(top.contains(token));
    EXPECT_EQ(top[token], logprobs["token_logprobs"][i]);
  }
  // The new token is greedy: the only alternative is itself.
  EXPECT_EQ(logprobs["top_logprobs"][4].size(), 1u);
  EXPECT_EQ(reply["choices"][1]["logprobs"]["tokens"].size(), 2u);
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(reply["usage"]["completion_tokens"], 2);
  // Scoring alone.
  const Json only = Server().Ask(
      kTextPath,
      {{"model", "tiny"}, {"prompt", a}, {"max_tokens", 0}, {"logprobs", 0}, {"echo", true}});
  EXPECT_EQ(only["choices"][0]["logprobs"]["tokens"].size(), 4u);
  EXPECT_TRUE(only["choices"][0]["logprobs"]["top_logprobs"].is_null());
  EXPECT_EQ(only["choices"][0]["text"], "hi!\uFFFD");
  EXPECT_EQ(only["choices"][0]["finish_reason"], "length");
}

TEST(OpenAiTest, TextCompletions) {
  const Json reply = Server().Ask(kTextPath, TextBody({{"prompt", {"once upon", "x"}}, {"n", 2}}));
  EXPECT_EQ(reply["object"], "text_completion");
  EXPECT_TRUE(reply["id"].get<std::string>().starts_with("cmpl-"));
  ASSERT_EQ(reply["choices"].size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(reply["choices"][i]["index"], i);
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 10);
  const Json alone = Server().Ask(kTextPath, TextBody());
  EXPECT_EQ(alone["choices"][0]["text"], reply["choices"][0]["text"]);
  const Json echoed = Server().Ask(kTextPath, TextBody({{"echo", true}}));
  EXPECT_EQ(echoed["choices"][0]["text"].get<std::string>(),
            "once upon" + alone["choices"][0]["text"].get<std::string>());
  Json unlimited = TextBody();
  unlimited.erase("max_tokens");
  EXPECT_LE(Server().Ask(kTextPath, unlimited)["usage"]["completion_tokens"], 16);
  // A limit beyond the context is the context.
  EXPECT_LE(Server().Ask(kTextPath, TextBody({{"max_tokens", 100000}}))["usage"]["total_tokens"],
            160);
  EXPECT_EQ(Server().Post(kTextPath, TextBody({{"prompt", ""}}).dump()).status, 200);
}

TEST(OpenAiTest, StopStrings) {
  const Json free = Server().Ask(kTextPath, TextBody({{"max_tokens", 60}}));
  const auto text = free["choices"][0]["text"].get<std::string>();
  size_t at = 8;
  while (at + 2 < text.size() && !(text[at] > 0 && text[at + 1] > 0)) ++at;
  ASSERT_LT(at + 2, text.size()) << text;
  const std::string stop = text.substr(at, 2);  // two tokens of a byte each
  const Json body = TextBody({{"max_tokens", 60}, {"stop", {"never said", stop}}});
  const Json stopped = Server().Ask(kTextPath, body);
  const auto before = text.substr(0, text.find(stop));
  EXPECT_EQ(stopped["choices"][0]["text"], before);
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
  EXPECT_LT(stopped["usage"]["completion_tokens"], free["usage"]["completion_tokens"]);
  std::string streamed;
  for (const Json& event : Server().AskStream(kTextPath, body)) {
    streamed += event["choices"][0]["text"].get<std::string>();
  }
  EXPECT_EQ(streamed, before);
}

TEST(OpenAiTest, AChatStream) {
  const Json body = ChatBody({{"n", 2},
                              {"stream_options", {{"include_usage", true}}},
                              {"logprobs", true},
                              {"return_token_ids", true}});
  Json whole_body = body;
  whole_body.erase("stream_options");
  const Json whole = Server().Ask(kChatPath, whole_body);
  const std::vector<Json> events = Server().AskStream(kChatPath, body);
  std::map<int, std::string> text, finish;
  std::map<int, Json> logprobs, ids;
  std::map<int, int> num_roles;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["object"], "chat.completion.chunk");
    EXPECT_EQ(events[i]["id"], events[0]["id"]);
    EXPECT_EQ(events[i]["model"], "tiny");
    if (i + 1 == events.size()) {
      EXPECT_TRUE(events[i]["choices"].empty());
      EXPECT_EQ(events[i]["usage"], whole["usage"]);
      continue;
    }
    ASSERT_EQ(events[i]["choices"].size(), 1u);
    const Json& choice = events[i]["choices"][0];
    const int index = choice["index"];
    num_roles[index] += choice["delta"].contains("role") ? 1 : 0;
    EXPECT_TRUE(finish[index].empty()) << "nothing comes after the end";
    text[index] += choice["delta"].value("content", "");
    if (!choice["finish_reason"].is_null()) finish[index] = choice["finish_reason"];
    if (!choice["logprobs"].is_null()) {
      for (const Json& token : choice["logprobs"]["content"]) logprobs[index].push_back(token);
    }
    if (choice.contains("token_ids")) {
      for (const Json& id : choice["token_ids"]) ids[index].push_back(id);
    }
  }
  for (int i = 0; i < 2; ++i) {
    const Json& choice = whole["choices"][i];
    EXPECT_EQ(num_roles[i], 1);
    EXPECT_EQ(text[i], choice["message"]["content"].get<std::string>());
    EXPECT_EQ(finish[i], choice["finish_reason"].get<std::string>());
    EXPECT_EQ(logprobs[i], choice["logprobs"]["content"]);
    EXPECT_EQ(ids[i], choice["token_ids"]);
  }
}

TEST(OpenAiTest, ATextStream) {
  const Json body = TextBody({{"prompt", {"a", "b"}}, {"logprobs", 2}});
  const Json whole = Server().Ask(kTextPath, body);
  std::map<int, std::string> text;
  std::map<int, Json> tokens, offsets;
  for (const Json& event : Server().AskStream(kTextPath, body)) {
    EXPECT_EQ(event["object"], "text_completion");
    EXPECT_FALSE(event.contains("usage"));
    const Json& choice = event["choices"][0];
    text[choice["index"]] += choice["text"].get<std::string>();
    if (choice["logprobs"].is_null()) continue;
    for (const Json& token : choice["logprobs"]["tokens"]) {
      tokens[choice["index"]].push_back(token);
    }
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(text[i], whole["choices"][i]["text"].get<std::string>());
    EXPECT_EQ(tokens[i], whole["choices"][i]["logprobs"]["tokens"]);
  }
}

TEST(OpenAiTest, WhatIsRefused) {
  struct Case {
    const char* path;
    std::string body;
    int status;
    std::string param, code;
  };
  const auto chat = [](const Json& more) { return ChatBody(more).dump(); };
  const auto text = [](const Json& more) { return TextBody(more).dump(); };
  const Json user{{"role", "user"}, {"content", "x"}};
  const std::string longer(200, 'x');
  const std::vector<Case> cases = {
      {kChatPath, "{", 400, "", "invalid_json"},
      {kChatPath, "[]", 400, "", "invalid_json"},
      {kChatPath, std::string(100, '['), 400, "", "invalid_json"},
      {kChatPath, "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", 400, "",
       "invalid_json"},
      {kChatPath, chat({{"model", "gpt-4"}}), 404, "model", "model_not_found"},
      {kChatPath, chat({{"model", 5}}), 400, "model", ""},
      {kChatPath, chat({{"messages", nullptr}}), 400, "messages", ""},
      {kChatPath, chat({{"messages", Json::array()}}), 400, "messages", ""},
      {kChatPath, chat({{"messages", {user, 5}}}), 400, "messages[1]", ""},
      {kChatPath, chat({{"messages", {{{"role", "wizard"}, {"content", "x"}}}}}), 400,
       "messages[0].role", ""},
      {kChatPath, chat({{"messages", {{{"role", "user"}}}}}), 400, "messages[0].content", ""},
      {kChatPath,
       chat({{"messages", {{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}}}}), 400,
       "messages[0].content", ""},
      {kChatPath, chat({{"messages", {{{"role", "user"}, {"content", longer}}}}}), 400, "messages",
       "context_length_exceeded"},
      {kChatPath, chat({{"max_tokens", 0}}), 400, "max_tokens", ""},
      {kChatPath, chat({{"max_tokens", 1.5}}), 400, "max_tokens", ""},
      {kChatPath, chat({{"temperature", -1}}), 400, "temperature", ""},
      {kChatPath, chat({{"temperature", "hot"}}), 400, "temperature", ""},
      {kChatPath, chat({{"top_p", 0}}), 400, "top_p", ""},
      {kChatPath, chat({{"n", 0}}), 400, "n", ""},
      {kChatPath, chat({{"n", 129}}), 400, "n", ""},
      {kChatPath, chat({{"seed", "x"}}), 400, "seed", ""},
      {kChatPath, chat({{"stop", {""}}}), 400, "stop", ""},
      {kChatPath, chat({{"stop", 7}}), 400, "stop", ""},
      {kChatPath, chat({{"stream", 1}}), 400, "stream", ""},
      {kChatPath, chat({{"stream_options", {{"include_usage", true}}}}), 400, "stream_options", ""},
      {kChatPath, chat({{"top_logprobs", 2}}), 400, "top_logprobs", ""},
      {kChatPath, chat({{"logprobs", true}, {"top_logprobs", 21}}), 400, "top_logprobs", ""},
      {kChatPath, chat({{"presence_penalty", 0.5}}), 400, "presence_penalty", ""},
      {kChatPath, chat({{"logit_bias", {{"5", 1}}}}), 400, "logit_bias", ""},
      {kChatPath, chat({{"response_format", {{"type", "json_object"}}}}), 400, "response_format",
       ""},
      {kChatPath, chat({{"tools", {{{"type", "function"}}}}}), 400, "tools", ""},
      {kChatPath, chat({{"tools", Json::array()}, {"tool_choice", "required"}}), 400, "tool_choice",
       ""},
      {kChatPath, chat({{"prompt_token_ids", {1, 265}}}), 400, "prompt_token_ids", ""},
      {kChatPath, chat({{"prompt_token_ids", Json::array()}}), 400, "prompt_token_ids", ""},
      {kTextPath, text({{"prompt", nullptr}}), 400, "prompt", ""},
      {kTextPath, text({{"prompt", Json::array()}}), 400, "prompt", ""},
      {kTextPath, text({{"prompt", {{1, -1}}}}), 400, "prompt", ""},
      {kTextPath, text({{"prompt", {1, "x"}}}), 400, "prompt", ""},
      {kTextPath, text({{"prompt", longer}}), 400, "prompt", "context_length_exceeded"},
      {kTextPath, text({{"logprobs", true}}), 400, "logprobs", ""},
      {kTextPath, text({{"best_of", 3}}), 400, "best_of", ""},
      {kTextPath, text({{"suffix", "end"}}), 400, "suffix", ""},
      {kTextPath, text({{"echo", true}, {"stream", true}}), 400, "echo", ""},
  };
  for (const Case& c : cases) {
    const net::HttpResponse response = Server().Post(c.path, c.body);
    EXPECT_EQ(response.status, c.status) << c.body << "\n" << response.body;
    const Json error = ParseJson(response.body, c.body)["error"];
    EXPECT_EQ(Keys(error), (std::vector<std::string>{"code", "message", "param", "type"}));
    EXPECT_EQ(error["param"], c.param.empty() ? Json() : Json(c.param)) << c.body;
    EXPECT_EQ(error["code"], c.code.empty() ? Json() : Json(c.code)) << c.body;
    EXPECT_EQ(error["type"], c.status == 404 ? "not_found_error" : "invalid_request_error");
    EXPECT_FALSE(error["message"].get<std::string>().empty());
  }
  // What asks for what happens anyway is fine, and what nobody knows is passed over.
  Server().Ask(kChatPath, ChatBody({{"presence_penalty", 0},
                                    {"logit_bias", Json::object()},
                                    {"user", "u"},
                                    {"response_format", {{"type", "text"}}},
                                    {"stop", nullptr},
                                    {"tools", nullptr},
                                    {"store", false}}));
}

// Everyone asks at once, some of them for streams: the same bytes as alone.
TEST(OpenAiTest, SixtyFourClientsGetTheSameBytes) {
  const auto ask = [](int i) {
    const std::string content = "client " + std::to_string(i);
    const Json body = ChatBody({{"messages", {{{"role", "user"}, {"content", content}}}},
                                {"seed", i},
                                {"n", 1 + i % 3},
                                {"temperature", i % 4 == 0 ? 0.0 : 0.9},
                                {"logprobs", i % 2 == 0},
                                {"return_token_ids", true}});
    if (i % 3 == 1) {
      // Pieces of several choices may come in another order: each choice's own is kept.
      std::map<int, std::string> text;
      for (const Json& event : Server().AskStream(kChatPath, body)) {
        for (const Json& choice : event["choices"]) {
          text[choice["index"]] += choice["delta"].value("content", "");
        }
      }
      return Json(text).dump();
    }
    return Server().Ask(kChatPath, body)["choices"].dump();
  };
  std::vector<std::string> alone, together(64);
  for (int i = 0; i < 64; ++i) alone.push_back(ask(i));
  std::vector<std::thread> clients;
  for (int i = 0; i < 64; ++i) {
    clients.emplace_back([&, i] { together[static_cast<size_t>(i)] = ask(i); });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(alone, together);
}

// The same model asked here and through the endpoint.
TEST(OpenAiTest, AnEndpointCompleterSeesWhatALocalOneSees) {
  const auto local = MakeLocalCompleter(TinyModel());
  EndpointOptions options;
  options.url = Server().Url() + "/v1";
  options.model = "tiny";
  const auto endpoint = MakeEndpointCompleter(options);
  CompletionRequest chat;
  chat.prompt = Messages{{Role::kSystem, "s"}, {Role::kUser, "u"}};
  chat.max_new_tokens = 20;
  chat.seed = 77;
  chat.num_samples = 3;
  chat.wants_logprobs = true;
  CompletionRequest text = chat;
  text.prompt = "so ";
  text.num_samples = 1;
  for (const CompletionRequest& request : {chat, text}) {
    const auto a = CompleteAll(*local, {&request, 1})[0];
    const auto b = CompleteAll(*endpoint, {&request, 1})[0];
    ASSERT_EQ(a.choices.size(), b.choices.size());
    for (size_t i = 0; i < a.choices.size(); ++i) {
      EXPECT_EQ(a.choices[i].text, b.choices[i].text);
      EXPECT_EQ(a.choices[i].logprobs, b.choices[i].logprobs);
      EXPECT_EQ(a.choices[i].finish_reason, b.choices[i].finish_reason);
    }
    EXPECT_EQ(a.num_prompt_tokens, b.num_prompt_tokens);
    EXPECT_EQ(a.num_new_tokens, b.num_new_tokens);
  }
}

}  // namespace
}  // namespace agon::serve
