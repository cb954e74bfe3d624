// Endpoints that speak: whole streams, broken ones, and slow ones that are given up.
#include "arena/speakers.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "core/error.h"
#include "core/json.h"
#include "net/http_server.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

// OpenAI's API as far as a page needs it: the last message names what happens.
class FakeEndpoint {
 public:
  FakeEndpoint() : server_({}) {
    server_.AsyncRoute("POST", "/v1/chat/completions",
                       [this](const net::HttpExchangePtr& exchange) {
                         const Json body = ParseJson(exchange->request().body, "body");
                         {
                           const std::lock_guard lock(mutex_);
                           asked_ = body;
                         }
                         Answer(exchange, body.at("messages").back().at("content"));
                       });
    server_.Start();
  }
  std::string where() const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + "/v1#nano";
  }

  Json asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  static std::string Piece(const std::string& text, const char* finish = nullptr) {
    const Json choice = {{"index", 0},
                         {"delta", {{"content", text}}},
                         {"finish_reason", finish == nullptr ? Json() : Json(finish)}};
    return "data: " + Json{{"choices", {choice}}}.dump() + "\n\n";
  }
  static void Answer(const net::HttpExchangePtr& exchange, const std::string& kind) {
    if (kind == "refuse") return exchange->Reply(net::ErrorResponse(429, "later"));
    if (kind == "no stream") return exchange->Reply({200, R"({"choices": []})"});
    exchange->BeginStream({200, Piece("Two"), {{"Content-Type", "text/event-stream"}}});
    if (kind == "hang") {
      std::thread([exchange] {
        while (exchange->Write(": still here\n\n")) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      }).detach();
      return;
    }
    if (kind == "break") return exchange->EndStream();
    if (kind == "junk") {
      exchange->Write("data: {\"choices\": [\n\n");
      return exchange->EndStream();
    }
    exchange->Write(": a comment\n\ndata: {\"choices\": [7, {\"delta\": null}]}\n\n");
    exchange->Write(Piece(" plus", kind == "cut" ? "length" : "stop") + "data: [DO");
    exchange->Write("NE]\n\n");
    exchange->EndStream();
  }

  std::mutex mutex_;
  Json asked_;
  net::HttpServer server_;
};

struct Heard {
  std::string text;
  SpeakEnd end;
  int num_ends = 0;
};

class EndpointTest : public ::testing::Test {
 protected:
  EndpointTest() : speakers_({.load = {}, .max_new_tokens = 77, .temperature = 0.5f}) {
    speakers_.Enter({.name = "far", .location = endpoint_.where()});
  }
  Heard Ask(const std::string& text, bool gives_up = false) {
    Heard heard;
    std::mutex mutex;
    std::condition_variable changed;
    const auto end_early = speakers_.Speak("far", {{Role::kUser, text}}, 9,
                                           {.on_text =
                                                [&](std::string_view piece) {
                                                  const std::lock_guard lock(mutex);
                                                  heard.text += piece;
                                                  changed.notify_all();
                                                },
                                            .on_end =
                                                [&](SpeakEnd end) {
                                                  const std::lock_guard lock(mutex);
                                                  heard.end = std::move(end);
                                                  ++heard.num_ends;
                                                  changed.notify_all();
                                                }});
    std::unique_lock lock(mutex);
    const auto patience = std::chrono::seconds(20);
    if (gives_up) {
      changed.wait_for(lock, patience, [&] { return !heard.text.empty(); });
      lock.unlock();
      end_early();
      end_early();
      lock.lock();
    }
    changed.wait_for(lock, patience, [&] { return heard.num_ends > 0; });
    return heard;
  }

  FakeEndpoint endpoint_;
  ModelSpeakers speakers_;
};

TEST_F(EndpointTest, SpeaksPieceByPiece) {
  const Heard heard = Ask("Two plus?");
  EXPECT_EQ(heard.text, "Two plus");
  EXPECT_EQ(heard.end.error, "");
  EXPECT_FALSE(heard.end.is_cut);
  EXPECT_EQ(heard.end.num_tokens, 2);
  EXPECT_EQ(endpoint_.asked().at("model"), "nano");
  EXPECT_EQ(endpoint_.asked().at("max_tokens"), 77);
  EXPECT_EQ(endpoint_.asked().at("temperature"), 0.5);
  EXPECT_EQ(endpoint_.asked().at("seed"), 9);
  EXPECT_TRUE(Ask("cut").end.is_cut);
}

TEST_F(EndpointTest, SaysWhyThereIsNoReply) {
  for (const char* kind : {"refuse", "break", "junk", "no stream"}) {
    const Heard heard = Ask(kind);
    EXPECT_NE(heard.end.error, "") << kind;
    EXPECT_EQ(heard.num_ends, 1) << kind;
  }
}

TEST_F(EndpointTest, ASlowOneIsGivenUpAtOnce) {
  const Heard heard = Ask("hang", true);
  EXPECT_EQ(heard.text, "Two");
  EXPECT_NE(heard.end.error, "");
  EXPECT_EQ(heard.num_ends, 1);
}

TEST(SpeakersTest, RefusesWhatCantSpeak) {
  ModelSpeakers speakers({});
  EXPECT_NE(ErrorOf([&] { speakers.Enter({.name = "nowhere"}); }, ErrorKind::kUnsupported), "");
  EXPECT_NE(ErrorOf([&] { speakers.Enter({.name = "a", .location = "http://127.0.0.1:1/v1"}); },
                    ErrorKind::kUsage),
            "");
  EXPECT_FALSE(speakers.CanSpeak("nowhere"));
  SpeakEnd said;
  speakers.Speak("nowhere", {{Role::kUser, "?"}}, 0,
                 {.on_text = {}, .on_end = [&](SpeakEnd end) { said = std::move(end); }});
  EXPECT_NE(said.error, "");
}

}  // namespace
}  // namespace agon::arena
