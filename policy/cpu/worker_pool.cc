#include "policy/cpu/worker_pool.h"

#include <omp.h>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace agon::policy::cpu {
namespace {

thread_local int t_thread_index = 0;
thread_local bool t_is_in_loop = false;  // of a caller; workers always are

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#endif
}

// Loops follow each other within microseconds: a worker looks for the next one for about
// a tenth of a millisecond before it sleeps.
constexpr int kLooks = 4000;

}  // namespace

WorkerPool& WorkerPool::Instance() {
  static WorkerPool pool;
  return pool;
}

WorkerPool::~WorkerPool() {
  stop_ = true;
  open_ = ~uint32_t{0};  // wakes the sleepers, who see stop_ first
  open_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int WorkerPool::ThreadIndex() { return t_thread_index; }

void WorkerPool::StartWorkers(int count) {
  while (static_cast<int>(workers_.size()) < count) {
    const int index = static_cast<int>(workers_.size()) + 1;
    workers_.emplace_back([this, index] { Work(index); });
  }
}

void WorkerPool::TakeItems() {
  for (int64_t item = next_item_++; item < count_; item = next_item_++) {
    try {
      body_(context_, item);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
}

void WorkerPool::Run(int64_t count, Body body, const void* context) {
  const int threads = omp_get_max_threads();
  std::unique_lock<std::mutex> caller(caller_mutex_, std::defer_lock);
  const bool is_nested = t_is_in_loop || t_thread_index != 0;
  if (count <= 1 || threads <= 1 || is_nested || !caller.try_lock()) {
    for (int64_t item = 0; item < count; ++item) body(context, item);
    return;
  }
  t_is_in_loop = true;
  StartWorkers(threads - 1);
  body_ = body;
  context_ = context;
  count_ = count;
  max_workers_ = threads - 1;
  next_item_ = 0;
  error_ = nullptr;
  if (++loop_ == 0) ++loop_;
  open_ = loop_;
  open_.notify_all();

  TakeItems();
  open_ = 0;
  for (int looks = 0; active_ != 0; ++looks) {
    // A worker that lost its processor may be waiting for this very one.
    looks < kLooks ? Pause() : std::this_thread::yield();
  }
  t_is_in_loop = false;
  if (error_) std::rethrow_exception(error_);
}

void WorkerPool::Work(int index) {
  t_thread_index = index;
  uint32_t last = 0;
  while (true) {
    uint32_t loop = open_;
    for (int looks = 0; (loop == 0 || loop == last) && looks < kLooks; ++looks) {
      Pause();
      loop = open_;
    }
    if (stop_) return;
    if (loop == 0 || loop == last) {
      open_.wait(loop);
      continue;
    }
    ++active_;
    if (open_ == loop) {
      if (index <= max_workers_) TakeItems();
      last = loop;
    }
    --active_;
  }
}

}  // namespace agon::policy::cpu
