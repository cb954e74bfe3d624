#include "policy/generate.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"

namespace agon::policy {
namespace {

// Prompt tokens prefilled in one forward.
constexpr int kPrefillTokens = 4096;

void CheckSampling(const Sampling& sampling) {
  if (sampling.temperature < 0 || sampling.top_k < 0 || sampling.top_p <= 0 || sampling.top_p > 1 ||
      sampling.max_rows < 1) {
    throw Error(ErrorKind::kUsage, "sampling out of range", "",
                "temperature >= 0, top_k >= 0, 0 < top_p <= 1, at least one row");
  }
}

// Prompts that are all there; keeps the completions in (prompt, sample) order.
class SpanSource final : public PromptSource {
 public:
  SpanSource(std::span<const Prompt> prompts, const TokenCallback& on_token)
      : prompts_(prompts), on_token_(on_token) {
    for (const Prompt& prompt : prompts) {
      first_.push_back(completions_.size());
      AGON_CHECK(prompt.num_samples >= 0);
      completions_.resize(completions_.size() + static_cast<size_t>(prompt.num_samples));
    }
  }

  std::optional<Prompt> Next(bool /*may_wait*/) override {
    if (next_ == prompts_.size()) return std::nullopt;
    return prompts_[next_++];
  }
  void Finish(Completion completion) override {
    const size_t place = PlaceOf(completion.prompt_idx, completion.sample);
    completions_[place] = std::move(completion);
  }
  void OnToken(int32_t prompt_idx, uint32_t sample, int32_t token) override {
    if (on_token_) on_token_(PlaceOf(prompt_idx, sample), token);
  }

  std::vector<Completion> Take() { return std::move(completions_); }
  size_t size() const { return completions_.size(); }

 private:
  size_t PlaceOf(int32_t prompt_idx, uint32_t sample) const {
    const auto p = static_cast<size_t>(prompt_idx);
    return first_[p] + (sample - prompts_[p].first_sample);
  }

  std::span<const Prompt> prompts_;
  const TokenCallback& on_token_;
  std::vector<Completion> completions_;
  std::vector<size_t> first_;  // (P) place of each prompt's first completion
  size_t next_ = 0;
};

}  // namespace

std::vector<Completion> Policy::Generate(std::span<const Prompt> prompts, const Sampling& sampling,
                                         const RngKey& key, const TokenCallback& on_token) {
  SpanSource source(prompts, on_token);
  int64_t longest = 0;
  for (const Prompt& prompt : prompts) {
    longest = std::max(longest, static_cast<int64_t>(prompt.tokens.size()) + prompt.max_new_tokens);
  }
  longest = std::min<int64_t>(longest, config().max_positions);
  Sampling fitting = sampling;
  fitting.max_rows = std::min(sampling.max_rows, std::max(1, static_cast<int>(source.size())));
  Stream(source, static_cast<int>(longest), fitting, key);
  return source.Take();
}

Generator::Generator(const ModelConfig& config, Backend& backend, Transformer& transformer)
    : config_(config), backend_(backend), transformer_(transformer) {}

void Generator::Check(const Prompt& prompt, int max_tokens) const {
  AGON_CHECK(!prompt.tokens.empty(), "a prompt has at least one token");
  AGON_CHECK(prompt.num_samples >= 0 && prompt.max_new_tokens >= 0);
  const auto length = static_cast<int64_t>(prompt.tokens.size());
  if (length + prompt.max_new_tokens > max_tokens) {
    throw Error(ErrorKind::kUsage,
                "a prompt of " + std::to_string(length) + " tokens and " +
                    std::to_string(prompt.max_new_tokens) + " new ones don't fit the context of " +
                    std::to_string(max_tokens),
                "", "shorten the prompt or lower the new-token limit");
  }
  for (int32_t token : prompt.tokens) {
    AGON_CHECK(token >= 0 && token < config_.vocab_size, "token out of the vocabulary");
  }
}

// Makes job_ a prompt with samples to start. False if none is ready.
bool Generator::TakeJob(const Request& request, bool may_wait) {
  while (!job_ || job_->num_started == job_->prompt.num_samples) {
    job_.reset();
    auto prompt = request.source.Next(may_wait);
    if (!prompt) return false;
    Check(*prompt, request.max_tokens);
    job_ = std::make_shared<Job>(Job{std::move(*prompt), num_prompts_++, 0});
  }
  return true;
}

// Starts waiting completions in free slots.
void Generator::Refill(const Request& request) {
  while (!free_slots_.empty() && TakeJob(request, rows_.empty())) {
    std::vector<std::shared_ptr<Job>> jobs;
    std::vector<Row> started;
    size_t tokens = 0;
    while (!free_slots_.empty() && TakeJob(request, /*may_wait=*/false)) {
      if (jobs.empty() || jobs.back() != job_) {
        tokens += job_->prompt.tokens.size();
        if (!jobs.empty() && tokens > kPrefillTokens) break;
        jobs.push_back(job_);
      }
      Row& row = started.emplace_back();
      row.job = job_;
      row.completion.prompt_idx = job_->prompt_idx;
      row.completion.sample =
          job_->prompt.first_sample + static_cast<uint32_t>(job_->num_started++);
      row.completion.policy_version = request.policy_version;
      row.slot = free_slots_.back();
      row.position = static_cast<int>(job_->prompt.tokens.size());
      free_slots_.pop_back();
    }
    Prefill(jobs, std::move(started));
  }
}

// A prompt is prefilled once, into the slot of the first of its samples that start here; the
// others copy it. `started` is in the order of `jobs`.
void Generator::Prefill(std::span<const std::shared_ptr<Job>> jobs, std::vector<Row> started) {
  const size_t hidden_bytes = static_cast<size_t>(config_.hidden_size) * backend_.ElementBytes();
  std::vector<std::span<const int32_t>> prompts;
  std::vector<int32_t> first_slots;
  std::vector<size_t> prompt_of_row;
  for (const Row& row : started) {
    if (prompts.size() < jobs.size() && row.job == jobs[prompts.size()]) {
      prompts.emplace_back(row.job->prompt.tokens);
      first_slots.push_back(row.slot);
    }
    prompt_of_row.push_back(prompts.size() - 1);
  }
  std::vector<char> prefilled(prompts.size() * hidden_bytes);
  transformer_.Prefill(prompts, first_slots, *cache_, prefilled.data());
  hidden_.resize((rows_.size() + started.size()) * hidden_bytes);
  for (size_t i = 0; i < started.size(); ++i) {
    const size_t p = prompt_of_row[i];
    if (started[i].slot != first_slots[p]) {
      backend_.CopySlot(*cache_, first_slots[p], started[i].slot,
                        static_cast<int>(prompts[p].size()));
    }
    std::memcpy(hidden_.data() + rows_.size() * hidden_bytes, prefilled.data() + p * hidden_bytes,
                hidden_bytes);
    rows_.push_back(std::move(started[i]));
  }
}

// Draws a token for every row and retires those that stop. Returns the tokens of the rest.
std::vector<int32_t> Generator::SampleRows(const Request& request) {
  const size_t count = rows_.size();
  std::vector<float> uniforms(count), logprobs(count);
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    const Completion& c = rows_[i].completion;
    uniforms[i] = request.key.WithTask(rows_[i].job->prompt.task)
                      .WithSample(c.sample)
                      .Uniform(static_cast<uint32_t>(c.tokens.size()));
  }
  backend_.SampleTokens(transformer_.head(), hidden_.data(), static_cast<int>(count),
                        request.sampling, uniforms.data(), tokens.data(), logprobs.data());
  const auto& stops = request.sampling.stop_token_ids;
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    Row& row = rows_[i];
    Completion& c = row.completion;
    const int limit = row.job->prompt.max_new_tokens;
    bool done = limit == 0;
    if (!done) {
      c.tokens.push_back(tokens[i]);
      c.rollout_logprobs.push_back(logprobs[i]);
      request.source.OnToken(c.prompt_idx, c.sample, tokens[i]);
      const bool stopped = std::find(stops.begin(), stops.end(), tokens[i]) != stops.end();
      if (stopped) c.finish_reason = FinishReason::kStop;
      done = stopped || static_cast<int>(c.tokens.size()) >= limit;
    }
    if (done) {
      free_slots_.push_back(row.slot);
      request.source.Finish(std::move(c));
      continue;
    }
    if (kept != i) rows_[kept] = std::move(row);
    tokens[kept++] = tokens[i];
  }
  rows_.resize(kept);
  tokens.resize(kept);
  return tokens;
}

void Generator::Run(PromptSource& source, int max_tokens, const Sampling& sampling,
                    const RngKey& key, uint64_t policy_version) {
  CheckSampling(sampling);
  const int num_slots = sampling.max_rows;
  const Request request{source, sampling, key, policy_version,
                        std::min(max_tokens, config_.max_positions)};
  // What an exception left behind is dropped here.
  rows_.clear(), free_slots_.clear(), job_.reset();
  num_prompts_ = 0;
  for (int slot = num_slots - 1; slot >= 0; --slot) free_slots_.push_back(slot);
  if (!TakeJob(request, /*may_wait=*/true)) return;
  if (!cache_ || cache_->num_slots() < num_slots || cache_->capacity() < request.max_tokens) {
    cache_.reset();
    cache_ = backend_.NewKvCache(num_slots, request.max_tokens);
  }
  std::vector<int32_t> slots, positions;
  while (true) {
    // A refill runs a prefill: worth it for several rows at once.
    const bool many_free = free_slots_.size() * 8 >= static_cast<size_t>(num_slots);
    if (many_free || rows_.empty()) Refill(request);
    if (rows_.empty()) return;
    const std::vector<int32_t> tokens = SampleRows(request);
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
