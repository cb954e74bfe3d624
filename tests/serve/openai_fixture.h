// rl-serve's server over a model, and a client that says nothing by itself.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "serve/openai_api.h"

namespace agon::serve {

class OpenAiServer {
 public:
  explicit OpenAiServer(std::vector<std::shared_ptr<LocalModel>> models,
                        net::HttpServerOptions options = {})
      : models_(std::move(models)), api_(models_, metrics), server_(std::move(options)) {
    api_.AddRoutes(server_);
    server_.Start();
  }

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  net::HttpResponse Get(const std::string& path) const { return net::HttpGet(Url() + path); }
  net::HttpResponse Post(const std::string& path, const std::string& body) const {
    return net::HttpPost(Url() + path, body);
  }
  // The reply's body, which must have status 200.
  Json Ask(const std::string& path, const Json& body) const {
    const net::HttpResponse response = Post(path, body.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    return ParseJson(response.body, "reply");
  }
  // The events of a stream but for "[DONE]", which must be the last.
  std::vector<Json> AskStream(const std::string& path, Json body) const {
    body["stream"] = true;
    std::string all;
    const net::HttpResponse response =
        net::HttpClient(Url()).Send("POST", path, body.dump(), {}, [&](std::string_view piece) {
          all += piece;
          return true;
        });
    EXPECT_EQ(response.status, 200) << all;
    EXPECT_EQ(response.Header("Content-Type"), "text/event-stream");
    std::vector<Json> events;
    bool is_done = false;
    while (!all.empty()) {
      const size_t end = all.find("\n\n");
      EXPECT_TRUE(all.starts_with("data: ") && end != std::string::npos && !is_done) << all;
      const std::string data = all.substr(6, end - 6);
      all.erase(0, end + 2);
      is_done = data == "[DONE]";
      if (!is_done) events.push_back(ParseJson(data, "event"));
    }
    EXPECT_TRUE(is_done);
    return events;
  }
  net::HttpServer& server() { return server_; }

  net::Metrics metrics;  // of the API; the models' engines have their own

 private:
  std::vector<std::shared_ptr<LocalModel>> models_;
  OpenAiApi api_;
  net::HttpServer server_;
};

}  // namespace agon::serve
