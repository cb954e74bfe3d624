// "Messages or text in, completions out": what judges, evaluations and matches ask, whether a
// checkpoint answers that is loaded here or an endpoint that speaks OpenAI's API.
//
//   const auto completer = OpenCompleter("runs/b");          // or "http://127.0.0.1:8000/v1"
//   CompletionRequest request;
//   request.prompt = Messages{{Role::kUser, "What is 3 + 4?"}};
//   const auto replies = CompleteAll(*completer, {request});   // many at once: all are batched
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/message.h"
#include "policy/policy.h"
#include "serve/local_model.h"

namespace agon::serve {

// A chat (the assistant speaks next), plain text that goes on, or token ids that go on.
using CompletionPrompt = std::variant<Messages, std::string, std::vector<int32_t>>;

struct CompletionRequest {
  CompletionPrompt prompt;
  int max_new_tokens = 256;  // fewer where the model's context ends
  float temperature = 1.0f;  // 0: greedy
  int top_k = 0;             // 0: off
  float top_p = 1.0f;
  std::vector<std::string> stop = {};  // the text ends before the first of them
  uint64_t seed = 0;                   // a local model answers the same to the same
  int num_samples = 1;
  bool wants_logprobs = false;
};

struct CompletionChoice {
  std::string text;  // valid UTF-8, without the stop token or string
  // Sampled tokens with the stop token, and their log-probabilities. An endpoint that doesn't say
  // leaves them empty; logprobs are there if they were wanted.
  std::vector<int32_t> tokens = {};
  std::vector<float> logprobs = {};
  policy::FinishReason finish_reason = policy::FinishReason::kStop;
};

struct CompletionReply {
  std::vector<CompletionChoice> choices;  // num_samples, in order
  int num_prompt_tokens = 0;
  int num_new_tokens = 0;  // of all choices
};

// `error` is null, or the reply is empty. On a thread of the completer: short, no exceptions.
using CompletionCallback = std::function<void(CompletionReply reply, std::exception_ptr error)>;

// Thread-safe. All that is asked before the answers come is worked on together.
class Completer {
 public:
  // Cancels what isn't answered; its callbacks come with an error.
  virtual ~Completer() = default;

  // Names what answers, for caches and reports: two equal names give answers of one kind.
  virtual std::string identity() const = 0;
  // Doesn't wait. What is wrong with a request (too long, kUsage; kUnsupported), or with the
  // endpoint after all retries (kFailed), comes as the callback's error.
  virtual void Complete(CompletionRequest request, CompletionCallback callback) = 0;
};

// Asks and waits for all; replies in the order of the requests. Throws the first error.
std::vector<CompletionReply> CompleteAll(Completer& completer,
                                         std::span<const CompletionRequest> requests);

// A checkpoint in this process; others may use the model at the same time. If its engine's queue
// is full, the callback's error is kFailed.
std::unique_ptr<Completer> MakeLocalCompleter(std::shared_ptr<LocalModel> model);

struct EndpointOptions {
  std::string url;           // "http://127.0.0.1:8000/v1"
  std::string model;         // as the endpoint names it
  std::string api_key;       // "" for none
  int num_connections = 16;  // requests under way at once
  int timeout_ms = 120000;   // for one try
  int max_tries = 6;
  int first_pause_ms = 500;  // after a failed try; doubles, to 30 s at most
};

// Tries again on 408, 409, 429, 5xx, timeouts and lost connections, after the pause that the
// endpoint asks for with Retry-After if that is longer. Any other status is an error at once.
std::unique_ptr<Completer> MakeEndpointCompleter(EndpointOptions options);

// Whether `where`, as OpenCompleter takes it, is an address.
bool IsEndpoint(std::string_view where);

// A model directory with an engine of its own on `device` and no limit to what may wait, or
// "http://..." with the model's name behind "#": "http://127.0.0.1:8000/v1#nano". An endpoint is
// asked as `options` say, whose key is the environment variable OPENAI_API_KEY, if that is set.
// Throws kUsage for an endpoint without a name, and what LocalModel throws.
std::unique_ptr<Completer> OpenCompleter(const std::string& where, EndpointOptions options = {},
                                         const policy::Device& device = {});

}  // namespace agon::serve
