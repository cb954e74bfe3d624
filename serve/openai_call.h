// One request of OpenAI's API on its way: prompts to the engine, tokens to the client. Private to
// serve.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "serve/local_model.h"
#include "serve/openai_format.h"
#include "serve/openai_request.h"
#include "serve/text_stream.h"

namespace agon::serve {

struct ApiCallSpec {
  ApiSampling sampling;
  std::vector<std::vector<int32_t>> prompts;  // none empty
  std::vector<ToolSpec> tools;
  bool is_chat = false, echo = false;
};

// Everything after Start runs on the engine's thread, which owns the call until its end.
class ApiCall : public std::enable_shared_from_this<ApiCall> {
 public:
  ApiCall(net::HttpExchangePtr exchange, LocalModel& model, ApiCallSpec spec, int64_t created);

  // Throws ApiError: what doesn't fit the context or the engine's queue (400), and 429 if that is
  // full. The work is taken as a whole or not at all.
  void Start();

 private:
  struct Progress {
    TextStream stream;
    size_t num_sent_bytes = 0;  // of the choice's text
    size_t num_sent_tokens = 0;
    int64_t num_sent_characters = 0;  // of those tokens, each by itself
  };

  int NewTokens(size_t num_prompt_tokens) const;
  GenerateRequest MakeRequest(size_t prompt) const;
  void CheckContext() const;
  EngineWork::Generation Generation(size_t prompt);
  EngineWork::Scoring Scoring(size_t prompt);
  size_t PlaceOf(size_t prompt, uint32_t sample) const {
    return prompt * static_cast<size_t>(spec_.sampling.n) + sample;
  }
  void Send(std::string_view event);
  bool OnToken(size_t place, const policy::Completion& so_far);
  void OnCompletion(size_t place, policy::Completion completion);
  void SendPiece(ApiChoice& choice, Progress& progress, const policy::Completion& so_far);
  void OnEnd(const std::exception_ptr& error);
  net::HttpResponse Failure() const;
  void Finish();

  const net::HttpExchangePtr exchange_;
  LocalModel& model_;
  const ApiCallSpec spec_;
  const uint64_t seed_;
  const ApiFormat format_;
  std::vector<ApiChoice> choices_;  // by prompt, then sample
  std::vector<Progress> progress_;  // of each choice
  std::vector<policy::TokenScores> prompt_scores_;
  ApiUsage usage_;
  int num_pending_ = 0;  // answers of the engine that are yet to come
  std::exception_ptr error_;
  std::string opening_;  // what a stream begins with: the choices, and the ends of empty ones
  bool is_streaming_ = false;
};

}  // namespace agon::serve
