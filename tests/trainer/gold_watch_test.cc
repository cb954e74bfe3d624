// When gold reward has passed its top.
#include "trainer/gold_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"

namespace agon::trainer {
namespace {

// Gold 0.3 + d (alpha - beta ln d) with its peak at 2: exp(alpha / beta - 1).
double Gold(double distance) {
  constexpr double kBeta = 0.2;
  const double alpha = kBeta * (1.0 + std::log(2.0));
  return distance > 0 ? 0.3 + distance * (alpha - kBeta * std::log(distance)) : 0.3;
}

TEST(GoldWatch, PredictsThePeakOfTheLawFromTheWayUp) {
  GoldCourse course;
  for (int step = 0; step < 30; ++step) {
    const double distance = 0.05 * step;  // up to 1.45
    const GoldOutlook outlook = ObserveGold({step, distance, Gold(distance)}, course);
    EXPECT_DOUBLE_EQ(outlook.start, 0.3);
    EXPECT_EQ(outlook.peak.has_value(), step >= 9) << step;
    EXPECT_NEAR(outlook.peak.value_or(2.0), 2.0, 1e-6) << step;
    EXPECT_FALSE(outlook.is_below);
  }
}

// By hand: gold is |20 - step| below 20 (a roof), from 0. The nine around step 20 have a mean of
// 20 - 20/9. The nine around step s > 24 have 40 - s: a quarter is lost where s - 20 - 20/9 is
// above (20 - 20/9) / 4 = 4.44, at s = 27, which is seen four steps later.
TEST(GoldWatch, EndsWhereAQuarterOfTheGainIsLost) {
  GoldCourse course;
  GoldOutlook outlook;
  int step = 0;
  for (; step < 60 && !outlook.is_past; ++step) {
    outlook = ObserveGold({step, 0.1 * step, 20.0 - std::abs(20 - step)}, course);
  }
  EXPECT_EQ(step - 1, 31);
  ASSERT_TRUE(outlook.top);
  EXPECT_EQ(outlook.top->step, 20);
  EXPECT_DOUBLE_EQ(outlook.top->distance, 2.0);
  EXPECT_NEAR(outlook.top->gold, 20.0 - 20.0 / 9, 1e-12);
  EXPECT_NEAR(outlook.top->fall, 7 - 20.0 / 9, 1e-12);
  EXPECT_NEAR(outlook.top->fall_error, std::sqrt(0.5) * std::sqrt(2.0 / 9), 1e-12);
}

// A dip that isn't deep is gone through, to the higher top behind it.
TEST(GoldWatch, ADipIsNoEnd) {
  GoldCourse course;
  GoldOutlook outlook;
  for (int step = 0; step < 60; ++step) {
    const double gold = step < 20   ? 0.02 * step
                        : step < 30 ? 0.4 - 0.007 * (step - 20)
                                    : 0.33 + 0.01 * (step - 30);
    outlook = ObserveGold({step, 2.0, gold}, course);
    EXPECT_FALSE(outlook.is_past) << step;
  }
  EXPECT_EQ(outlook.top->step, 55);
}

TEST(GoldWatch, NoiseIsNoFall) {
  int num_stopped = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    GoldCourse course;
    Rng rng({.run_seed = seed});
    bool is_past = false;
    for (int step = 0; step < 60; ++step) {
      const double d = std::min(0.05 * step, 1.8);  // a plateau
      is_past = is_past || ObserveGold({step, d, Gold(d) + 0.03 * rng.Normal()}, course).is_past;
    }
    num_stopped += is_past;
  }
  EXPECT_EQ(num_stopped, 0);
}

TEST(GoldWatch, ACurveThatRisesHasNoPeak) {
  GoldCourse course;
  for (int step = 0; step < 40; ++step) {
    const GoldOutlook outlook = ObserveGold({step, 0.1 * step, 0.01 * step}, course);
    EXPECT_FALSE(outlook.peak && *outlook.peak < 100) << step;
    EXPECT_FALSE(outlook.is_below);
  }
}

// Whatever becomes the top was kept all the while since its own step.
TEST(GoldWatch, TheTopIsAlwaysAmongTheModelsThatWereKept) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    GoldCourse course;
    Rng rng({.run_seed = seed});
    std::vector<int> on_disk;
    for (int step = 0; step < 60; ++step) {
      const auto outlook = ObserveGold({step, 0.1 * step, rng.Normal()}, course);
      const std::vector<int> kept = ModelsToKeep(outlook, course);
      const auto is_kept = [&](int model) { return std::count(kept.begin(), kept.end(), model); };
      if (is_kept(step)) on_disk.push_back(step);
      std::erase_if(on_disk, [&](int model) { return !is_kept(model); });
      EXPECT_LE(on_disk.size(), 5u);
      if (outlook.top) {
        EXPECT_TRUE(std::count(on_disk.begin(), on_disk.end(), outlook.top->step)) << step;
      }
    }
  }
}

TEST(GoldWatch, WhatWasNotMeasuredIsLeftOut) {
  GoldCourse course;
  EXPECT_FALSE(ObserveGold({0, NAN, 0.2}, course).fit);
  const GoldOutlook outlook = ObserveGold({1, 0.1, NAN}, course);
  EXPECT_TRUE(course.points.empty());
  EXPECT_TRUE(ModelsToKeep(outlook, course).empty());
}

}  // namespace
}  // namespace agon::trainer
