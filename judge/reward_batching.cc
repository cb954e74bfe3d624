// Transcripts that many threads ask about at the same time, read together by one thread: threads
// that each ran the model would wait for each other, and each would bring OpenMP threads along.
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.h"
#include "judge/reward_checkpoints.h"

namespace agon::judge {
namespace {

class BatchedRewardModel final : public RewardModel {
 public:
  explicit BatchedRewardModel(std::shared_ptr<RewardModel> model)
      : model_(std::move(model)), thread_([this] { Work(); }) {}

  ~BatchedRewardModel() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::string fingerprint() const override { return model_->fingerprint(); }

  std::vector<double> Rewards(std::span<const Messages> transcripts) override {
    std::future<std::vector<double>> result;
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({{transcripts.begin(), transcripts.end()}, {}});
      result = waiting_.back().result.get_future();
    }
    changed_.notify_one();
    return result.get();
  }

 private:
  struct Request {
    std::vector<Messages> transcripts;
    std::promise<std::vector<double>> result;
  };

  void Work() {
    for (;;) {
      std::deque<Request> batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return is_stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        batch.swap(waiting_);
      }
      Answer(batch);
    }
  }

  void Answer(std::deque<Request>& batch) {
    std::vector<Messages> all;
    for (const Request& request : batch) {
      all.insert(all.end(), request.transcripts.begin(), request.transcripts.end());
    }
    std::vector<double> rewards;
    try {
      rewards = model_->Rewards(all);
    } catch (...) {
      for (Request& request : batch) AnswerAlone(request);
      return;
    }
    auto next = rewards.begin();
    for (Request& request : batch) {
      const auto end = next + static_cast<ptrdiff_t>(request.transcripts.size());
      request.result.set_value({next, end});
      next = end;
    }
  }

  void AnswerAlone(Request& request) {
    try {
      request.result.set_value(model_->Rewards(request.transcripts));
    } catch (...) {
      request.result.set_exception(std::current_exception());
    }
  }

  const std::shared_ptr<RewardModel> model_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace

std::shared_ptr<RewardModel> MakeBatchedRewardModel(std::shared_ptr<RewardModel> model) {
  return std::make_shared<BatchedRewardModel>(std::move(model));
}

}  // namespace agon::judge
