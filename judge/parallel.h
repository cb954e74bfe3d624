// A loop whose bodies wait for something else: servers, the engine, the sandbox.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace agon::judge {

// Calls body(0) to body(count - 1), up to `num_threads` at once, and returns when all are done.
// The first exception that one throws is thrown here, after the others that had begun.
template <typename Body>
void ParallelFor(size_t count, int num_threads, const Body& body) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  const size_t num_helpers = std::min(count, static_cast<size_t>(std::max(num_threads, 1)));
  std::vector<std::thread> threads;
  for (size_t t = 1; t < num_helpers; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace agon::judge
