// What a reward model reads: completions of one prompt, packed so that the prompt is computed once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/message.h"
#include "datasets/chat.h"
#include "policy/policy.h"

namespace agon::judge {

// A completion's reward is the model's value at its last token: of a reply that came to its end
// that is the stop token, as in Hugging Face's sequence classifiers when nothing is padded. One
// that was cut has none and is read where it stops; without any token the prompt's last is read.
struct CompletionGroup {
  std::vector<int32_t> prompt;                    // (T_p), not empty
  std::vector<std::vector<int32_t>> completions;  // (K)

  size_t LongestTokens() const;  // of prompt and completion
};

// Whole replies: each ends in the stop token. The prompt opens the assistant's turn. `leads`, as
// datasets::Preference has them, are read as part of their completion.
CompletionGroup EncodeCompletions(const datasets::ChatTemplate& chat, const Messages& prompt,
                                  std::span<const std::string> completions,
                                  std::span<const Messages> leads = {});

// Adds a group of one completion; neighbours of equal prompts make one group, up to a limit.
void AppendCompletion(CompletionGroup group, std::vector<CompletionGroup>& groups);

// The same completions in the same order, in groups of at most `max_tokens` tokens, but of one
// completion at least.
std::vector<CompletionGroup> SplitGroups(std::span<const CompletionGroup> groups, int max_tokens);

struct ValueBatch {
  policy::PackedBatch packed;  // a row per completion, in order
  size_t num_groups = 0;
};

// To batches of at most `max_tokens` tokens and rows, in order. A group is never cut: a larger one
// makes its own batch.
std::vector<ValueBatch> PackForValues(std::span<const CompletionGroup> groups, int max_tokens);

}  // namespace agon::judge
