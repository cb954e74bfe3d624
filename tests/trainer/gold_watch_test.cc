// When a curve of gold reward turns.
#include "trainer/gold_watch.h"

#include <gtest/gtest.h>

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

TEST(GoldWatch, PredictsThePeakFromTheWayUpAndStopsBeyondIt) {
  GoldCourse course;
  double stopped_at = 0;
  for (int step = 0; step < 60 && stopped_at == 0; ++step) {
    const double distance = 0.05 * step;
    const GoldOutlook outlook = ObserveGold(distance, Gold(distance), course);
    EXPECT_DOUBLE_EQ(outlook.start, 0.3);
    EXPECT_EQ(outlook.peak.has_value(), step >= 9) << step;
    EXPECT_NEAR(outlook.peak.value_or(2.0), 2.0, 1e-6) << step;
    if (outlook.is_past) stopped_at = distance;
  }
  EXPECT_NEAR(stopped_at, 2.1, 0.051);  // the median of three stands beyond 2
}

// On a plateau noise turns the fitted curve early, without saying so for sure.
TEST(GoldWatch, NoiseIsNoTurn) {
  int num_stopped = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    GoldCourse course;
    Rng rng({.run_seed = seed});
    bool is_past = false;
    for (int step = 0; step < 30; ++step) {
      const double d = 0.05 * step;  // up to 1.45 of 2
      is_past = is_past || ObserveGold(d, Gold(d) + 0.03 * rng.Normal(), course).is_past;
    }
    num_stopped += is_past;
  }
  EXPECT_LT(num_stopped, 10);
}

TEST(GoldWatch, OneStepBeyondThePeakIsNotEnough) {
  GoldCourse course;
  for (int step = 0; step < 20; ++step) ObserveGold(0.05 * step, Gold(0.05 * step), course);
  for (int round = 0; round < 4; ++round) {
    EXPECT_FALSE(ObserveGold(2.3, Gold(2.3), course).is_past);
    EXPECT_FALSE(ObserveGold(1.8, Gold(1.8), course).is_past);  // back again
    EXPECT_FALSE(ObserveGold(1.9, Gold(1.9), course).is_past);
  }
  ObserveGold(2.3, Gold(2.3), course);
  EXPECT_TRUE(ObserveGold(2.3, Gold(2.3), course).is_past);
}

TEST(GoldWatch, ACurveThatRisesHasNoPeak) {
  GoldCourse course;
  for (int step = 0; step < 40; ++step) {
    const double d = 0.1 * step;
    const GoldOutlook outlook = ObserveGold(d, 0.1 * d, course);
    EXPECT_FALSE(outlook.peak && *outlook.peak < 100) << step;
    EXPECT_FALSE(outlook.is_past);
  }
}

TEST(GoldWatch, KeepsModelsATenthApart) {
  GoldCourse course;
  EXPECT_FALSE(Keep(0, 0.0, course));  // where the run began
  EXPECT_FALSE(Keep(0, NAN, course));
  EXPECT_FALSE(KeptNear(1.0, course));
  EXPECT_TRUE(Keep(1, 0.5, course));
  EXPECT_FALSE(Keep(2, 0.52, course));
  EXPECT_TRUE(Keep(3, 0.56, course));
  EXPECT_FALSE(Keep(4, 0.4, course));
  EXPECT_TRUE(Keep(5, 1.0, course));
  // The middle by ratio is at 0.748.
  EXPECT_EQ(KeptNear(0.74, course)->step, 3);
  EXPECT_EQ(KeptNear(0.76, course)->step, 5);
  EXPECT_TRUE(Keep(6, 1.6, course));  // a third of it is 0.533
  EXPECT_EQ(course.kept.front().step, 3);
}

TEST(GoldWatch, WhatWasNotMeasuredIsLeftOut) {
  GoldCourse course;
  EXPECT_FALSE(ObserveGold(NAN, 0.2, course).fit);
  ObserveGold(0.1, NAN, course);
  EXPECT_TRUE(course.points.empty());
}

}  // namespace
}  // namespace agon::trainer
