#include "policy/generate.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/error.h"

namespace agon::policy {
namespace {

// Prompt tokens prefilled in one forward.
constexpr int kPrefillTokens = 4096;

}  // namespace

// Completions that wait, in (prompt, sample) order.
class Generator::Queue {
 public:
  explicit Queue(std::span<const Prompt> prompts) : prompts_(prompts) { SkipEmpty(); }

  bool empty() const { return prompt_ == prompts_.size(); }
  size_t prompt() const { return prompt_; }
  size_t completion_idx() const { return next_completion_; }
  int remaining_of_prompt() const { return prompts_[prompt_].num_samples - sample_; }
  void Pop() {
    ++next_completion_;
    ++sample_;
    SkipEmpty();
  }

 private:
  void SkipEmpty() {
    while (prompt_ < prompts_.size() && sample_ == prompts_[prompt_].num_samples) {
      ++prompt_;
      sample_ = 0;
    }
  }

  std::span<const Prompt> prompts_;
  size_t prompt_ = 0, next_completion_ = 0;
  int sample_ = 0;
};

Generator::Generator(const ModelConfig& config, Backend& backend, Transformer& transformer)
    : config_(config), backend_(backend), transformer_(transformer) {}

void Generator::Check(std::span<const Prompt> prompts, const Sampling& sampling) const {
  for (const Prompt& prompt : prompts) {
    AGON_CHECK(!prompt.tokens.empty(), "a prompt has at least one token");
    AGON_CHECK(prompt.num_samples >= 0 && prompt.max_new_tokens >= 0);
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    if (length + prompt.max_new_tokens > config_.max_positions) {
      throw Error(ErrorKind::kUsage,
                  "a prompt of " + std::to_string(length) + " tokens and " +
                      std::to_string(prompt.max_new_tokens) +
                      " new ones don't fit the context of " + std::to_string(config_.max_positions),
                  "", "shorten the prompt or lower the new-token limit");
    }
    for (int32_t token : prompt.tokens) {
      AGON_CHECK(token >= 0 && token < config_.vocab_size, "token out of the vocabulary");
    }
  }
  if (sampling.temperature < 0 || sampling.top_k < 0 || sampling.top_p <= 0 || sampling.top_p > 1 ||
      sampling.max_rows < 1) {
    throw Error(ErrorKind::kUsage, "sampling out of range", "",
                "temperature >= 0, top_k >= 0, 0 < top_p <= 1, at least one row");
  }
}

// Starts waiting completions in free slots. A prompt is prefilled once, into the slot of the
// first of its samples that start here; the others copy it.
void Generator::Refill(std::span<const Prompt> prompts, Queue& queue,
                       std::vector<int>& free_slots) {
  const size_t hidden_bytes = static_cast<size_t>(config_.hidden_size) * backend_.ElementBytes();
  while (!queue.empty() && !free_slots.empty()) {
    std::vector<std::span<const int32_t>> to_fill;
    std::vector<int32_t> first_slots;
    std::vector<Row> started;
    std::vector<size_t> prompt_of_row;
    size_t tokens = 0, last_prompt = SIZE_MAX;
    while (!queue.empty() && !free_slots.empty()) {
      const Prompt& prompt = prompts[queue.prompt()];
      const bool is_first = queue.prompt() != last_prompt;
      if (is_first && !to_fill.empty() && tokens + prompt.tokens.size() > kPrefillTokens) break;
      const int slot = free_slots.back();
      free_slots.pop_back();
      if (is_first) {
        last_prompt = queue.prompt();
        tokens += prompt.tokens.size();
        to_fill.emplace_back(prompt.tokens);
        first_slots.push_back(slot);
      }
      started.push_back({queue.completion_idx(), slot, static_cast<int>(prompt.tokens.size())});
      prompt_of_row.push_back(to_fill.size() - 1);
      queue.Pop();
    }
    std::vector<char> prefilled(to_fill.size() * hidden_bytes);
    transformer_.Prefill(to_fill, first_slots, *cache_, prefilled.data());
    for (size_t i = 0; i < started.size(); ++i) {
      const size_t p = prompt_of_row[i];
      if (started[i].slot != first_slots[p]) {
        backend_.CopySlot(*cache_, first_slots[p], started[i].slot,
                          static_cast<int>(to_fill[p].size()));
      }
      hidden_.resize((rows_.size() + 1) * hidden_bytes);
      std::memcpy(hidden_.data() + rows_.size() * hidden_bytes, prefilled.data() + p * hidden_bytes,
                  hidden_bytes);
      rows_.push_back(started[i]);
    }
  }
}

// Draws a token for every row and retires those that stop. Returns the tokens of the rest.
std::vector<int32_t> Generator::SampleRows(std::span<const Prompt> prompts,
                                           const Sampling& sampling, const RngKey& key,
                                           const TokenCallback& on_token,
                                           std::vector<Completion>& completions,
                                           std::vector<int>& free_slots) {
  const size_t count = rows_.size();
  std::vector<float> uniforms(count), logprobs(count);
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    const Completion& c = completions[rows_[i].completion_idx];
    uniforms[i] = key.WithTask(prompts[static_cast<size_t>(c.prompt_idx)].task)
                      .WithSample(c.sample)
                      .Uniform(static_cast<uint32_t>(c.tokens.size()));
  }
  backend_.SampleTokens(transformer_.head(), hidden_.data(), static_cast<int>(count), sampling,
                        uniforms.data(), tokens.data(), logprobs.data());
  const auto& stops = sampling.stop_token_ids;
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    Completion& c = completions[rows_[i].completion_idx];
    const int limit = prompts[static_cast<size_t>(c.prompt_idx)].max_new_tokens;
    bool done = limit == 0;
    if (!done) {
      c.tokens.push_back(tokens[i]);
      c.rollout_logprobs.push_back(logprobs[i]);
      if (on_token) on_token(rows_[i].completion_idx, tokens[i]);
      const bool stopped = std::find(stops.begin(), stops.end(), tokens[i]) != stops.end();
      if (stopped) c.finish_reason = FinishReason::kStop;
      done = stopped || static_cast<int>(c.tokens.size()) >= limit;
    }
    if (done) {
      free_slots.push_back(rows_[i].slot);
    } else {
      rows_[kept] = rows_[i];
      tokens[kept++] = tokens[i];
    }
  }
  rows_.resize(kept);
  tokens.resize(kept);
  return tokens;
}

std::vector<Completion> Generator::Run(std::span<const Prompt> prompts, const Sampling& sampling,
                                       const RngKey& key, uint64_t policy_version,
                                       const TokenCallback& on_token) {
  Check(prompts, sampling);
  std::vector<Completion> completions;
  int longest = 0;
  for (size_t p = 0; p < prompts.size(); ++p) {
    longest =
        std::max(longest, static_cast<int>(prompts[p].tokens.size()) + prompts[p].max_new_tokens);
    for (int g = 0; g < prompts[p].num_samples; ++g) {
      Completion& completion = completions.emplace_back();
      completion.prompt_idx = static_cast<int32_t>(p);
      completion.sample = prompts[p].first_sample + static_cast<uint32_t>(g);
      completion.policy_version = policy_version;
    }
  }
  const int num_slots = static_cast<int>(
      std::min<size_t>(completions.size(), static_cast<size_t>(sampling.max_rows)));
  if (num_slots == 0) return completions;
  if (!cache_ || cache_->num_slots() < num_slots || cache_->capacity() < longest) {
    cache_.reset();
    cache_ = backend_.NewKvCache(num_slots, longest);
  }

  std::vector<int> free_slots;
  for (int slot = num_slots - 1; slot >= 0; --slot) free_slots.push_back(slot);
  Queue queue(prompts);
  rows_.clear();
  std::vector<int32_t> slots, positions;
  while (true) {
    // A refill runs a prefill: worth it for several rows at once.
    const bool many_free = free_slots.size() * 8 >= static_cast<size_t>(num_slots);
    if (!queue.empty() && (many_free || rows_.empty())) Refill(prompts, queue, free_slots);
    if (rows_.empty()) return completions;
    const std::vector<int32_t> tokens =
        SampleRows(prompts, sampling, key, on_token, completions, free_slots);
    if (tokens.empty()) continue;
    slots.clear(), positions.clear();
    for (Row& row : rows_) {
      slots.push_back(row.slot);
      positions.push_back(row.position++);
    }
    hidden_.resize(rows_.size() * static_cast<size_t>(config_.hidden_size) *
                   backend_.ElementBytes());
    transformer_.Decode(tokens, slots, positions, *cache_, hidden_.data());
  }
}

}  // namespace agon::policy
