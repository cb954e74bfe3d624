#include "serve/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace agon::serve {
namespace {

using Clock = std::chrono::steady_clock;
using policy::Completion;

// Streams count prompts with 32 bits; long before they are used up another one begins.
constexpr int32_t kMaxPromptsOfStream = 1 << 30;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class Ticket final : public EngineTicket {
 public:
  void Cancel() override { is_cancelled_ = true; }
  bool is_cancelled() const { return is_cancelled_; }

 private:
  std::atomic<bool> is_cancelled_{false};
};

struct GenerateJob {
  GenerateRequest request;
  GenerateCallbacks callbacks;
  std::shared_ptr<Ticket> ticket;
  int num_left = 0;  // samples that haven't ended
  bool has_token = false;
  Clock::time_point begin = Clock::now();

  void End(std::exception_ptr error) const {
    if (callbacks.on_end) callbacks.on_end(std::move(error));
  }
};

struct ScoreJob {
  ScoreRequest request;
  ScoreCallback callback;
  std::shared_ptr<Ticket> ticket;
};

struct EngineMetrics {
  EngineMetrics(net::Metrics& metrics, const std::string& name)
      : prompt_tokens(metrics.AddCounter("agon_engine_prompt_tokens_total", "Prompt tokens taken.",
                                         {{"model", name}})),
        sampled_tokens(metrics.AddCounter("agon_engine_sampled_tokens_total", "Tokens sampled.",
                                          {{"model", name}})),
        scored_tokens(metrics.AddCounter("agon_engine_scored_tokens_total", "Tokens scored.",
                                         {{"model", name}})),
        waiting(metrics.AddGauge("agon_engine_waiting_requests",
                                 "Requests that wait for a row or to be scored.",
                                 {{"model", name}})),
        running(metrics.AddGauge("agon_engine_running_requests", "Requests that decode.",
                                 {{"model", name}})),
        first_token(metrics.AddHistogram("agon_engine_first_token_seconds",
                                         "From a request to its first token.", {{"model", name}})) {
  }

  net::Counter& prompt_tokens;
  net::Counter& sampled_tokens;
  net::Counter& scored_tokens;
  net::Gauge& waiting;
  net::Gauge& running;
  net::Histogram& first_token;
};

// The waiting requests that fit one pass, as one batch.
policy::PackedBatch PackScores(const std::vector<ScoreJob>& jobs) {
  policy::PackedBatch batch;
  batch.temperature = jobs[0].request.temperature;
  for (const ScoreJob& job : jobs) {
    const auto base = static_cast<int32_t>(batch.tokens.size());
    const auto& tokens = job.request.tokens;
    batch.num_top = std::max(batch.num_top, job.request.num_top);
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.segments.push_back({base, static_cast<int32_t>(tokens.size()), 0, 0});
    for (auto i = static_cast<size_t>(job.request.begin); i < tokens.size(); ++i) {
      batch.rows.push_back(base + static_cast<int32_t>(i) - 1);
      batch.targets.push_back(tokens[i]);
    }
  }
  return batch;
}

// A part of the scores of a batch, with fewer alternatives per token.
policy::TokenScores PartOf(const policy::TokenScores& all, size_t begin, size_t count,
                           size_t num_top) {
  const auto cut = [&](const auto& list, size_t from, size_t length) {
    const auto first = list.begin() + static_cast<std::ptrdiff_t>(from);
    return std::decay_t<decltype(list)>(first, first + static_cast<std::ptrdiff_t>(length));
  };
  policy::TokenScores part{cut(all.logprobs, begin, count), cut(all.entropies, begin, count), {}};
  const size_t stride = all.logprobs.empty() ? 0 : all.top.size() / all.logprobs.size();
  for (size_t i = 0; i < count && num_top > 0; ++i) {
    const auto top = cut(all.top, (begin + i) * stride, std::min(num_top, stride));
    part.top.insert(part.top.end(), top.begin(), top.end());
  }
  return part;
}

}  // namespace

class Engine::Impl final : public policy::PromptSource {
 public:
  Impl(std::unique_ptr<policy::Policy> policy, EngineOptions options)
      : options_(std::move(options)),
        policy_(std::move(policy)),
        metrics_(options_.metrics ? *options_.metrics : own_metrics_, options_.name) {
    const int longest = policy_->config().max_positions;
    context_tokens_ =
        options_.context_tokens > 0 ? std::min(options_.context_tokens, longest) : longest;
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  std::shared_ptr<EngineTicket> Submit(EngineWork work) {
    const size_t size = work.size();
    const auto ticket = std::make_shared<Ticket>();
    std::vector<std::shared_ptr<GenerateJob>> to_generate;
    std::vector<ScoreJob> to_score;
    for (EngineWork::Generation& generation : work.generations) {
      to_generate.push_back(JobOf(std::move(generation), ticket));
    }
    for (EngineWork::Scoring& scoring : work.scorings) {
      to_score.push_back(JobOf(std::move(scoring), ticket));
    }
    const std::lock_guard lock(mutex_);
    if (is_over_ || waiting_.size() + to_score_.size() + size > options_.max_waiting) {
      return nullptr;
    }
    std::move(to_generate.begin(), to_generate.end(), std::back_inserter(waiting_));
    std::move(to_score.begin(), to_score.end(), std::back_inserter(to_score_));
    CountWaiting();
    changed_.notify_all();
    return ticket;
  }

  const policy::Policy& policy() const { return *policy_; }
  int context_tokens() const { return context_tokens_; }
  size_t max_waiting() const { return options_.max_waiting; }

  // --- by the stream, on the engine's thread ---------------------------------------------
  std::optional<policy::Prompt> Next(bool may_wait) override {
    while (true) {
      std::unique_lock lock(mutex_);
      const auto has_work = [&] { return is_over_ || !waiting_.empty() || !to_score_.empty(); };
      if (may_wait) changed_.wait(lock, has_work);
      if (is_over_ || num_prompts_ >= kMaxPromptsOfStream) return std::nullopt;
      if (waiting_.empty()) {
        if (!may_wait) return std::nullopt;
        lock.unlock();
        ScoreSome();
        continue;
      }
      auto job = std::move(waiting_.front());
      waiting_.pop_front();
      CountWaiting();
      lock.unlock();
      if (!job->ticket->is_cancelled()) return Begin(std::move(job));
      job->End(nullptr);
    }
  }

  void BeforeStep() override { ScoreSome(); }

  bool OnToken(const Completion& so_far) override {
    GenerateJob& job = *running_.at(so_far.prompt_idx);
    metrics_.sampled_tokens.Add();
    if (!std::exchange(job.has_token, true)) {
      metrics_.first_token.Observe(SecondsSince(job.begin));
    }
    if (is_over_ || job.ticket->is_cancelled()) return false;
    return !job.callbacks.on_token || job.callbacks.on_token(so_far);
  }

  void Finish(Completion completion) override {
    const auto found = running_.find(completion.prompt_idx);
    const std::shared_ptr<GenerateJob> job = found->second;
    if (--job->num_left == 0) {
      running_.erase(found);
      metrics_.running.Set(static_cast<double>(running_.size()));
    }
    const bool is_wanted = !job->ticket->is_cancelled() && !is_over_;
    if (is_wanted && job->callbacks.on_completion) {
      job->callbacks.on_completion(std::move(completion));
    }
    if (job->num_left == 0) job->End(nullptr);
  }

 private:
  void Check(const std::vector<int32_t>& tokens, int max_new_tokens) const {
    const int64_t total = static_cast<int64_t>(tokens.size()) + max_new_tokens;
    if (tokens.empty()) throw Error(ErrorKind::kUsage, "the prompt has no token", "prompt");
    if (total > context_tokens_) {
      throw Error(ErrorKind::kUsage,
                  std::to_string(tokens.size()) + " tokens and " + std::to_string(max_new_tokens) +
                      " new ones don't fit the context of " + std::to_string(context_tokens_),
                  "prompt", "shorten the prompt or ask for fewer tokens");
    }
    for (const int32_t token : tokens) {
      if (token >= 0 && token < policy_->config().vocab_size) continue;
      throw Error(ErrorKind::kUsage,
                  "token id " + std::to_string(token) + " is out of the vocabulary of " +
                      std::to_string(policy_->config().vocab_size),
                  "prompt");
    }
  }

  std::shared_ptr<GenerateJob> JobOf(EngineWork::Generation generation,
                                     const std::shared_ptr<Ticket>& ticket) const {
    const GenerateRequest& request = generation.request;
    Check(request.prompt, request.max_new_tokens);
    policy::CheckSampling(request.sampling);
    if (request.max_new_tokens < 0 || request.num_samples < 1) {
      throw Error(ErrorKind::kUsage, "no tokens or samples to generate", "",
                  "at least one sample of 0 or more tokens");
    }
    auto job = std::make_shared<GenerateJob>();
    job->num_left = request.num_samples;
    job->request = std::move(generation.request);
    job->callbacks = std::move(generation.callbacks);
    job->ticket = ticket;
    return job;
  }

  ScoreJob JobOf(EngineWork::Scoring scoring, const std::shared_ptr<Ticket>& ticket) const {
    Check(scoring.request.tokens, 0);
    policy::CheckSampling({.temperature = scoring.request.temperature});
    if (scoring.request.begin < 1 || scoring.request.num_top < 0 ||
        scoring.request.temperature == 0) {
      throw Error(ErrorKind::kUsage, "scoring out of range", "",
                  "the first token can't be scored; temperature > 0");
    }
    return {std::move(scoring.request), std::move(scoring.callback), ticket};
  }

  // The caller holds the mutex.
  void CountWaiting() {
    metrics_.waiting.Set(static_cast<double>(waiting_.size() + to_score_.size()));
  }

  void Run() {
    policy::Sampling sampling;
    sampling.max_rows = options_.max_rows;
    const RngKey key{.run_seed = 0, .stream = RngStream::kSample};
    while (true) {
      std::exception_ptr error;
      try {
        num_prompts_ = 0;
        policy_->Stream(*this, context_tokens_, sampling, key);
      } catch (...) {
        error = std::current_exception();
      }
      FailAll(error);
      const std::lock_guard lock(mutex_);
      if (is_over_) return;
    }
  }

  policy::Prompt Begin(std::shared_ptr<GenerateJob> job) {
    policy::Prompt prompt;
    prompt.tokens = job->request.prompt;
    prompt.max_new_tokens = job->request.max_new_tokens;
    prompt.task = job->request.seed;
    prompt.num_samples = job->request.num_samples;
    prompt.sampling = job->request.sampling;
    metrics_.prompt_tokens.Add(prompt.tokens.size());
    running_.emplace(num_prompts_++, std::move(job));
    metrics_.running.Set(static_cast<double>(running_.size()));
    return prompt;
  }

  std::vector<ScoreJob> TakeScores() {
    const std::lock_guard lock(mutex_);
    std::vector<ScoreJob> jobs;
    size_t num_tokens = 0;
    while (!to_score_.empty()) {
      const ScoreRequest& next = to_score_.front().request;
      num_tokens += next.tokens.size();
      const bool fits = jobs.empty() || (num_tokens <= static_cast<size_t>(options_.score_tokens) &&
                                         next.temperature == jobs[0].request.temperature);
      if (!fits) break;
      jobs.push_back(std::move(to_score_.front()));
      to_score_.pop_front();
    }
    CountWaiting();
    return jobs;
  }

  void ScoreSome() {
    std::vector<ScoreJob> jobs = TakeScores();
    std::erase_if(jobs, [](const ScoreJob& job) {
      const bool is_cancelled = job.ticket->is_cancelled();
      if (is_cancelled) job.callback({}, nullptr);
      return is_cancelled;
    });
    if (jobs.empty()) return;
    policy::TokenScores scores;
    try {
      scores = policy_->ScoreOnly(PackScores(jobs));
    } catch (...) {
      for (const ScoreJob& job : jobs) job.callback({}, std::current_exception());
      return;
    }
    metrics_.scored_tokens.Add(scores.logprobs.size());
    size_t begin = 0;
    for (const ScoreJob& job : jobs) {
      const size_t count =
          job.request.tokens.size() -
          std::min(job.request.tokens.size(), static_cast<size_t>(job.request.begin));
      job.callback(PartOf(scores, begin, count, static_cast<size_t>(job.request.num_top)), nullptr);
      begin += count;
    }
  }

  // What the stream left behind: it failed, or the engine ends.
  void FailAll(const std::exception_ptr& error) {
    auto running = std::exchange(running_, {});
    for (const auto& [prompt_idx, job] : running) job->End(error);
    std::deque<std::shared_ptr<GenerateJob>> waiting;
    std::deque<ScoreJob> to_score;
    {
      const std::lock_guard lock(mutex_);
      if (!is_over_) return;
      waiting.swap(waiting_);
      to_score.swap(to_score_);
    }
    for (const auto& job : waiting) job->End(nullptr);
    for (const ScoreJob& job : to_score) job.callback({}, nullptr);
  }

  const EngineOptions options_;
  const std::unique_ptr<policy::Policy> policy_;
  net::Metrics own_metrics_;  // counts for nobody
  EngineMetrics metrics_;
  int context_tokens_ = 0;

  // Of the engine's thread.
  std::unordered_map<int32_t, std::shared_ptr<GenerateJob>> running_;  // by prompt_idx
  int32_t num_prompts_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<GenerateJob>> waiting_;
  std::deque<ScoreJob> to_score_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

Engine::Engine(std::unique_ptr<policy::Policy> policy, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(policy), std::move(options))) {}
Engine::~Engine() = default;

std::shared_ptr<EngineTicket> Engine::Submit(EngineWork work) {
  return impl_->Submit(std::move(work));
}

std::shared_ptr<EngineTicket> Engine::Generate(GenerateRequest request,
                                               GenerateCallbacks callbacks) {
  EngineWork work;
  work.generations.push_back({std::move(request), std::move(callbacks)});
  return Submit(std::move(work));
}

std::shared_ptr<EngineTicket> Engine::Score(ScoreRequest request, ScoreCallback callback) {
  EngineWork work;
  work.scorings.push_back({std::move(request), std::move(callback)});
  return Submit(std::move(work));
}

const policy::ModelConfig& Engine::config() const { return impl_->policy().config(); }
int Engine::context_tokens() const { return impl_->context_tokens(); }
size_t Engine::max_waiting() const { return impl_->max_waiting(); }

}  // namespace agon::serve
