// Log-probabilities of short answers, of many prompts at once: one forward pass, no sampling.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "policy/policy.h"

namespace agon::judge {

// Owns a thread that scores all that is waiting in one packed batch; what the prompts of a batch
// begin with together (a template) is computed once. The numbers are the same bits whatever else
// is in the batch.
class AnswerScorer {
 public:
  // Keeps the policy, which nobody else may use meanwhile.
  explicit AnswerScorer(policy::Policy& policy);
  ~AnswerScorer();  // fails what is waiting
  AnswerScorer(const AnswerScorer&) = delete;
  AnswerScorer& operator=(const AnswerScorer&) = delete;

  // log p(answer | prompt) of each of `answers`, token ids. Waits; thread-safe. Throws
  // Error(kCorrupt) if the prompt is longer than the context. REQUIRES: neither is empty.
  std::vector<float> Logprobs(std::vector<int32_t> prompt, std::vector<int32_t> answers);

 private:
  struct Request {
    std::vector<int32_t> prompt, answers;
    std::promise<std::vector<float>> result;
  };
  void Work();
  std::vector<Request> TakeBatch();
  void ScoreBatch(std::vector<Request>& batch);

  policy::Policy& policy_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace agon::judge
