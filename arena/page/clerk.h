// The one thread that writes into the arena, and the connections that read it. Private to arena.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "arena/arena.h"
#include "net/metrics.h"

namespace agon::arena {

// Votes that wait while others reach the disk are stored together, so that the disk's pace
// doesn't bound how many people vote at once. Thread-safe.
class Clerk {
 public:
  Clerk(const std::filesystem::path& file, net::Metrics& metrics);
  // Does first what was asked.
  ~Clerk();

  // On the clerk's thread, short. `error` is set or the receipt holds.
  using VoteCallback = std::function<void(const VoteReceipt& receipt, std::exception_ptr error)>;
  void Vote(Ballot ballot, VoteCallback done);

  // Runs `work` on the clerk's thread; it throws nothing.
  void Post(std::function<void(Arena&)> work);

  // Waits for `work`, and returns what it returns or throws what it throws.
  template <typename Work>
  auto Ask(Work work) {
    using Result = decltype(work(std::declval<Arena&>()));
    auto task = std::make_shared<std::packaged_task<Result(Arena&)>>(std::move(work));
    auto result = task->get_future();
    Post([task](Arena& arena) { (*task)(arena); });
    return result.get();
  }

 private:
  struct Waiting {
    Ballot ballot;
    VoteCallback done;
  };
  void Run();
  void Count(std::vector<Waiting> waiting);

  Arena arena_;
  net::Histogram& batch_size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> ballots_;
  std::deque<std::function<void(Arena&)>> work_;
  bool is_ending_ = false;
  std::thread thread_;  // last: everything else is there when it starts
};

// Connections for those who only read, kept between uses. Thread-safe.
class Readers {
 public:
  explicit Readers(std::filesystem::path file) : file_(std::move(file)) {}

  template <typename Work>
  auto With(const Work& work) {
    struct Lease {
      Readers& readers;
      std::unique_ptr<Arena> arena;
      ~Lease() { readers.Return(std::move(arena)); }
    } lease{*this, Take()};
    return work(*lease.arena);
  }

 private:
  std::unique_ptr<Arena> Take();
  void Return(std::unique_ptr<Arena> arena);

  const std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Arena>> idle_;
};

}  // namespace agon::arena
