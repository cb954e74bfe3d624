// Who answers a model judge's prompts: a checkpoint in this process, or a server.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/message.h"

namespace agon::judge {

struct ReplyOptions {
  float temperature = 0;
  int max_tokens = 1024;
  uint64_t seed = 0;  // of this reply: same prompt, options and seed, same reply (if local)
};

struct WrittenReply {
  std::string text;
  bool is_cut = false;  // by max_tokens, or the end of the context
};

// Used by many threads at once; what they ask at the same time is computed together.
// A failure is an Error, and never kUsage, which would blame who asks the judge: kFailed (the
// server is dead, slow or wrong, after all retries), kUnsupported where it can't do what is asked,
// kCorrupt for a prompt that is longer than its context.
class Respondent {
 public:
  virtual ~Respondent() = default;

  // What may change an answer besides the prompt: hash of the weights, or address and name.
  virtual std::string fingerprint() const = 0;

  virtual WrittenReply Reply(const Messages& prompt, const ReplyOptions& options) = 0;

  // Natural logarithm of the probability of each of `answers`, as the first token of the reply.
  // Each must be one token of the model.
  virtual std::vector<double> AnswerLogprobs(const Messages& prompt,
                                             std::span<const std::string> answers) = 0;
};

}  // namespace agon::judge
