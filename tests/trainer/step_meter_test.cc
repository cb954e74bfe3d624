// A step's numbers on a terminal of 80 columns.
#include "trainer/step_meter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/contains.h"
#include "tests/terminal.h"
#include "tests/trainer/loop_fixture.h"

namespace agon::trainer {
namespace {

class StepMeterTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    SetProgressEnabled(true);
  }
  void TearDown() override { SetProgressEnabled(false); }

  // Three steps of RL.
  std::string Train(bool is_verbose) {
    return OnTerminal(80, [&] {
      StageContext context = Context();
      context.verbose = is_verbose;
      context.ceiling_gflops = 1e-3;
      StepMeter meter("rl", 100, context);
      for (int step = 1; step <= 3; ++step) {
        meter.Start();
        std::this_thread::sleep_for(std::chrono::milliseconds(110));
        meter.Finish(step, 7700, 5e4, kNumbers);
      }
    });
  }

  static constexpr char kNumbers[] =
      "reward 0.512  length 31.4  kl 0.0012  clip 12.5%  zero-var 14  cut 12%";
};

TEST_F(StepMeterTest, ATerminalShowsTheSpeedAndEveryNumber) {
  const auto screens = ScreensOf(Train(false), 80);
  ASSERT_EQ(screens.size(), 5u);  // three steps, the bar erased, the line that stays
  for (size_t i = 0; i < 3; ++i) {
    for (const char* part : {"reward 0.512", "length 31.4", "kl 0.0012", "clip 12.5%",
                             "zero-var 14", "cut 12%", " k tok/s", "% of ceiling"}) {
      EXPECT_TRUE(Contains(screens[i], part)) << part << " in\n" << screens[i];
    }
  }
}

TEST_F(StepMeterTest, VerboseLinesStandAboveTheBar) {
  const auto screens = ScreensOf(Train(true), 80);
  const std::string left = screens.back();
  size_t at = 0;
  for (const char* part :
       {"rl step 1  reward 0.512", "% of ceiling\n", "rl step 2  reward 0.512", "% of ceiling\n",
        "rl step 3  reward 0.512", "% of ceiling\n", "rl: stopped at 3/100 step"}) {
    const size_t found = left.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " in\n" << left;
    at = found;
  }
  EXPECT_FALSE(Contains(left, "▕")) << left;
}

}  // namespace
}  // namespace agon::trainer
