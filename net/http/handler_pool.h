// Threads that run handlers. Private to net.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace agon::net {

class HandlerPool {
 public:
  HandlerPool(int num_threads, size_t max_waiting);
  // Drops what waits, and waits for what runs.
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // False, and nothing happens, if max_waiting jobs wait already. A job must not throw.
  bool Submit(std::function<void()> job);

 private:
  void Run();

  const size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace agon::net
