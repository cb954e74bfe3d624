#include "judge/completion_groups.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxSharers = 32;  // completions that are read behind one copy of their prompt

// Of a completion; one without any has a row all the same.
size_t TokensOf(const std::vector<int32_t>& completion) {
  return std::max<size_t>(1, completion.size());
}

size_t TokensOf(const CompletionGroup& group) {
  size_t tokens = group.prompt.size();
  for (const auto& completion : group.completions) tokens += TokensOf(completion);
  return tokens;
}

void Append(const CompletionGroup& group, policy::PackedBatch& packed) {
  auto& tokens = packed.tokens;
  const auto prefix_begin = static_cast<int32_t>(tokens.size());
  const auto prefix_length = static_cast<int32_t>(group.prompt.size());
  tokens.insert(tokens.end(), group.prompt.begin(), group.prompt.end());
  packed.segments.push_back({prefix_begin, prefix_length, 0, 0});
  for (const auto& completion : group.completions) {
    const auto begin = static_cast<int32_t>(tokens.size());
    const auto length = static_cast<int32_t>(completion.size());
    tokens.insert(tokens.end(), completion.begin(), completion.end());
    if (length > 0) packed.segments.push_back({begin, length, prefix_begin, prefix_length});
    packed.rows.push_back((length > 0 ? begin + length : prefix_begin + prefix_length) - 1);
  }
}

}  // namespace

size_t CompletionGroup::LongestTokens() const {
  size_t longest = 0;
  for (const auto& completion : completions) longest = std::max(longest, completion.size());
  return prompt.size() + longest;
}

CompletionGroup EncodeCompletions(const datasets::ChatTemplate& chat, const Messages& prompt,
                                  std::span<const std::string> completions,
                                  std::span<const Messages> leads) {
  AGON_CHECK(leads.empty() || leads.size() == completions.size(), "a lead for each completion");
  CompletionGroup group;
  group.prompt = chat.EncodePrompt(prompt);
  for (size_t i = 0; i < completions.size(); ++i) {
    Messages conversation = prompt;
    if (!leads.empty()) conversation.insert(conversation.end(), leads[i].begin(), leads[i].end());
    conversation.push_back({Role::kAssistant, completions[i]});
    datasets::Rendered rendered = chat.Render(conversation);
    // The line's end behind the stop token is part of no reply.
    while (!rendered.loss_mask.empty() && rendered.loss_mask.back() == 0) {
      rendered.loss_mask.pop_back();
    }
    AGON_CHECK(rendered.loss_mask.size() > group.prompt.size(), "a reply ends in its stop token");
    const auto begin = rendered.ids.begin();
    group.completions.emplace_back(begin + static_cast<ptrdiff_t>(group.prompt.size()),
                                   begin + static_cast<ptrdiff_t>(rendered.loss_mask.size()));
  }
  return group;
}

void AppendCompletion(CompletionGroup group, std::vector<CompletionGroup>& groups) {
  AGON_CHECK(group.completions.size() == 1);
  // A batch holds whole groups.
  const bool goes_on = !groups.empty() && groups.back().prompt == group.prompt &&
                       groups.back().completions.size() < kMaxSharers;
  if (goes_on) {
    groups.back().completions.push_back(std::move(group.completions[0]));
  } else {
    groups.push_back(std::move(group));
  }
}

std::vector<CompletionGroup> SplitGroups(std::span<const CompletionGroup> groups, int max_tokens) {
  std::vector<CompletionGroup> split;
  for (const CompletionGroup& group : groups) {
    size_t tokens = static_cast<size_t>(max_tokens);
    for (const auto& completion : group.completions) {
      tokens += TokensOf(completion);
      if (tokens > static_cast<size_t>(max_tokens)) {
        split.push_back({group.prompt, {}});
        tokens = group.prompt.size() + TokensOf(completion);
      }
      split.back().completions.push_back(completion);
    }
  }
  return split;
}

std::vector<ValueBatch> PackForValues(std::span<const CompletionGroup> groups, int max_tokens) {
  std::vector<ValueBatch> batches;
  for (const CompletionGroup& group : groups) {
    AGON_CHECK(!group.prompt.empty());
    const auto used = [&] {
      const policy::PackedBatch& packed = batches.back().packed;
      return std::max(packed.tokens.size(), packed.rows.size());
    };
    if (batches.empty() || used() + TokensOf(group) > static_cast<size_t>(max_tokens)) {
      batches.emplace_back();
    }
    Append(group, batches.back().packed);
    ++batches.back().num_groups;
  }
  return batches;
}

}  // namespace agon::judge
