#include "net/http/handler_pool.h"

#include <utility>

namespace agon::net {

HandlerPool::HandlerPool(int num_threads, size_t max_waiting) : max_waiting_(max_waiting) {
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Run(); });
}

HandlerPool::~HandlerPool() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    dropped.swap(jobs_);
    changed_.notify_all();
  }
  dropped.clear();
  for (std::thread& thread : threads_) thread.join();
}

bool HandlerPool::Submit(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (is_over_ || jobs_.size() >= max_waiting_) return false;
  jobs_.push_back(std::move(job));
  changed_.notify_one();
  return true;
}

void HandlerPool::Run() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return is_over_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace agon::net
