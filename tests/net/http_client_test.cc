// The client against the server of the same folder, and what both are made of.
#include "net/http_client.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/error.h"
#include "net/http_server.h"
#include "tests/error_of.h"

namespace agon::net {
namespace {

class HttpKeptClientTest : public testing::Test {
 protected:
  explicit HttpKeptClientTest(HttpServerOptions options = {.idle_ms = 150}) : server_(options) {
    server_.Route("POST", "/v1/echo", [](const HttpRequest& request) {
      return HttpResponse{201, request.body, {{"X-Seen", std::string(request.Header("X-Mine"))}}};
    });
    server_.Route("GET", "/v1/long", [](const HttpRequest&) {
      return HttpResponse{200, std::string(100000, 'x')};
    });
    server_.AsyncRoute("GET", "/v1/stream", [](const HttpExchangePtr& exchange) {
      exchange->BeginStream({200, "", {{"Content-Type", "text/event-stream"}}});
      for (int i = 0; i < 50; ++i) exchange->Write("data: " + std::to_string(i) + "\n\n");
      exchange->EndStream();
    });
    server_.AsyncRoute("GET", "/v1/mute",
                       [this](const HttpExchangePtr& exchange) { muted_ = exchange; });
    server_.Start();
  }

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(server_.port()) + "/v1"; }

  HttpServer server_;
  HttpExchangePtr muted_;  // destroyed before the server, which waits for it
};

TEST_F(HttpKeptClientTest, PostsAndReadsHeaders) {
  HttpClient client(Url());
  for (int i = 0; i < 3; ++i) {
    const HttpResponse response = client.Send("POST", "/echo", "{}", {{"X-Mine", "me"}});
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "{}");
    EXPECT_EQ(response.Header("x-seen"), "me");
  }
  EXPECT_EQ(HttpPost(Url() + "/echo", "").status, 201);  // an empty body has a length, too
}

TEST_F(HttpKeptClientTest, AConnectionThatTheServerClosedIsOpenedAgain) {
  HttpClient client(Url());
  EXPECT_EQ(client.Send("POST", "/echo", "1").body, "1");
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_EQ(client.Send("POST", "/echo", "2").body, "2");
}

TEST_F(HttpKeptClientTest, StreamsArePassedOn) {
  HttpClient client(Url());
  std::string all;
  const HttpResponse response = client.Send("GET", "/stream", "", {}, [&](std::string_view piece) {
    all += piece;
    return true;
  });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_TRUE(all.starts_with("data: 0\n\ndata: 1\n\n") && all.ends_with("data: 49\n\n")) << all;
  int num_pieces = 0;
  client.Send("GET", "/stream", "", {}, [&](std::string_view) { return ++num_pieces == 0; });
  EXPECT_EQ(num_pieces, 1);
  EXPECT_EQ(client.Send("POST", "/echo", "3").body, "3");  // over a connection of its own
}

TEST_F(HttpKeptClientTest, FailsClearly) {
  const auto send = [](const std::string& url, const HttpLimits& limits = {}) {
    return [=] { HttpGet(url, limits); };
  };
  EXPECT_TRUE(Contains(ErrorOf(send(Url() + "/mute", {.timeout_ms = 100}), ErrorKind::kFailed),
                       "within 100 ms"));
  EXPECT_TRUE(Contains(
      ErrorOf(send(Url() + "/long", {.max_body_bytes = 99999}), ErrorKind::kFailed), "body limit"));
  EXPECT_TRUE(Contains(ErrorOf(send("http://127.0.0.1:1/"), ErrorKind::kFailed), "refused"));
  EXPECT_TRUE(Contains(ErrorOf(send("https://a/"), ErrorKind::kUnsupported), "TLS proxy"));
  EXPECT_NE(ErrorOf(send("127.0.0.1"), ErrorKind::kUsage), "");
  muted_.reset();
}

TEST(HttpTest, PiecesOfRequests) {
  std::string decoded;
  EXPECT_TRUE(PercentDecode("/a%2Fb%c3%A9+", &decoded));
  EXPECT_EQ(decoded, "/a/b\xc3\xa9+");
  for (const char* bad : {"%", "%4", "%4g", "%+1"}) EXPECT_FALSE(PercentDecode(bad, &decoded));
  // Any bytes in a message are still JSON.
  EXPECT_TRUE(Contains(ErrorResponse(429, "\xff\"").body, "\"message\":\"\xef\xbf\xbd\\\"\""));
}

}  // namespace
}  // namespace agon::net
