// A page that is being served, models that say what a test wants, and visitors.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arena/page.h"
#include "core/json.h"
#include "net/http_client.h"
#include "tests/arena/arena_file.h"

namespace agon::arena {

// Answers at once, on the asking thread or on its own; "hold" waits for Release.
class FakeSpeakers final : public Speakers {
 public:
  bool CanSpeak(const std::string& model) const override { return model != "mute"; }
  std::function<void()> Speak(const std::string& model, const Messages& conversation, uint64_t,
                              SpeakCallbacks callbacks) override {
    const std::string& asked = conversation.back().content;
    {
      const std::lock_guard lock(mutex_);
      lengths_.push_back(conversation.size());
    }
    if (asked.find("hold") != std::string::npos) {
      callbacks.on_text("I begin");
      const std::lock_guard lock(mutex_);
      held_.push_back(callbacks);
      return [callbacks] { callbacks.on_end({.error = "ended early"}); };
    }
    if (asked.find("fail") != std::string::npos) {
      callbacks.on_end({.error = "out of order"});
      return [] {};
    }
    callbacks.on_text(asked.find("leak") != std::string::npos ? "I am " + model + "." : reply);
    callbacks.on_end({.num_tokens = 3});
    return [] {};
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    for (const SpeakCallbacks& one : held_) {
      one.on_text(" and end");
      one.on_end({.num_tokens = 4});
    }
    held_.clear();
  }
  std::vector<size_t> lengths() {
    const std::lock_guard lock(mutex_);
    return lengths_;
  }

  std::string reply = "An answer.";

 private:
  std::mutex mutex_;
  std::vector<SpeakCallbacks> held_;
  std::vector<size_t> lengths_;  // of conversations
};

// A browser without a screen: keeps its cookies and its form token.
class TestVisitor {
 public:
  explicit TestVisitor(int port) : client_("http://127.0.0.1:" + std::to_string(port)) {
    form_token = ParseJson(Get("/api/session").body, "session").at("form_token");
  }

  net::HttpResponse Get(const std::string& target) { return Send("GET", target, "", {}); }
  net::HttpResponse Post(const std::string& target, const Json& body) {
    return Send("POST", target, body.dump(),
                {{"Content-Type", "application/json"}, {"X-Form-Token", form_token}});
  }
  // `fields` as a form sends them, without the token.
  net::HttpResponse PostForm(const std::string& target, const std::string& fields) {
    return Send("POST", target, "form=" + form_token + "&" + fields,
                {{"Content-Type", "application/x-www-form-urlencoded"}});
  }
  net::HttpResponse Send(const std::string& method, const std::string& target,
                         const std::string& body, net::HttpHeaders headers) {
    if (!cookie.empty()) headers.emplace_back("Cookie", cookie);
    net::HttpResponse response = client_.Send(method, target, body, headers);
    const std::string_view set = response.Header("Set-Cookie");
    if (set.starts_with("agon_session=")) cookie = set.substr(0, set.find(';'));
    return response;
  }

  // A battle whose replies have ended, as the API tells of it.
  Json Battle(const std::string& prompt = "Why?") {
    const auto made = Post("/api/battles", {{"prompt", prompt}});
    EXPECT_EQ(made.status, 201) << made.body;
    const std::string id = ParseJson(made.body, "battle").at("id");
    return Wait(id);
  }
  Json Wait(const std::string& id) {
    for (int i = 0; i < 500; ++i) {
      Json battle = ParseJson(Get("/api/battles/" + id).body, "battle");
      if (!battle.at("live").get<bool>()) return battle;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "the models don't end";
    return {};
  }
  net::HttpResponse Vote(const Json& battle, const std::string& choice) {
    return Post("/api/battles/" + battle.at("id").get<std::string>() + "/vote",
                {{"token", battle.at("token")}, {"choice", choice}});
  }

  std::string cookie, form_token;

 private:
  net::HttpClient client_;
};

class PageTest : public ArenaTest {
 protected:
  void TearDown() override {
    Stop();
    ArenaTest::TearDown();
  }

  // With "model-0" and "model-1", without limits unless `options` have been set.
  void Start(int num_models = 2) {
    {
      Arena arena(file_);
      for (int i = 0; i < num_models; ++i) {
        arena.AddModel({.name = "model-" + std::to_string(i), .stage = i == 0 ? "sft" : "rl"});
      }
    }
    metrics_ = std::make_unique<net::Metrics>();
    page_ = std::make_unique<Page>(file_, speakers_, options_, *metrics_);
    net::HttpServerOptions http;
    http.metrics = metrics_.get();
    http.max_body_bytes = 1 << 18;
    server_ = std::make_unique<net::HttpServer>(http);
    page_->AddRoutes(*server_);
    server_->Start();
  }
  void Stop() {
    speakers_.Release();
    server_.reset();
    page_.reset();
    metrics_.reset();
  }
  int port() const { return server_->port(); }
  TestVisitor Visit() { return TestVisitor(port()); }

  int64_t Count(const std::string& sql) {
    Database database(file_);
    return database.QueryInt(sql);
  }
  int64_t NumVotes() { return Count("SELECT COUNT(*) FROM vote"); }

  static PageOptions Unlimited() {
    PageOptions options;
    options.battles_per_session = options.battles_per_address = {};
    options.votes_per_session = options.votes_per_address = options.reads_per_address = {};
    options.draw_prompt = [](uint64_t) { return DrawnPrompt{"Two and two?", "math/sums"}; };
    return options;
  }

  FakeSpeakers speakers_;
  PageOptions options_ = Unlimited();
  std::unique_ptr<net::Metrics> metrics_;
  std::unique_ptr<Page> page_;
  std::unique_ptr<net::HttpServer> server_;
};

inline Json Parsed(const net::HttpResponse& response) { return ParseJson(response.body, "reply"); }

}  // namespace agon::arena
