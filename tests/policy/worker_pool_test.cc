#include "policy/cpu/worker_pool.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "policy/cpu/parallel.h"

namespace agon::policy::cpu {
namespace {

struct Threads {
  explicit Threads(int count) : before(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before); }
  int before;
};

TEST(WorkerPool, CallsEveryItemOnce) {
  for (const int threads : {1, 2, 3, 7}) {
    const Threads scope(threads);
    for (const int64_t count : {0, 1, 2, 3, 100, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      ParallelItems(count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
      for (const auto& c : calls) ASSERT_EQ(c, 1) << count << " items, " << threads << " threads";
    }
  }
}

TEST(WorkerPool, RangesCoverWithoutOverlapAtTheGrain) {
  for (const int threads : {1, 2, 5}) {
    const Threads scope(threads);
    for (const int64_t count : {0, 1, 11, 12, 13, 500}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      std::atomic<bool> off_grain = false;
      ParallelRanges(count, 12, [&](int64_t begin, int64_t end) {
        if (begin % 12 != 0 || (end % 12 != 0 && end != count)) off_grain = true;
        for (int64_t i = begin; i < end; ++i) ++calls[static_cast<size_t>(i)];
      });
      EXPECT_FALSE(off_grain);
      for (const auto& c : calls) ASSERT_EQ(c, 1) << count;
    }
  }
}

TEST(WorkerPool, ManyShortLoopsSeeEachOthersWrites) {
  const Threads scope(3);
  std::vector<int64_t> values(64, 0);
  for (int round = 0; round < 20000; ++round) {
    ParallelItems(64, [&](int64_t i) { values[static_cast<size_t>(i)] += round + i; });
  }
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_EQ(values[static_cast<size_t>(i)], 19999ll * 20000 / 2 + 20000 * i);
  }
}

TEST(WorkerPool, ThreadIndicesAreBoundedAndNotShared) {
  const Threads scope(4);
  std::atomic<int> inside[4] = {};
  std::atomic<bool> bad = false;
  for (int round = 0; round < 200; ++round) {
    ParallelItems(64, [&](int64_t) {
      const int index = WorkerPool::ThreadIndex();
      if (index < 0 || index > 3 || ++inside[index] != 1) bad = true;
      --inside[index];
    });
  }
  EXPECT_FALSE(bad);
}

TEST(WorkerPool, FewerThreadsThanWorkersIsHeld) {
  {
    const Threads many(6);
    ParallelItems(100, [](int64_t) {});
  }
  const Threads two(2);
  std::atomic<int> highest = 0;
  for (int round = 0; round < 500; ++round) {
    ParallelItems(32, [&](int64_t) {
      int seen = highest;
      while (WorkerPool::ThreadIndex() > seen &&
             !highest.compare_exchange_weak(seen, WorkerPool::ThreadIndex())) {
      }
    });
  }
  EXPECT_LE(highest, 1);
}

TEST(WorkerPool, ThrowsWhatAnItemThrewAfterTheRestEnded) {
  const Threads scope(3);
  std::atomic<int> calls = 0;
  EXPECT_THROW(ParallelItems(100,
                             [&](int64_t i) {
                               ++calls;
                               if (i == 17) throw std::runtime_error("item 17");
                             }),
               std::runtime_error);
  EXPECT_EQ(calls, 100);
  ParallelItems(10, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 110);
}

TEST(WorkerPool, NestedLoopsRunInPlace) {
  const Threads scope(3);
  std::atomic<int> calls = 0;
  ParallelItems(8, [&](int64_t) { ParallelItems(8, [&](int64_t) { ++calls; }); });
  EXPECT_EQ(calls, 64);
}

TEST(WorkerPool, CallersOnSeveralThreadsDoNotMeet) {
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      const Threads scope(3);
      for (int round = 0; round < 500; ++round) ParallelItems(20, [&](int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4ll * 500 * 190);
}

}  // namespace
}  // namespace agon::policy::cpu
