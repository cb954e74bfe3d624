// Threads for the backend's loops. Private to policy/cpu.
//
// An OpenMP region ends when all its threads have arrived, also those that the system has
// given no processor. Here the caller does the work, workers that are awake take their
// share, and nobody waits for one that isn't (docs/adr/0007-worker-pool.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace agon::policy::cpu {

class WorkerPool {
 public:
  // A loop's body: items are [0, count), each called once, by any thread, in any order.
  using Body = void (*)(const void* context, int64_t item);

  // The process's pool. Its threads are started when first needed and live to the end.
  static WorkerPool& Instance();
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs all items on the calling thread and at most omp_get_max_threads() - 1 workers, and
  // returns when they are done. What an item throws is thrown here, once all have ended.
  // Thread-safe: while one loop runs, another thread's loop runs on that thread alone.
  void Run(int64_t count, Body body, const void* context);

  // Number of this thread inside a loop: 0 is the caller, workers count from 1.
  static int ThreadIndex();

 private:
  WorkerPool() = default;
  void Work(int index);
  void TakeItems();
  void StartWorkers(int count);

  // The loop in progress. Written only while it is closed and nobody is active.
  Body body_ = nullptr;
  const void* context_ = nullptr;
  int64_t count_ = 0;
  int max_workers_ = 0;
  std::atomic<int64_t> next_item_{0};
  std::exception_ptr error_;
  std::mutex error_mutex_;

  // A worker joins by raising active_ and looking at open_ again; the caller closes by
  // clearing open_ and waiting for active_: one of them sees the other.
  std::atomic<uint32_t> open_{0};  // number of the loop, 0: none
  std::atomic<int> active_{0};
  std::atomic<bool> stop_{false};
  uint32_t loop_ = 0;

  std::mutex caller_mutex_;
  std::vector<std::thread> workers_;
};

}  // namespace agon::policy::cpu
