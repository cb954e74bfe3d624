#include "arena/page/clerk.h"

#include <utility>

namespace agon::arena {
namespace {

constexpr size_t kMaxBatch = 1024;

}  // namespace

Clerk::Clerk(const std::filesystem::path& file, net::Metrics& metrics)
    : arena_(file),
      batch_size_(metrics.AddHistogram("agon_arena_votes_per_commit", "Votes stored together.", {},
                                       {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})),
      thread_([this] { Run(); }) {}

Clerk::~Clerk() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Clerk::Vote(Ballot ballot, VoteCallback done) {
  {
    const std::lock_guard lock(mutex_);
    ballots_.push_back({std::move(ballot), std::move(done)});
  }
  changed_.notify_all();
}

void Clerk::Post(std::function<void(Arena&)> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void Clerk::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return is_ending_ || !ballots_.empty() || !work_.empty(); });
    if (ballots_.empty() && work_.empty()) return;
    std::vector<Waiting> waiting;
    if (ballots_.size() <= kMaxBatch) {
      waiting.swap(ballots_);
    } else {
      const auto end = ballots_.begin() + kMaxBatch;
      waiting.assign(std::make_move_iterator(ballots_.begin()), std::make_move_iterator(end));
      ballots_.erase(ballots_.begin(), end);
    }
    std::function<void(Arena&)> work;
    if (!work_.empty()) {
      work = std::move(work_.front());
      work_.pop_front();
    }
    lock.unlock();
    if (!waiting.empty()) Count(std::move(waiting));
    if (work) work(arena_);
    work = nullptr;  // what it holds goes before the lock comes
    lock.lock();
  }
}

void Clerk::Count(std::vector<Waiting> waiting) {
  std::vector<Ballot> ballots;
  ballots.reserve(waiting.size());
  for (Waiting& one : waiting) ballots.push_back(std::move(one.ballot));
  std::vector<VoteReceipt> receipts(waiting.size());
  std::exception_ptr error;
  try {
    receipts = arena_.CastVotes(ballots);
    batch_size_.Observe(static_cast<double>(waiting.size()));
  } catch (const std::exception&) {
    error = std::current_exception();  // none of them is stored
  }
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i].done(receipts[i], error);
}

std::unique_ptr<Arena> Readers::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto arena = std::move(idle_.back());
      idle_.pop_back();
      return arena;
    }
  }
  return std::make_unique<Arena>(file_, ArenaOptions{.must_exist = true});
}

void Readers::Return(std::unique_ptr<Arena> arena) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(arena));
}

}  // namespace agon::arena
