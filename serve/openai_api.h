// OpenAI's API over checkpoints in this process: what rl-serve serves.
//
//   GET  /v1/models, /v1/models/NAME
//   POST /v1/completions       text or token ids; echo, logprobs
//   POST /v1/chat/completions  messages or token ids; tools, logprobs
//   GET  /health, /metrics
//
// Both POST routes stream on demand, take n, seed, stop and return_token_ids, and end their work
// when the client goes. docs/serving.md says which fields are supported and how.
#pragma once

#include <memory>
#include <vector>

#include "net/http_server.h"
#include "net/metrics.h"
#include "serve/local_model.h"

namespace agon::serve {

// Thread-safe. Keeps what it needs alive; the engines must run until the server is destroyed.
class OpenAiApi {
 public:
  // Models by their names, which differ; at least one. /metrics shows `metrics`.
  OpenAiApi(std::vector<std::shared_ptr<LocalModel>> models, const net::Metrics& metrics);

  // The API must outlive the server.
  void AddRoutes(net::HttpServer& server);

 private:
  LocalModel& FindModel(const std::string& name) const;
  net::HttpResponse ListModels() const;
  net::HttpResponse ShowModel(const net::HttpRequest& request) const;
  void Chat(const net::HttpExchangePtr& exchange) const;
  void Text(const net::HttpExchangePtr& exchange) const;

  const std::vector<std::shared_ptr<LocalModel>> models_;
  const net::Metrics& metrics_;
  const int64_t start_;  // seconds since 1970
};

}  // namespace agon::serve
