// One checkpoint and the thread that runs it: continuous batching over everyone who asks.
//
// A completion's tokens and log-probabilities depend on the weights, the prompt, the sampling,
// the seed and the sample's number, and on nothing else: the same bits whatever else runs.
//
// Scoring stands between two steps of decoding, a bounded number of tokens at a time, so that
// neither waits for the other's end.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/metrics.h"
#include "policy/policy.h"

namespace agon::serve {

// Most likely tokens that people can ask for beside each token. A GPU has memory for so many.
inline constexpr int kMaxTop = 20;

struct EngineOptions {
  int max_rows = 128;               // completions decoded at once
  int context_tokens = 0;           // longest prompt with its new tokens; 0: the model's context
  size_t max_waiting = 512;         // requests that wait for a row or to be scored
  int score_tokens = 2048;          // scored between two steps of decoding, about
  std::string name = "default";     // label of the metrics
  net::Metrics* metrics = nullptr;  // gets agon_engine_...; must outlive the engine
};

struct GenerateRequest {
  std::vector<int32_t> prompt;     // not empty
  int max_new_tokens = 1;          // with the prompt at most context_tokens()
  policy::Sampling sampling = {};  // max_rows isn't used
  uint64_t seed = 0;
  int num_samples = 1;  // completions 0, 1, ...
};

// Called on the engine's thread, one at a time: short, and without exceptions.
struct GenerateCallbacks {
  // After each token; `so_far` is all of that sample. False ends the completion (kStop). May be
  // empty.
  std::function<bool(const policy::Completion& so_far)> on_token = {};
  // Once per sample, in the order in which they end.
  std::function<void(policy::Completion completion)> on_completion = {};
  // Last, once. `error` is null if all samples came to their end or the request was cancelled.
  std::function<void(std::exception_ptr error)> on_end = {};
};

struct ScoreRequest {
  std::vector<int32_t> tokens;  // at most context_tokens()
  int begin = 1;                // tokens[begin..] are scored, each given those before it; >= 1
  float temperature = 1.0f;     // > 0
  int num_top = 0;
};

// On the engine's thread. `error` is null, or `scores` is empty.
using ScoreCallback = std::function<void(policy::TokenScores scores, std::exception_ptr error)>;

// What is taken as a whole or not at all.
struct EngineWork {
  struct Generation {
    GenerateRequest request;
    GenerateCallbacks callbacks;
  };
  struct Scoring {
    ScoreRequest request;
    ScoreCallback callback;
  };
  std::vector<Generation> generations = {};
  std::vector<Scoring> scorings = {};
  size_t size() const { return generations.size() + scorings.size(); }
};

// Work that was taken. Letting go of it changes nothing.
class EngineTicket {
 public:
  virtual ~EngineTicket() = default;
  // Ends each request at its next token, or before it starts. on_end still comes. Thread-safe.
  virtual void Cancel() = 0;
};

// Thread-safe.
class Engine {
 public:
  // Starts the thread. Owns the policy.
  Engine(std::unique_ptr<policy::Policy> policy, EngineOptions options);
  // Cancels what is left, and waits for the thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Null if more than max_waiting() requests would wait: none of the callbacks will come. Throws
  // kUsage for a request that can't be: too long, a token out of the vocabulary, sampling out of
  // range.
  std::shared_ptr<EngineTicket> Submit(EngineWork work);
  // Likewise of one request.
  std::shared_ptr<EngineTicket> Generate(GenerateRequest request, GenerateCallbacks callbacks);
  std::shared_ptr<EngineTicket> Score(ScoreRequest request, ScoreCallback callback);

  const policy::ModelConfig& config() const;
  int context_tokens() const;
  size_t max_waiting() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agon::serve
