#include "core/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/contains.h"
#include "tests/terminal.h"

namespace agon {
namespace {

int CountLetters(const std::string& text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && (c & 0xC0) != 0x80; }));
}

// What a terminal shows of one bar each time it is drawn.
std::vector<std::string> Drawings(const std::string& output, int columns) {
  std::vector<std::string> drawings = ScreensOf(output, columns);
  drawings.pop_back();  // what stays
  drawings.pop_back();  // an erased bar
  return drawings;
}

void WaitMs(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(ProgressTest, PipeGetsOnePlainLineForShortWork) {
  const std::string output = OnPipe([] {
    Progress progress("pretrain", 1000, "step");
    for (int i = 0; i <= 1000; ++i) progress.Update(i, "loss 2.3");
    progress.Finish("loss 2.2");
  });
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 1) << output;
  EXPECT_EQ(output.rfind("pretrain: 1000 step in ", 0), 0u) << output;
  EXPECT_NE(output.find("  loss 2.2\n"), std::string::npos) << output;
  EXPECT_EQ(output.find('\r'), std::string::npos);
  EXPECT_EQ(output.find('\x1b'), std::string::npos);
}

TEST(ProgressTest, SlowPipeGetsALineEveryFiveSeconds) {
  const std::string output = OnPipe([] {
    Progress progress("rl", 100, "step");
    for (int i = 1; i <= 54; ++i) {
      WaitMs(100);
      progress.Update(i, "reward 0.5");
    }
    progress.Finish();
  });
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 2) << output;
  EXPECT_NE(output.find(" %  "), std::string::npos) << output;
  EXPECT_NE(output.find("/100 step  "), std::string::npos) << output;
  EXPECT_NE(output.find(" step/s  "), std::string::npos) << output;
  EXPECT_NE(output.find(" left  reward 0.5\n"), std::string::npos) << output;
}

TEST(ProgressTest, TerminalGetsABarAtMostTenTimesASecond) {
  const auto start = std::chrono::steady_clock::now();
  const std::string output = OnTerminal(100, [] {
    Progress progress("sft", 4000, "step");
    for (int i = 1; i <= 400; ++i) {
      WaitMs(1);
      progress.Update(i * 10);
    }
    progress.Finish();
  });
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto drawings = Drawings(output, 100);
  ASSERT_GE(drawings.size(), 3u);
  EXPECT_LE(static_cast<double>(drawings.size()), seconds * 10 + 2);
  EXPECT_NE(drawings.back().find("█"), std::string::npos) << drawings.back();
  EXPECT_NE(drawings.back().find("/4000 step"), std::string::npos);
}

TEST(ProgressTest, FinishErasesTheBarAndLeavesOneLine) {
  const std::string output = OnTerminal(100, [] {
    Progress progress("sft", 10, "step");
    progress.Update(5);
    progress.Finish("loss 1");
    progress.Finish("again");
    progress.Update(6);
  });
  const std::string left = ScreensOf(output, 100).back();
  EXPECT_EQ(left.rfind("sft: 10 step in ", 0), 0u) << left;
  EXPECT_EQ(std::count(left.begin(), left.end(), '\n'), 1) << left;
  EXPECT_EQ(output.find("again"), std::string::npos);
}

TEST(ProgressTest, NoLineIsWiderThanTheTerminal) {
  for (int columns : {12, 40, 60, 80, 200}) {
    const std::string output = OnTerminal(columns, [] {
      Progress progress("reward-model", 100, "step");
      for (int i = 1; i <= 3; ++i) {
        progress.Update(i * 30, "perte 2,31 é █  and more  words of detail");
        WaitMs(110);
      }
    });
    const auto drawings = Drawings(output, columns);
    EXPECT_EQ(drawings.size(), 3u);
    for (const std::string& drawing : drawings) {
      std::istringstream rows(drawing);
      for (std::string row; std::getline(rows, row);) EXPECT_LT(CountLetters(row), columns) << row;
      EXPECT_TRUE(columns < 40 || Contains(drawing, "words of detail")) << drawing;
    }
  }
}

// What rl-train says of a step of RL.
constexpr char kStepOfRl[] =
    "reward 0.512  length 31.4  kl 0.0012  clip 12.5%  zero-var 14  cut 12%  71.3 k tok/s  "
    "45% of ceiling";

TEST(ProgressTest, NumbersThatDontFitBesideTheBarStandBelowIt) {
  const std::string output = OnTerminal(80, [] {
    Progress progress("rl", 100, "step");
    for (int step = 1; step <= 4; ++step) {
      // Once below they stay there.
      progress.Update(step, step == 3 ? "reward 0.5" : kStepOfRl);
      WaitMs(110);
    }
  });
  const auto drawings = Drawings(output, 80);
  ASSERT_EQ(drawings.size(), 4u);
  EXPECT_EQ(drawings[0].find("rl ▕"), 0u) << drawings[0];
  EXPECT_TRUE(Contains(drawings[0], "1/100 step")) << drawings[0];
  EXPECT_TRUE(Contains(drawings[0],
                       "\n  reward 0.512  length 31.4  kl 0.0012  clip 12.5%  zero-var 14  cut 12%"
                       "\n  71.3 k tok/s  45% of ceiling\n"))
      << drawings[0];
  EXPECT_TRUE(Contains(drawings[2], "\n  reward 0.5\n")) << drawings[2];
  EXPECT_TRUE(Contains(drawings[3], "45% of ceiling")) << drawings[3];
  const std::string left = ScreensOf(output, 80).back();
  EXPECT_EQ(left.rfind("rl: stopped at 4/100 step", 0), 0u) << left;
}

TEST(ProgressTest, APrintedLineStaysAboveTheBar) {
  const std::string output = OnTerminal(80, [] {
    Progress progress("rl", 3, "step");
    for (int step = 1; step <= 3; ++step) {
      progress.Update(step, kStepOfRl);
      progress.PrintLine("rl step " + std::to_string(step) + "  reward 0.5");
      WaitMs(step == 1 ? 0 : 110);
    }
  });
  const auto drawings = Drawings(output, 80);
  EXPECT_EQ(drawings.back().rfind("rl step 1  reward 0.5\nrl step 2  reward 0.5\n"
                                  "rl step 3  reward 0.5\nrl ▕",
                                  0),
            0u)
      << drawings.back();
  EXPECT_TRUE(Contains(drawings.back(), "45% of ceiling\n")) << drawings.back();
  EXPECT_TRUE(Contains(ScreensOf(output, 80).back(), "rl step 3  reward 0.5\nrl: 3 step in "));

  EXPECT_EQ(
      OnPipe([] { Progress("rl", 3, "step").PrintLine("rl step 1"); }).rfind("rl step 1\n", 0), 0u);
}

TEST(ProgressTest, ABarGoesOnBelowAHandlersLine) {
  const std::string output = OnTerminal(80, [] {
    Progress progress("rl", 3, "step");
    progress.Update(1, kStepOfRl);
    PrintFromHandler("stopping after this step");
    for (int step = 2; step <= 3; ++step) {
      WaitMs(110);
      progress.Update(step, kStepOfRl);
    }
  });
  const std::string drawn = Drawings(output, 80).back();
  EXPECT_TRUE(Contains(drawn, "\nstopping after this step\nrl ▕")) << drawn;
  EXPECT_TRUE(Contains(drawn, "3/3 step")) << drawn;
  EXPECT_FALSE(Contains(drawn, "2/3 step")) << drawn;
}

TEST(ProgressTest, BarFillsInProportion) {
  const auto bar_of = [](int done, const char* locale) {
    const std::string output = OnTerminal(
        120, [&] { Progress("x", 100, "step").Update(done); }, locale);
    return Drawings(output, 120).at(0);
  };
  EXPECT_NE(bar_of(50, "C").find("[" + std::string(15, '#') + std::string(15, ' ') + "]"),
            std::string::npos);
  EXPECT_NE(bar_of(100, "C").find("[" + std::string(30, '#') + "]"), std::string::npos);
  EXPECT_NE(bar_of(0, "C").find("[" + std::string(30, ' ') + "]"), std::string::npos);
  EXPECT_NE(bar_of(500, "C").find("100 %"), std::string::npos);
  // 5 % of 30 columns is one column and a half.
  EXPECT_NE(bar_of(5, "C.UTF-8").find("▕█▌" + std::string(28, ' ') + "▏"), std::string::npos);
}

TEST(ProgressTest, DetailCannotMoveTheCursor) {
  const std::string output = OnTerminal(100, [] {
    Progress progress("x", 10, "step");
    progress.Update(1, "a\nb\x1b[2Jc\rd");
  });
  EXPECT_TRUE(Contains(Drawings(output, 100).at(0), "a b [2Jc d")) << output;
}

TEST(ProgressTest, UnfinishedWorkSaysWhereItStopped) {
  const std::string output = OnPipe([] {
    Progress progress("rl", 10, "step");
    progress.Update(4);
  });
  EXPECT_EQ(output.rfind("rl: stopped at 4/10 step after ", 0), 0u) << output;
}

TEST(ProgressTest, UnknownTotalHasCountsOnly) {
  const std::string output = OnTerminal(100, [] {
    Progress progress("read", 0, "MB");
    progress.Update(1);
    WaitMs(120);
    progress.Update(7);
    progress.Finish();
  });
  const std::string drawing = Drawings(output, 100).at(1);
  EXPECT_EQ(drawing.find('%'), std::string::npos);
  EXPECT_EQ(drawing.find("left"), std::string::npos);
  EXPECT_NE(drawing.find("7 MB"), std::string::npos);
  EXPECT_NE(output.find("read: 7 MB in "), std::string::npos);
}

// Steps 1 to 900 were done by the run that was resumed: only 30 count, in about 0.3 s.
TEST(ProgressTest, ResumedWorkDoesNotCountAsSpeed) {
  const std::string output = OnPipe([] {
    Progress progress("pretrain", 930, "step");
    progress.Update(900);
    WaitMs(300);
    progress.Update(930);
    progress.Finish();
  });
  const size_t rate = output.find(" s  ");
  ASSERT_NE(rate, std::string::npos) << output;
  EXPECT_LE(std::atof(output.c_str() + rate + 4), 100) << output;
  EXPECT_GT(std::atof(output.c_str() + rate + 4), 0) << output;
}

TEST(ProgressTest, CanBeTurnedOff) {
  SetProgressEnabled(false);
  const std::string output = OnPipe([] {
    Progress progress("x", 10, "step");
    progress.Update(5);
    progress.Finish();
  });
  SetProgressEnabled(true);
  EXPECT_EQ(output, "");
}

TEST(FormatTest, Counts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(7), "7");
  EXPECT_EQ(FormatCount(3.44), "3.4");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(999.7), "1.0 k");
  EXPECT_EQ(FormatCount(1234), "1.2 k");
  EXPECT_EQ(FormatCount(999960), "1.0 M");
  EXPECT_EQ(FormatCount(3.4e6), "3.4 M");
  EXPECT_EQ(FormatCount(2e9), "2.0 G");
  EXPECT_EQ(FormatCount(5e15), "5000.0 T");
  EXPECT_EQ(FormatCount(-1500), "-1.5 k");
  EXPECT_EQ(FormatCount(NAN), "?");
}

TEST(FormatTest, Durations) {
  EXPECT_EQ(FormatDuration(0), "0.0 s");
  EXPECT_EQ(FormatDuration(5.6), "5.6 s");
  EXPECT_EQ(FormatDuration(59.97), "1 m 00 s");
  EXPECT_EQ(FormatDuration(184), "3 m 04 s");
  EXPECT_EQ(FormatDuration(3599.6), "1 h 00 m");
  EXPECT_EQ(FormatDuration(3725), "1 h 02 m");
  EXPECT_EQ(FormatDuration(183600), "2 d 03 h");
  EXPECT_EQ(FormatDuration(-1), "?");
  EXPECT_EQ(FormatDuration(INFINITY), "?");
  EXPECT_EQ(FormatDuration(1e300), "?");
}

TEST(FormatTest, Bytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(12897485), "12.3 MiB");
  EXPECT_EQ(FormatBytes((int64_t{1} << 30) - 1), "1.0 GiB");
  EXPECT_EQ(FormatBytes(INT64_MAX), "8192.0 PiB");
  EXPECT_EQ(FormatBytes(-1), "?");
}

}  // namespace
}  // namespace agon
