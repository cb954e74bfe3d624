// What a reply is worth in text/reply, by hand.
#include <gtest/gtest.h>

#include "envs/env.h"

namespace agon::envs {
namespace {

class Reply : public testing::Test {
 protected:
  Reply() : env_(MakeEnv("text/reply")), task_(env_->Get(Split::kTest, 1, 0)) {
    // "hello sorry THING REMEDY thanks"
    const size_t thing = 12, end = task_.answer.find(' ', thing);
    thing_ = task_.answer.substr(thing, end - thing);
    remedy_ = task_.answer.substr(end + 1, task_.answer.rfind(' ') - end - 1);
  }
  double Worth(const std::string& text) const {
    return std::get<Outcome>(env_->Start(task_)->Step(text, false)).Reward();
  }

  std::shared_ptr<const Env> env_;
  Task task_;
  std::string thing_, remedy_;
};

TEST_F(Reply, EachThingHelpsOnce) {
  EXPECT_NEAR(Worth(task_.answer), 1.0, 1e-12);
  EXPECT_NEAR(Worth("hello"), 0.15, 1e-12);
  EXPECT_NEAR(Worth("sorry " + thing_), 0.45, 1e-12);
  EXPECT_NEAR(Worth(remedy_ + " thanks"), 0.4, 1e-12);
  EXPECT_EQ(Worth(""), 0.0);
}

TEST_F(Reply, FaultsCost) {
  // A filler 0.1, a rude word 0.3, a repeated word 0.15.
  EXPECT_NEAR(Worth(task_.answer + " um"), 0.9, 1e-12);
  EXPECT_NEAR(Worth(task_.answer + " whatever"), 0.7, 1e-12);
  EXPECT_NEAR(Worth(task_.answer + " sorry sorry"), 0.7, 1e-12);
  // The example at the head of envs/text/reply.cc.
  EXPECT_NEAR(Worth("sorry sorry sorry " + thing_ + " " + remedy_ + " thanks"), 0.55, 1e-12);
  // Five repeats 0.75, and one word beyond the ninth 0.05.
  EXPECT_NEAR(Worth(task_.answer + " sorry sorry sorry sorry sorry"), 0.2, 1e-12);
  EXPECT_EQ(Worth("thanks thanks thanks"), 0.0);
}

TEST_F(Reply, LabelersLeaveThingsOut) {
  double careful = 0, sloppy = 0;
  for (uint64_t variant = 0; variant < 400; ++variant) {
    careful += Worth(*env_->Demonstrate(task_, Labeler::kStepByStep, variant)) / 400;
    sloppy += Worth(*env_->Demonstrate(task_, Labeler::kImmediate, variant)) / 400;
  }
  EXPECT_GT(careful, sloppy + 0.15);
  EXPECT_LT(careful, 0.8);
}

}  // namespace
}  // namespace agon::envs
