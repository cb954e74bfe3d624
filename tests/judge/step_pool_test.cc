// Steps off the decoding thread: none lost, none twice, and those that hang given up.
#include "judge/step_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.h"

namespace agon::judge {
namespace {

using std::chrono::milliseconds;

envs::StepResult Reason(std::string reason) {
  envs::Outcome outcome;
  outcome.reason = std::move(reason);
  return outcome;
}

// A door that steps wait behind; open for good once opened, so that no thread outlives a test.
struct Door {
  void Open() {
    const std::lock_guard lock(mutex);
    is_open = true;
    opened.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex);
    opened.wait(lock, [&] { return is_open; });
    ++num_passed;
  }
  std::mutex mutex;
  std::condition_variable opened;
  bool is_open = false;
  int num_passed = 0;
};

TEST(StepPoolTest, EveryStepComesBackOnceWithItsOwnResult) {
  StepPool pool(8, milliseconds(60000));
  std::set<uint64_t> seen;
  for (uint64_t id = 0; id < 5000; ++id) {
    pool.Submit(id, [id] { return Reason(std::to_string(id)); });
    while (const auto done = pool.Take(/*may_wait=*/id % 100 == 99)) {
      EXPECT_TRUE(seen.insert(done->id).second) << "twice: " << done->id;
      EXPECT_EQ(std::get<envs::Outcome>(done->result).reason, std::to_string(done->id));
    }
  }
  while (const auto done = pool.Take(/*may_wait=*/true)) seen.insert(done->id);
  EXPECT_EQ(seen.size(), 5000u);
  EXPECT_EQ(pool.num_in_flight(), 0);
}

TEST(StepPoolTest, StepsRunSideBySide) {
  StepPool pool(4, milliseconds(60000));
  std::atomic<int> running = 0;
  for (uint64_t id = 0; id < 4; ++id) {
    pool.Submit(id, [&running] {
      ++running;
      while (running < 4) std::this_thread::yield();
      return Reason("");
    });
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pool.Take(/*may_wait=*/true));
}

TEST(StepPoolTest, NothingToWaitForIsNothing) {
  StepPool pool(1, milliseconds(1000));
  EXPECT_FALSE(pool.Take(/*may_wait=*/true));
  EXPECT_FALSE(pool.Take(/*may_wait=*/false));
}

TEST(StepPoolTest, AStepThatHangsIsMaskedAndReplaced) {
  const auto door = std::make_shared<Door>();
  {
    StepPool pool(1, milliseconds(50));
    pool.Submit(1, [door] {
      door->Pass();
      return Reason("too late");
    });
    pool.Submit(2, [] { return Reason("in time"); });
    const auto first = pool.Take(/*may_wait=*/true);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, 1u);
    const auto& masked = std::get<envs::Outcome>(first->result).masked;
    ASSERT_TRUE(masked);
    EXPECT_EQ(masked->kind, "timeout");
    EXPECT_EQ(masked->reason, "the step took longer than 50 ms");
    const auto second = pool.Take(/*may_wait=*/true);
    ASSERT_TRUE(second);
    EXPECT_EQ(std::get<envs::Outcome>(second->result).reason, "in time");
    EXPECT_FALSE(pool.Take(/*may_wait=*/true)) << "the late answer is not delivered";
  }
  door->Open();  // after the pool is gone: the thread ends by itself
  while (true) {
    const std::lock_guard lock(door->mutex);
    if (door->num_passed == 1) break;
  }
}

TEST(StepPoolTest, TooManyThatHangStopTheRun) {
  const auto door = std::make_shared<Door>();
  {
    StepPool pool(64, milliseconds(20));
    for (uint64_t id = 0; id < 64; ++id) {
      pool.Submit(id, [door] {
        door->Pass();
        return Reason("");
      });
    }
    try {
      while (pool.Take(/*may_wait=*/true)) {
      }
      FAIL() << "not stopped";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      EXPECT_NE(std::string(error.what()).find("step_timeout_ms"), std::string::npos);
    }
  }
  door->Open();
  for (bool have_all_passed = false; !have_all_passed;) {
    std::this_thread::sleep_for(milliseconds(1));
    const std::lock_guard lock(door->mutex);
    have_all_passed = door->num_passed == 64;
  }
}

TEST(StepPoolTest, LeavingDropsWhatWaits) {
  const auto num_run = std::make_shared<std::atomic<int>>(0);
  {
    StepPool pool(1, milliseconds(60000));
    for (uint64_t id = 0; id < 1000; ++id) {
      pool.Submit(id, [num_run] {
        ++*num_run;
        std::this_thread::sleep_for(milliseconds(1));
        return Reason("");
      });
    }
    EXPECT_TRUE(pool.Take(/*may_wait=*/true));
  }
  EXPECT_LT(*num_run, 1000);
}

}  // namespace
}  // namespace agon::judge
