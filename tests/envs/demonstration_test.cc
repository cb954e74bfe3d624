// Conversations of a labeler, with and without their grade.
#include "envs/demonstration.h"

#include <gtest/gtest.h>

namespace agon::envs {
namespace {

// {role, content} of every message.
std::vector<std::string> Flat(const std::vector<Messages>& seats) {
  std::vector<std::string> lines;
  for (const Messages& messages : seats) {
    for (const Message& message : messages) {
      lines.push_back(std::string(RoleName(message.role)) + ": " + message.content);
    }
  }
  return lines;
}

TEST(DemonstrateConversations, AreThoseOfTheEpisode) {
  for (const char* spec : {"math/shop", "tool/calculator", "game/connect4(size=0,opponent=self)",
                           "reason/tower_of_hanoi"}) {
    const auto env = MakeEnv(spec);
    for (uint64_t i = 0; i < 20; ++i) {
      const Task task = env->Get(Split::kTrain, 1, i);
      const auto labeler = i % 2 == 0 ? Labeler::kImmediate : Labeler::kStepByStep;
      const auto graded = DemonstrateEpisode(*env, task, labeler, i);
      const auto conversations = DemonstrateConversations(*env, task, labeler, i);
      ASSERT_TRUE(graded && conversations) << spec;
      EXPECT_EQ(Flat(*conversations), Flat(graded->seats)) << spec << " task " << i;
    }
  }
}

// An environment of one turn whose every step fails: nobody may take one.
class Ungradable : public Env {
 public:
  const EnvInfo& info() const override { return info_; }
  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Task task;
    task.id = {"zz_test/ungradable-v1", split, seed, index};
    task.messages = {{Role::kUser, "say yes"}};
    return task;
  }
  std::unique_ptr<Episode> Start(const Task&) const override {
    class Failing : public Episode {
      StepResult Step(std::string_view, bool) override { return MaskedOutcome("sandbox", "gone"); }
      std::optional<std::string> Demonstrate(Labeler, uint64_t) const override { return "yes"; }
    };
    return std::make_unique<Failing>();
  }

 private:
  EnvInfo info_;
};

TEST(DemonstrateConversations, NeedNoGradeInOneTurn) {
  const Ungradable env;
  const Task task = env.Get(Split::kTrain, 1, 1);
  EXPECT_FALSE(DemonstrateEpisode(env, task, Labeler::kImmediate, 0));
  const auto conversations = DemonstrateConversations(env, task, Labeler::kImmediate, 0);
  ASSERT_TRUE(conversations);
  EXPECT_EQ(Flat(*conversations), (std::vector<std::string>{"user: say yes", "assistant: yes"}));
}

}  // namespace
}  // namespace agon::envs
