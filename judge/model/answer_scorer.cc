#include "judge/model/answer_scorer.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

// Tokens of one forward pass: enough to keep matrix products busy, few enough to answer soon.
constexpr size_t kMaxBatchTokens = 8192;
// A shorter common beginning isn't worth a segment.
constexpr size_t kMinSharedTokens = 16;

// How much all prompts begin with together, leaving each at least one token of its own.
template <typename Requests>
size_t SharedTokens(const Requests& batch) {
  if (batch.size() < 2) return 0;
  size_t shared = batch[0].prompt.size();
  for (const auto& request : batch) {
    const auto& prompt = request.prompt;
    const auto end = prompt.begin() + static_cast<ptrdiff_t>(std::min(shared, prompt.size() - 1));
    shared = static_cast<size_t>(std::mismatch(prompt.begin(), end, batch[0].prompt.begin()).first -
                                 prompt.begin());
  }
  return shared < kMinSharedTokens ? 0 : shared;
}

}  // namespace

AnswerScorer::AnswerScorer(policy::Policy& policy) : policy_(policy), thread_([this] { Work(); }) {}

AnswerScorer::~AnswerScorer() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::vector<float> AnswerScorer::Logprobs(std::vector<int32_t> prompt,
                                          std::vector<int32_t> answers) {
  AGON_CHECK(!prompt.empty() && !answers.empty());
  const auto longest = static_cast<size_t>(policy_.config().max_positions);
  if (prompt.size() > longest) {
    throw Error(ErrorKind::kCorrupt, "the prompt of " + std::to_string(prompt.size()) +
                                         " tokens doesn't fit the judge's context of " +
                                         std::to_string(longest));
  }
  std::future<std::vector<float>> result;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(prompt), std::move(answers), {}});
    result = waiting_.back().result.get_future();
  }
  changed_.notify_one();
  return result.get();
}

std::vector<AnswerScorer::Request> AnswerScorer::TakeBatch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return is_stopping_ || !waiting_.empty(); });
  std::vector<Request> batch;
  size_t tokens = 0;
  while (!waiting_.empty() && !is_stopping_) {
    tokens += waiting_.front().prompt.size();
    if (!batch.empty() && tokens > kMaxBatchTokens) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return batch;
}

void AnswerScorer::ScoreBatch(std::vector<Request>& batch) {
  policy::PackedBatch packed;
  const size_t shared = SharedTokens(batch);
  if (shared > 0) {
    packed.tokens.assign(batch[0].prompt.begin(),
                         batch[0].prompt.begin() + static_cast<ptrdiff_t>(shared));
    packed.segments.push_back({0, static_cast<int32_t>(shared), 0, 0});
  }
  for (const Request& request : batch) {
    const auto begin = static_cast<int32_t>(packed.tokens.size());
    packed.tokens.insert(packed.tokens.end(),
                         request.prompt.begin() + static_cast<ptrdiff_t>(shared),
                         request.prompt.end());
    const auto end = static_cast<int32_t>(packed.tokens.size());
    packed.segments.push_back({begin, end - begin, 0, static_cast<int32_t>(shared)});
    for (const int32_t answer : request.answers) {
      packed.rows.push_back(end - 1);
      packed.targets.push_back(answer);
    }
  }
  const policy::TokenScores scores = policy_.ScoreOnly(packed);
  auto next = scores.logprobs.begin();
  for (Request& request : batch) {
    const auto end = next + static_cast<ptrdiff_t>(request.answers.size());
    request.result.set_value({next, end});
    next = end;
  }
}

void AnswerScorer::Work() {
  for (;;) {
    std::vector<Request> batch = TakeBatch();
    if (batch.empty()) break;
    try {
      ScoreBatch(batch);
    } catch (...) {
      // Score fails before any result is set.
      for (Request& request : batch) request.result.set_exception(std::current_exception());
    }
  }
  const std::lock_guard lock(mutex_);
  for (Request& request : waiting_) {
    request.result.set_exception(
        std::make_exception_ptr(Error(ErrorKind::kFailed, "the judge was shut down")));
  }
}

}  // namespace agon::judge
