// The client against the server of the same folder, and what both are made of.
#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
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

// A server that answers the first request of its first connection, closes that one 200 ms after the
// second, and never answers on the next.
class FlakyServer {
 public:
  FlakyServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, any, length), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    EXPECT_EQ(getsockname(listener_, any, &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FlakyServer() {
    thread_.join();
    close(listener_);
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void Serve() const {
    char request[4096];
    const int first = accept(listener_, nullptr, nullptr);
    EXPECT_GT(recv(first, request, sizeof request, 0), 0);
    constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    EXPECT_GT(send(first, kReply.data(), kReply.size(), MSG_NOSIGNAL), 0);
    EXPECT_GT(recv(first, request, sizeof request, 0), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    close(first);
    const int second = accept(listener_, nullptr, nullptr);
    while (recv(second, request, sizeof request, 0) > 0) {
    }
    close(second);
  }

  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

TEST(HttpClientTimeoutTest, IsForAllTriesTogether) {
  const FlakyServer server;
  HttpClient client(server.Url(), {.timeout_ms = 400});
  EXPECT_EQ(client.Send("GET", "/").status, 200);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(
      Contains(ErrorOf([&] { client.Send("GET", "/"); }, ErrorKind::kFailed), "within 400 ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(550));
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
