// When a curve of gold reward turns.
#include "trainer/gold_watch.h"

#include <gtest/gtest.h>

#include <cmath>

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
    if (IsPastPeak(course)) stopped_at = distance;
  }
  EXPECT_NEAR(stopped_at, 2.1, 1e-9);  // the third step at or beyond 2
}

TEST(GoldWatch, OneStepBeyondThePeakIsNotEnough) {
  GoldCourse course;
  for (int step = 0; step < 20; ++step) ObserveGold(0.05 * step, Gold(0.05 * step), course);
  for (int round = 0; round < 4; ++round) {
    ObserveGold(2.2, Gold(2.2), course);
    ObserveGold(2.3, Gold(2.3), course);
    EXPECT_FALSE(IsPastPeak(course));
    ObserveGold(1.8, Gold(1.8), course);  // back again
  }
  for (int i = 0; i < 3; ++i) ObserveGold(2.2, Gold(2.2), course);
  EXPECT_TRUE(IsPastPeak(course));
}

TEST(GoldWatch, ACurveThatRisesHasNoPeak) {
  GoldCourse course;
  for (int step = 0; step < 40; ++step) {
    const double d = 0.1 * step;
    const GoldOutlook outlook = ObserveGold(d, 0.1 * d, course);
    EXPECT_FALSE(outlook.peak && *outlook.peak < 100) << step;
  }
  EXPECT_FALSE(IsPastPeak(course));
}

TEST(GoldWatch, WhatWasNotMeasuredIsLeftOut) {
  GoldCourse course;
  EXPECT_FALSE(ObserveGold(NAN, 0.2, course).fit);
  ObserveGold(0.1, NAN, course);
  EXPECT_TRUE(course.points.empty());
  EXPECT_FALSE(IsPastPeak(course));
}

}  // namespace
}  // namespace agon::trainer
