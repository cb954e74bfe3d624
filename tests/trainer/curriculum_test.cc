// Levels that open one by one.
#include "trainer/curriculum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/trainer/loop_fixture.h"

namespace agon::trainer {
namespace {

RlConfig Config(const char* env, const char* dial) {
  RlConfig config;
  config.env = env;
  config.curriculum = dial;
  config.curriculum_success = 0.5f;
  return config;
}

// Highest difficulty among the tasks that RL would draw.
int HighestDrawn(const envs::Env& env) {
  int highest = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    highest = std::max(highest, env.Get(envs::Split::kTrain, 1, i).difficulty);
  }
  return highest;
}

TEST(Curriculum, WithoutOneAllLevelsAreOpen) {
  Curriculum curriculum(Config("math/shop", ""), {});
  EXPECT_FALSE(curriculum.is_active());
  EXPECT_FALSE(curriculum.Observe(1.0));
  EXPECT_EQ(HighestDrawn(*curriculum.env()), curriculum.env()->info().num_difficulties - 1);
}

TEST(Curriculum, OpensALevelWhenAWindowOfStepsWentWell) {
  Curriculum curriculum(Config("math/shop(difficulty=1..3)", "difficulty"), {});
  EXPECT_EQ(curriculum.level(), 1);
  EXPECT_EQ(HighestDrawn(*curriculum.env()), 1);
  for (const double correct : {0.9, 0.9, 0.1}) EXPECT_FALSE(curriculum.Observe(correct));
  EXPECT_FALSE(curriculum.Observe(0.05));  // the mean is 0.4875
  EXPECT_FALSE(curriculum.Observe(NAN));   // nothing was scored: not a step
  EXPECT_FALSE(curriculum.Observe(0.9));   // 0.4875 again: the first has left the window
  EXPECT_TRUE(curriculum.Observe(0.96));   // (0.1 + 0.05 + 0.9 + 0.96) / 4 = 0.5025
  EXPECT_EQ(curriculum.level(), 2);
  EXPECT_EQ(HighestDrawn(*curriculum.env()), 2);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(curriculum.Observe(1.0)) << "a new window";
  EXPECT_TRUE(curriculum.Observe(1.0));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(curriculum.Observe(1.0)) << "the last level";
  EXPECT_EQ(curriculum.level(), 3);
}

TEST(Curriculum, GoesOnFromItsState) {
  const RlConfig config = Config("math/shop", "difficulty");
  Curriculum whole(config, {});
  Curriculum resumed(config, {});
  for (int step = 0; step < 12; ++step) {
    const double correct = step % 3 == 0 ? 0.2 : 0.7;
    whole.Observe(correct);
    resumed = Curriculum(config, resumed.state());
    resumed.Observe(correct);
    ASSERT_EQ(resumed.level(), whole.level()) << step;
    ASSERT_EQ(resumed.state().recent, whole.state().recent) << step;
  }
  EXPECT_GT(whole.level(), 0);
}

// Its levels differ in number only.
class LevelsEnv : public ToyEnv {
 public:
  explicit LevelsEnv(std::string_view params) : ToyEnv("toy/levels-v1", GradeLetter) {
    info_.id = "toy/levels-v1";
    info_.num_difficulties = 3;
    choice_ = envs::ParseTaskChoice(params, info_);
  }
  const envs::EnvInfo& info() const override { return info_; }

 private:
  envs::EnvInfo info_;
  envs::TaskChoice choice_;
};
const bool levels_registered = envs::internal::Register(
    "toy/levels-v1", [](std::string_view params) { return std::make_unique<LevelsEnv>(params); });

class CurriculumLoop : public LoopTest {};

TEST_F(CurriculumLoop, LevelsRiseAsThePolicyLearnsAndAreLogged) {
  ASSERT_TRUE(levels_registered);
  RlConfig config = Config("toy/levels", "difficulty");
  config.num_steps = 40;
  config.tasks_per_step = 8;
  config.max_new_tokens = 2;
  config.schedule = {60.0f, 0, 1.0f};
  RlState state;
  StageContext context = Context();
  context.rl = &state;
  RunRl(config, context);
  const auto levels = Logged("level");
  ASSERT_EQ(levels.size(), 40u);
  EXPECT_EQ(levels[Curriculum::kWindow - 1], 0);
  EXPECT_EQ(levels.back(), 2);
  EXPECT_TRUE(std::is_sorted(levels.begin(), levels.end()));
  EXPECT_EQ(state.curriculum.level, 2);
}

}  // namespace
}  // namespace agon::trainer
