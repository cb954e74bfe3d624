// How requests, connections and the server itself come to an end, and what is counted of it.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/net/http_server_fixture.h"

namespace agon::net {
namespace {

TEST_F(HttpServerTest, DrainLosesNothing) {
  Start({.num_handler_threads = 2});
  RawClient idle(port()), between(port());
  between.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  between.Receive("hi");
  std::vector<std::thread> clients;
  std::atomic<int> num_served{0};
  for (int i = 0; i < 6; ++i) {  // two run, four wait
    clients.emplace_back([&] { num_served += HttpGet(Url("/wait")).body == "waited"; });
  }
  while (num_waiting_ < 2) std::this_thread::sleep_for(milliseconds(1));
  std::this_thread::sleep_for(milliseconds(50));
  std::thread opener([&] {
    std::this_thread::sleep_for(milliseconds(100));
    between.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");  // in the last moment
    gate_.Open();
    EXPECT_TRUE(Contains(between.ReceiveAll(), "Connection: close\r\n"));
    between.Close();
  });
  EXPECT_EQ(server_->Drain(10000), 0);
  opener.join();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(num_served, 6);
  EXPECT_FALSE(RawClient(port()).is_connected());
}

TEST_F(HttpServerTest, DrainIsBounded) {
  Start();
  RawClient client(port());
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const HttpExchangePtr stream = Stream();
  EXPECT_EQ(server_->Drain(50), 1);
  EXPECT_TRUE(closed_.Wait());
}

// Requests arrive while the server goes, its handlers are busy, and others let go of exchanges from
// elsewhere: for ThreadSanitizer and AddressSanitizer, too.
TEST(HttpServerEndTest, RequestsThatArriveMeanwhileHarmNothing) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<bool> is_over{false};
    std::mutex mutex;
    std::vector<HttpExchangePtr> kept;
    auto server = std::make_unique<HttpServer>(HttpServerOptions{.num_handler_threads = 2});
    server->Route("GET", "/slow", [](const HttpRequest&) {
      std::this_thread::sleep_for(milliseconds(2));
      return HttpResponse{200, "{}"};
    });
    server->AsyncRoute("GET", "/kept", [&](const HttpExchangePtr& exchange) {
      const std::lock_guard lock(mutex);
      kept.push_back(exchange);
    });
    server->Start();
    const int port = server->port();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const std::string path = i % 2 == 0 ? "/slow" : "/kept";
        const std::string request = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
        while (!is_over) {
          std::this_thread::sleep_for(std::chrono::microseconds(200));
          RawClient client(port);
          for (int n = 0; n < 3 && client.is_connected() && client.Send(request); ++n) {
          }
        }
      });
    }
    threads.emplace_back([&] {
      while (!is_over) {
        std::this_thread::sleep_for(milliseconds(1));
        std::vector<HttpExchangePtr> dropped;
        const std::lock_guard lock(mutex);
        dropped.swap(kept);
      }
    });
    std::this_thread::sleep_for(milliseconds(5));
    server.reset();
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(kept.empty());
  }
}

TEST_F(HttpServerTest, MetricsAreKept) {
  Start();
  HttpGet(Url("/hello"));
  HttpGet(Url("/nothing"));
  WaitForMetric("agon_http_requests_total{route=\"/hello\",status=\"200\"} 1\n");
  WaitForMetric("agon_http_requests_total{route=\"none\",status=\"404\"} 1\n");
  WaitForMetric("agon_http_request_seconds_count{route=\"/hello\"} 1\n");
}

// What took no time to measure isn't measured: a duration of 0 would be a lie.
TEST_F(HttpServerTest, FailuresAreCountedAsWhatTheyAre) {
  Start();
  StatusOf("nonsense\r\n\r\n");
  WaitForMetric("agon_http_requests_total{route=\"none\",status=\"400\"} 1\n");
  EXPECT_FALSE(Contains(metrics_.Text(), "agon_http_request_seconds_count{route=\"none\"}"));
  auto client = std::make_unique<RawClient>(port());
  client->Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  HttpExchangePtr stream = Stream();
  client.reset();
  EXPECT_TRUE(closed_.Wait());
  stream.reset();
  WaitForMetric("agon_http_requests_total{route=\"/stream\",status=\"499\"} 1\n");
  EXPECT_FALSE(Contains(metrics_.Text(), "agon_http_request_seconds_count{route=\"/stream\"}"));
  EXPECT_EQ(StatusName(499), "Client Closed Request");
}

}  // namespace
}  // namespace agon::net
