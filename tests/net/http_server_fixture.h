// A server with a few routes, and a gate for handlers that wait.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/error_of.h"
#include "tests/net/raw_client.h"

namespace agon::net {

using std::chrono::milliseconds;

// Opens once, for all who wait.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, milliseconds(10000), [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

// A server with a few routes.
class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpServerOptions options = {}) {
    options.metrics = &metrics_;
    server_ = std::make_unique<HttpServer>(options);
    server_->Route("GET", "/hello", [](const HttpRequest&) {
      return HttpResponse{200, "hi", {{"Content-Type", "text/plain"}}};
    });
    server_->Route("GET", "/health",
                   [](const HttpRequest&) {
                     return HttpResponse{200, "{}"};
                   },
                   {.is_public = true});
    server_->Route("POST", "/echo", [](const HttpRequest& request) {
      return HttpResponse{200, request.body};
    });
    server_->Route("GET", "/files/*", [](const HttpRequest& request) {
      return HttpResponse{200, request.path + "?" + request.query};
    });
    server_->Route("POST", "/throw", [](const HttpRequest& request) -> HttpResponse {
      if (request.body == "1") throw Error(ErrorKind::kUsage, "bad \"n\"", "n");
      if (request.body == "2") throw Error(ErrorKind::kNotFound, "no such model", "m");
      throw std::runtime_error("secret");
    });
    server_->AsyncRoute("GET", "/drop", [](const HttpExchangePtr&) {});
    server_->Route("GET", "/wait", [this](const HttpRequest&) {
      ++num_waiting_;
      gate_.Wait();
      return HttpResponse{200, "waited"};
    });
    server_->AsyncRoute("GET", "/stream", [this](const HttpExchangePtr& exchange) {
      exchange->BeginStream({200, "first,", {{"Content-Type", "text/event-stream"}}});
      exchange->OnClose([this] { closed_.Open(); });
      const std::lock_guard lock(mutex_);
      streams_.push_back(exchange);
    });
    server_->Start();
  }
  ~HttpServerTest() override {
    gate_.Open();
    streams_.clear();
  }

  std::string Url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  int port() const { return server_->port(); }
  // The status line's number of the only reply to `bytes`.
  std::string StatusOf(const std::string& bytes) {
    RawClient client(port());
    client.Send(bytes);
    return client.ReceiveAll().substr(9, 3);
  }
  void WaitForMetric(const std::string& line) {
    for (int i = 0; i < 1000 && !Contains(metrics_.Text(), line); ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_TRUE(Contains(metrics_.Text(), line)) << metrics_.Text();
  }
  HttpExchangePtr Stream() {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (!streams_.empty()) {
          auto stream = std::move(streams_.back());
          streams_.pop_back();
          return stream;
        }
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    ADD_FAILURE() << "no stream began";
    return nullptr;
  }

  Metrics metrics_;
  Gate gate_, closed_;
  std::atomic<int> num_waiting_{0};
  std::mutex mutex_;
  std::vector<HttpExchangePtr> streams_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace agon::net
