#include "policy/generate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "core/error.h"

namespace agon::policy {
namespace {

// Steps that a prompt waits for others, so that several are prefilled together.
constexpr int kMaxStepsToWait = 8;

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
  bool OnToken(const Completion& so_far) override {
    if (on_token_) on_token_(PlaceOf(so_far.prompt_idx, so_far.sample), so_far.tokens.back());
    return true;
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

void CheckSampling(const Sampling& sampling) {
  const float t = sampling.temperature;
  const bool is_temperature = t == 0 || (std::isfinite(t) && t >= kLowestTemperature);
  // A comparison with NaN is false.
  const bool is_top_p = sampling.top_p > 0 && sampling.top_p <= 1;
  if (is_temperature && is_top_p && sampling.top_k >= 0 && sampling.num_top >= 0 &&
      sampling.max_rows >= 1 && sampling.tokens_at_once >= 0) {
    return;
  }
  throw Error(ErrorKind::kUsage, "sampling out of range", "",
              "temperature 0 or at least 0.0001, top_k >= 0, 0 < top_p <= 1, num_top >= 0, at "
              "least one row, tokens_at_once >= 0");
}

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
    : config_(config),
      backend_(backend),
      transformer_(transformer),
      memory_(backend.NewMemory("rows that are decoded")),
      top_memory_(backend.NewMemory("rows that are decoded")),
      gathered_rows_(backend, "rows that are decoded"),
      window_(backend) {}

void Generator::Check(const Prompt& prompt, int max_tokens) const {
  AGON_CHECK(!prompt.tokens.empty(), "a prompt has at least one token");
  AGON_CHECK(prompt.num_samples >= 0 && prompt.max_new_tokens >= 0);
  if (prompt.sampling) CheckSampling(*prompt.sampling);
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

// What was kept of the conversation that `job` continues, if it is still there.
bool Generator::Resume(const Job& job, Row& row) {
  if (!job.prompt.continues) return false;
  const auto kept = kept_.find(*job.prompt.continues);
  if (kept == kept_.end()) return false;
  const bool fits = kept->second.length < static_cast<int>(job.prompt.tokens.size());
  if (fits) {
    row.slot = kept->second.slot;
    row.position = kept->second.length;
  } else {
    free_slots_.push_back(kept->second.slot);
  }
  kept_.erase(kept);
  return fits;
}

// Gives back the slots of conversations that are over.
void Generator::Release(const Request& request) {
  for (const CompletionId id : request.source.TakeEnded()) {
    const auto kept = kept_.find(id);
    if (kept == kept_.end()) continue;
    free_slots_.push_back(kept->second.slot);
    kept_.erase(kept);
  }
}

// Starts waiting completions: those that continue take up what was kept, others need a free
// slot and a prefill, which is worth it for several rows at once: where few slots are free they
// wait, but not for long.
void Generator::Refill(const Request& request) {
  Release(request);
  const bool may_prefill =
      rows_.empty() || free_slots_.size() * 8 >= static_cast<size_t>(request.sampling.max_rows) ||
      steps_waited_ >= kMaxStepsToWait;
  bool waits = false;
  for (bool is_full = true; is_full;) {
    is_full = false;
    std::vector<std::shared_ptr<Job>> jobs;
    std::vector<Row> started;
    size_t tokens = 0;
    while (TakeJob(request, /*may_wait=*/rows_.empty() && started.empty())) {
      Row row;
      row.job = job_;
      row.completion.prompt_idx = job_->prompt_idx;
      row.completion.sample = job_->prompt.first_sample + static_cast<uint32_t>(job_->num_started);
      row.completion.policy_version = request.policy_version;
      if (Resume(*job_, row)) {
        ++job_->num_started;
        rows_.push_back(std::move(row));
        continue;
      }
      if (rows_.empty() && started.empty() && free_slots_.empty()) {
        // All slots are kept for conversations that wait: one of them is computed again.
        free_slots_.push_back(kept_.begin()->second.slot);
        kept_.erase(kept_.begin());
      }
      waits = !may_prefill && !free_slots_.empty();
      if (!may_prefill || free_slots_.empty()) break;
      if (jobs.empty() || jobs.back() != job_) {
        tokens += job_->prompt.tokens.size();
        is_full = !jobs.empty() && tokens > kPrefillTokens;
        if (is_full) break;
        jobs.push_back(job_);
      }
      ++job_->num_started;
      row.slot = free_slots_.back();
      row.position = static_cast<int>(job_->prompt.tokens.size());
      free_slots_.pop_back();
      started.push_back(std::move(row));
    }
    if (!started.empty()) Prefill(jobs, std::move(started));
  }
  steps_waited_ = waits ? steps_waited_ + last_steps_ : 0;
}

// A prompt is prefilled once, into the slot of the first of its samples that start here; the
// others copy it. `started` is in the order of `jobs`.
void Generator::Prefill(std::span<const std::shared_ptr<Job>> jobs, std::vector<Row> started) {
  std::vector<std::span<const int32_t>> prompts;
  std::vector<int32_t> first_slots, prompt_of_row;
  for (const Row& row : started) {
    if (prompts.size() < jobs.size() && row.job == jobs[prompts.size()]) {
      prompts.emplace_back(row.job->prompt.tokens);
      first_slots.push_back(row.slot);
    }
    prompt_of_row.push_back(static_cast<int32_t>(prompts.size()) - 1);
  }
  transformer_.Prefill(prompts, first_slots, *cache_, gathered_);
  gathered_rows_.Send({prompt_of_row});
  backend_.GatherRows(gathered_, gathered_rows_[0], static_cast<int>(started.size()),
                      config_.hidden_size, hidden_ + rows_.size() * HiddenBytes());
  for (size_t i = 0; i < started.size(); ++i) {
    const auto p = static_cast<size_t>(prompt_of_row[i]);
    if (started[i].slot != first_slots[p]) {
      backend_.CopySlot(*cache_, first_slots[p], started[i].slot,
                        static_cast<int>(prompts[p].size()));
    }
    rows_.push_back(std::move(started[i]));
  }
}

// For every row whose prompt is fed. Those of one Sampling are drawn together; most often that
// is all.
Generator::Drawn Generator::Draw(const Request& request) {
  using Kind = std::tuple<float, int, float, int>;
  std::map<Kind, std::vector<int32_t>> groups;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i].IsSampled()) continue;
    const Sampling& s = SamplingOf(request, rows_[i]);
    groups[{s.temperature, s.top_k, s.top_p, s.num_top}].push_back(static_cast<int32_t>(i));
  }
  Drawn drawn{std::vector<int32_t>(rows_.size()), std::vector<float>(rows_.size()),
              std::vector<std::vector<TokenLogprob>>(rows_.size())};
  for (const auto& [kind, rows] : groups) DrawGroup(request, rows, drawn);
  return drawn;
}

// For `rows`, indexes of rows_ in order, that have one Sampling.
void Generator::DrawGroup(const Request& request, std::span<const int32_t> rows, Drawn& drawn) {
  const int count = static_cast<int>(rows.size());
  const char* hidden = hidden_;
  if (rows.size() < rows_.size()) {
    gathered_rows_.Send({rows});
    backend_.GatherRows(hidden_, gathered_rows_[0], count, config_.hidden_size, gathered_);
    hidden = gathered_;
  }
  std::vector<float> uniforms;
  for (const int32_t i : rows) {
    const Row& row = rows_[static_cast<size_t>(i)];
    uniforms.push_back(request.key.WithTask(row.job->prompt.task)
                           .WithSample(row.completion.sample)
                           .Uniform(static_cast<uint32_t>(row.completion.tokens.size())));
  }
  const Sampling& sampling = SamplingOf(request, rows_[static_cast<size_t>(rows[0])]);
  const size_t bytes = rows.size() * sizeof(float);
  backend_.Upload(uniforms_, uniforms.data(), bytes);
  backend_.SampleTokens(transformer_.head(), hidden, count, sampling, uniforms_,
                        reinterpret_cast<int32_t*>(drawn_),
                        reinterpret_cast<float*>(drawn_ + bytes));
  const auto num_top = static_cast<size_t>(std::min(sampling.num_top, config_.vocab_size));
  std::vector<TokenLogprob> top(rows.size() * num_top);
  if (num_top > 0) {
    const size_t top_bytes = top.size() * sizeof(TokenLogprob);
    auto* found = reinterpret_cast<TokenLogprob*>(top_memory_->Get(top_bytes));
    backend_.TopTokens(transformer_.head(), hidden, count,
                       sampling.temperature > 0 ? sampling.temperature : 1.0f,
                       static_cast<int>(num_top), found);
    backend_.Download(top.data(), found, top_bytes);
  }
  std::vector<char> numbers(2 * bytes);
  backend_.Download(numbers.data(), drawn_, numbers.size());
  const auto* tokens = reinterpret_cast<const int32_t*>(numbers.data());
  const auto* logprobs = reinterpret_cast<const float*>(numbers.data() + bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<size_t>(rows[i]);
    drawn.tokens[row] = tokens[i];
    drawn.logprobs[row] = logprobs[i];
    const auto begin = top.begin() + static_cast<std::ptrdiff_t>(i * num_top);
    drawn.top[row].assign(begin, begin + static_cast<std::ptrdiff_t>(num_top));
  }
}

// The next token of every row: the prompt's where it isn't fed yet, else one drawn. Rows that
// stop are retired; returns the tokens of the rest.
std::vector<int32_t> Generator::NextTokens(const Request& request) {
  const Drawn drawn = Draw(request);
  std::vector<int32_t> tokens;
  size_t kept = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    int32_t token = 0;
    if (row.IsSampled()) {
      token = drawn.tokens[i];
      if (row.job->prompt.max_new_tokens == 0) {
        row.has_ended = true;
      } else {
        AppendToken(request, token, drawn.logprobs[i], drawn.top[i], row);
      }
      if (row.has_ended) {
        Retire(request, row);
        continue;
      }
    } else {
      token = row.job->prompt.tokens[static_cast<size_t>(row.position)];
    }
    tokens.push_back(token);
    if (&row != &rows_[kept]) rows_[kept] = std::move(row);
    ++kept;
  }
  rows_.resize(kept);
  return tokens;
}

void Generator::Retire(const Request& request, Row& row) {
  if (row.job->prompt.may_continue) {
    kept_[{row.completion.prompt_idx, row.completion.sample}] = {row.slot, row.position};
  } else {
    free_slots_.push_back(row.slot);
  }
  request.source.Finish(std::move(row.completion));
}

void Generator::Run(PromptSource& source, int max_tokens, const Sampling& sampling,
                    const RngKey& key, uint64_t policy_version) {
  CheckSampling(sampling);
  const int tokens_at_once =
      sampling.tokens_at_once > 0 ? sampling.tokens_at_once : backend_.StepsAtOnce();
  const int num_slots = NumSlots(sampling.max_rows, tokens_at_once);
  const Request request{
      source,        sampling, key, policy_version, std::min(max_tokens, config_.max_positions),
      tokens_at_once};
  // What an exception left behind is dropped here.
  rows_.clear(), free_slots_.clear(), kept_.clear(), job_.reset();
  num_prompts_ = steps_waited_ = 0;
  last_steps_ = 1;
  for (int slot = num_slots - 1; slot >= 0; --slot) free_slots_.push_back(slot);
  if (!TakeJob(request, /*may_wait=*/true)) return;
  if (!cache_ || cache_->num_slots() < num_slots || cache_->capacity() < request.max_tokens) {
    if (is_planned_) FailBeyondPlan(num_slots, request.max_tokens);
    MakeCache(num_slots, request.max_tokens);
  }
  ReserveMemory(num_slots);
  while (true) {
    source.BeforeStep();
    Refill(request);
    if (rows_.empty()) return;
    last_steps_ = StepsAtOnce(request);
    if (last_steps_ > 1) {
      TakeSteps(request, last_steps_);
    } else {
      Step(request);
    }
  }
}

// One token for each row.
void Generator::Step(const Request& request) {
  const std::vector<int32_t> tokens = NextTokens(request);
  if (tokens.empty()) return;
  std::vector<int32_t> slots, positions;
  for (Row& row : rows_) {
    slots.push_back(row.slot);
    positions.push_back(row.position++);
  }
  transformer_.Decode(tokens, slots, positions, *cache_, hidden_);
}

}  // namespace agon::policy
