// How likely a model holds a continuation. Private to judge.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/tokenizer.h"
#include "policy/policy.h"

namespace agon::judge {

// One context and what may follow it. The context is computed once for all of them.
struct ContinuationRequest {
  std::vector<int32_t> context;                     // not empty
  std::vector<std::vector<int32_t>> continuations;  // each not empty
};

// Tokens of one forward pass, of which at most as many are scored: enough to keep matrix products
// busy.
inline constexpr int kScoredAtOnce = 8192;

// Sum of log p(token | all before it) over each continuation, in nats, added in double in the
// order of tokens: the same bits whatever the batch. Nothing may be longer than the model's
// context: REQUIRES context + continuation <= max_positions + 1.
std::vector<std::vector<double>> LogLikelihoods(policy::Policy& policy,
                                                std::span<const ContinuationRequest> requests,
                                                int max_batch_tokens = kScoredAtOnce);

// Token ids of `context` and of what `continuation` adds to them. Encoded as one text and cut
// where the context's own ids end, with the context's trailing spaces moved over first, as
// lm-evaluation-harness does (_encode_pair): so the continuation is tokenised as it would be in
// running text.
struct EncodedPair {
  std::vector<int32_t> context, continuation;
};
EncodedPair EncodePair(const datasets::Tokenizer& tokenizer, std::string_view context,
                       std::string_view continuation);

// A document in windows, each token predicted once: the first window predicts as many as fit
// behind `first`, later ones follow at least `context_tokens` tokens of what came before
// (lm-evaluation-harness, get_rolling_token_windows). `window` is the longest input, 2 or more.
std::vector<ContinuationRequest> RollingWindows(std::span<const int32_t> tokens, int32_t first,
                                                int window, int context_tokens);

}  // namespace agon::judge
