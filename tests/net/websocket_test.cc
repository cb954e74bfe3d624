// The WebSocket and HTTP clients against a server that behaves, and one that doesn't.
#include "net/websocket.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "net/http_client.h"
#include "net/url.h"
#include "tests/error_of.h"
#include "tests/net/fake_server.h"

namespace agon::net {
namespace {

constexpr int kLongMs = 30000;

FakeServer& Server() {
  static FakeServer server;
  return server;
}

TEST(WebSocketTest, MessagesComeBackInOrder) {
  WebSocket socket(Server().Ws("echo"));
  std::vector<std::string> messages = {
      "", "x", std::string(125, 'a'), std::string(126, 'b'), std::string(70000, 'c'), "\xc3\xa9"};
  for (const std::string& message : messages) socket.Send(message);
  for (const std::string& message : messages) {
    EXPECT_TRUE(socket.Receive(kLongMs) == message) << message.size();
  }
}

TEST(WebSocketTest, ATimeoutLeavesTheConnectionUsable) {
  WebSocket socket(Server().Ws("echo"));
  EXPECT_EQ(socket.Receive(20), std::nullopt);
  socket.Send("late");
  EXPECT_EQ(socket.Receive(kLongMs), "late");
}

TEST(WebSocketTest, PingsAreAnsweredWhileNobodyReceives) {
  WebSocket socket(Server().Ws("ping"));
  socket.Send(R"({"type":"reset","data":{"seed":1}})");
  socket.Send(R"({"type":"step","data":{"message":"0"}})");
  for (int i = 0; i < 300; ++i) {
    const std::string counts = HttpGet(Server().Http("counts")).body;
    if (!Contains(counts, "\"pongs\": 0")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL() << "no pong came";
}

TEST(WebSocketTest, TheServersEndIsAnError) {
  const auto step = [](const std::string& mode) {
    return [mode] {
      WebSocketLimits limits;
      limits.max_message_bytes = 100000;
      WebSocket socket(Server().Ws(mode), limits);
      socket.Send(R"({"type":"reset","data":{"seed":1}})");
      EXPECT_TRUE(socket.Receive(kLongMs));
      socket.Send(R"({"type":"step","data":{"message":"0"}})");
      while (socket.Receive(kLongMs)) {
      }
    };
  };
  EXPECT_TRUE(Contains(ErrorOf(step("hangup"), ErrorKind::kFailed), "code 1011: out of dice"));
  EXPECT_TRUE(Contains(ErrorOf(step("drop"), ErrorKind::kFailed), "connection lost"));
  EXPECT_TRUE(Contains(ErrorOf(step("huge"), ErrorKind::kFailed), "connection lost"));
  EXPECT_TRUE(Contains(ErrorOf(step("badframe"), ErrorKind::kFailed), "connection lost"));
  const auto flood = [] {
    WebSocket socket(Server().Ws("flood"));
    socket.Send(R"({"type":"step","data":{"message":"0"}})");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    while (socket.Receive(kLongMs)) {
    }
  };
  EXPECT_TRUE(Contains(ErrorOf(flood, ErrorKind::kFailed), "more than it was asked for"));
}

TEST(WebSocketTest, AClosedSocketIsToldToTheServer) {
  const auto count = [] { return HttpGet(Server().Http("counts")).body; };
  const std::string before = count();
  { WebSocket socket(Server().Ws("echo")); }
  EXPECT_NE(count(), before);
}

TEST(WebSocketTest, ConnectingFailsClearly) {
  const auto connect = [](const std::string& url, int ms = kLongMs) {
    return [=] {
      WebSocketLimits limits;
      limits.connect_ms = ms;
      WebSocket socket(url, limits);
    };
  };
  EXPECT_TRUE(Contains(ErrorOf(connect(Server().Ws("refuse")), ErrorKind::kFailed), "declined"));
  EXPECT_TRUE(
      Contains(ErrorOf(connect(Server().Ws("mute"), 200), ErrorKind::kFailed), "within 200 ms"));
  EXPECT_TRUE(Contains(ErrorOf(connect("ws://127.0.0.1:1/ws"), ErrorKind::kFailed), "refused"));
  EXPECT_NE(ErrorOf(connect("http://127.0.0.1:1/ws"), ErrorKind::kUsage), "");
}

TEST(WebSocketTest, APeerThatIsGoneWithoutAWordIsNoticed) {
  WebSocketLimits limits;
  limits.idle_ms = 300;
  // Between its messages this one reads nothing: no pong comes.
  WebSocket socket(Server().Ws("slow"), limits);
  socket.Send(R"({"type":"step","data":{"message":"0"}})");
  EXPECT_NE(ErrorOf([&] { socket.Receive(kLongMs); }, ErrorKind::kFailed), "");
}

TEST(WebSocketTest, ManyAtOnce) {
  const std::string url = Server().Ws("echo");  // not by a thread: the server ends with its maker
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t, &url] {
      WebSocket socket(url);
      for (int i = 0; i < 20; ++i) {
        const std::string message = std::to_string(t * 100 + i);
        socket.Send(message);
        ASSERT_EQ(socket.Receive(kLongMs), message);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpClientTest, GetsOrSaysWhyNot) {
  const HttpResponse response = HttpGet(Server().Http("good") + "/schema");
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(Contains(response.body, "\"required\": [\"message\"]"));
  EXPECT_EQ(HttpGet(Server().Http("noschema") + "/schema").status, 404);
  const auto get = [](const std::string& url, int ms = kLongMs) {
    return [=] { HttpGet(url, {.timeout_ms = ms}); };
  };
  EXPECT_TRUE(Contains(ErrorOf(get(Server().Http("mute") + "/x", 200), ErrorKind::kFailed),
                       "no answer within 200 ms"));
  EXPECT_NE(ErrorOf(get(Server().Http("hugebody") + "/x"), ErrorKind::kFailed), "");
  EXPECT_NE(ErrorOf(get(Server().Http("nohttp") + "/x"), ErrorKind::kFailed), "");
  EXPECT_TRUE(Contains(ErrorOf(get("http://127.0.0.1:1/"), ErrorKind::kFailed), "refused"));
  EXPECT_NE(ErrorOf(get("https://127.0.0.1:1/"), ErrorKind::kUnsupported), "");
}

TEST(UrlTest, IsReadOrRefused) {
  const Url url = ParseUrl("ws://localhost:8000/a/ws?x=1", "ws");
  EXPECT_EQ(url.host, "localhost");
  EXPECT_EQ(url.port, "8000");
  EXPECT_EQ(url.target, "/a/ws?x=1");
  EXPECT_EQ(ParseUrl("ws://h", "ws").target, "/");
  EXPECT_EQ(ParseUrl("ws://h?q", "ws").target, "/?q");
  EXPECT_EQ(ParseUrl("http://h/x", "http").port, "80");
  EXPECT_EQ(ParseUrl("ws://[::1]:7/x", "ws").host, "::1");
  EXPECT_EQ(ParseUrl("ws://[::1]:7/x", "ws").Authority(), "[::1]:7");
  for (const char* bad :
       {"", "ws://", "ws:///x", "ws://h:0/", "ws://h:65536/", "ws://h:x/", "h:80", "ws://h:80 /",
        "ws://u@h/", "ws://h\r\nX: y/", "http://h/", "ws://[::1/x", "ws://[::1]x/"}) {
    EXPECT_NE(ErrorOf([&] { ParseUrl(bad, "ws"); }, ErrorKind::kUsage), "") << bad;
  }
  EXPECT_NE(ErrorOf([] { ParseUrl("wss://h/", "ws"); }, ErrorKind::kUnsupported), "");
}

}  // namespace
}  // namespace agon::net
