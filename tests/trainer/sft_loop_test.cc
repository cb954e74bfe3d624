// SFT on demonstrations that a table of bigrams can imitate.
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/trainer/loop_fixture.h"

namespace agon::trainer {
namespace {

std::unique_ptr<envs::Env> MakeSpoken(std::string_view) {
  return std::make_unique<ToyEnv>("toy/spoken-v1", GradeLetter);
}
const bool spoken_registered = envs::internal::Register("toy/spoken-v1", MakeSpoken);

class SftLoop : public LoopTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(spoken_registered);
    LoopTest::SetUp();
  }

  static SftConfig Config(int num_steps) {
    SftConfig config;
    config.env = "toy/spoken";
    config.num_steps = num_steps;
    config.tasks_per_step = 32;
    config.num_tasks = 1000;
    config.schedule = {10.0f, 0, 1.0f};
    config.val_every = 10;
    config.val_tasks = 16;
    return config;
  }
};

// One labeler answers "yes", the other "think".
TEST_F(SftLoop, ImitatesLabelersInTheirShares) {
  SftConfig config = Config(100);
  config.tasks_per_step = 64;
  config.schedule.final_fraction = 0.0f;
  config.share_step_by_step = 0.25f;
  RunSft(config, Context());
  EXPECT_NEAR(policy_.Probability('\n', 't'), 0.25, 0.05);
  EXPECT_NEAR(policy_.Probability('\n', 'y'), 0.75, 0.05);
  EXPECT_LT(Logged("loss").back(), 0.3 * Logged("loss").front());
}

TEST_F(SftLoop, TeachesToStopAndNothingOfThePrompt) {
  const double before = policy_.Probability('s', 'a');  // "say", in the prompt
  RunSft(Config(60), Context());
  EXPECT_GT(policy_.Probability('s', stop_), 0.8);  // "yes" ends
  EXPECT_GT(policy_.Probability('k', stop_), 0.8);  // "think" ends
  EXPECT_LE(policy_.Probability('s', 'a'), before);
  // "user", the task's number and the line break after a turn aren't imitated.
  EXPECT_EQ(policy_.Logit('u', 's'), 0.0f);
  EXPECT_EQ(policy_.Logit(stop_, '\n'), 0.0f);
}

TEST_F(SftLoop, ValidatesAsOftenAsAskedAndAtTheEnd) {
  RunSft(Config(25), Context());
  const auto val = Logged("val_loss");
  ASSERT_EQ(val.size(), 3u);  // 10, 20, 25
  EXPECT_LT(val[2], val[0]);
}

TEST_F(SftLoop, AResumedRunIsTheSameRun) {
  RunSft(Config(12), Context());
  const std::string whole_log = LogText();
  const auto whole_weights = policy_.logits;

  fs::remove_all(dir_);
  log_ = std::make_unique<RunLog>(dir_);
  TabularPolicy policy(tokenizer_.vocab_size());
  StageContext context = ContextOf(policy);
  int asked = 0;
  context.stop_requested = [&] { return ++asked == 7; };
  EXPECT_THROW(RunSft(Config(12), context), Error);
  context.stop_requested = {};
  context.first_step = 8;
  RunSft(Config(12), context);
  EXPECT_EQ(policy.logits, whole_weights);
  EXPECT_EQ(LogText(), whole_log);
}

TEST_F(SftLoop, AFailureSaysItsStep) {
  policy_.scores_to_failure = 2;
  const std::string error = ErrorOf([&] { RunSft(Config(6), Context()); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "sft step 2: Attention in layer 0")) << error;
}

TEST_F(SftLoop, ADemonstrationThatIsTooLongIsNamed) {
  TabularPolicy small(tokenizer_.vocab_size(), 20);
  SftConfig config = Config(3);
  config.val_tasks = 0;
  const std::string error = ErrorOf([&] { RunSft(config, ContextOf(small)); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(error, config.env + "-v1 train task ")) << error;
  EXPECT_TRUE(Contains(error, "context of 20")) << error;
  EXPECT_TRUE(LogText().empty());
}

TEST_F(SftLoop, TheSeedDecidesTheDemonstrations) {
  SftConfig config = Config(3);
  RunSft(config, Context());
  const auto first = policy_.logits;
  TabularPolicy other(tokenizer_.vocab_size());
  StageContext context = ContextOf(other);
  config.seed = 2;
  RunSft(config, context);
  EXPECT_NE(other.logits, first);
}

}  // namespace
}  // namespace agon::trainer
