#include "trainer/overoptimisation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/rng.h"

namespace agon::trainer {
namespace {

TEST(Overoptimisation, BestOfNKlTable) {
  EXPECT_EQ(BestOfNKl(1), 0.0);
  EXPECT_NEAR(BestOfNKl(2), 0.1931, 5e-5);
  EXPECT_NEAR(BestOfNKl(4), 0.6363, 5e-5);
  EXPECT_NEAR(BestOfNKl(16), 1.8351, 5e-5);
  EXPECT_NEAR(BestOfNKl(64), 3.1745, 5e-5);
  EXPECT_NEAR(BestOfNKl(1000), 5.9088, 5e-5);
}

TEST(Overoptimisation, PeaksByHand) {
  // d (3 - 0.5 d) is highest at 3, where it is 4.5; d (2 - 1 log d) at e^(2 - 1), where it is e.
  const OveroptimisationFit best_of_n{OveroptimisationLaw::kBestOfN, 3, 0.5};
  EXPECT_DOUBLE_EQ(*best_of_n.Peak(), 3.0);
  EXPECT_DOUBLE_EQ(best_of_n.At(3), 4.5);
  const OveroptimisationFit rl{OveroptimisationLaw::kRl, 2, 1};
  EXPECT_NEAR(*rl.Peak(), std::exp(1.0), 1e-12);
  EXPECT_NEAR(rl.At(std::exp(1.0)), std::exp(1.0), 1e-12);
  EXPECT_EQ(rl.At(0), 0.0);
}

TEST(Overoptimisation, CurvesWithoutAPeakHaveNone) {
  EXPECT_FALSE((OveroptimisationFit{OveroptimisationLaw::kRl, 1, 0}).Peak());
  EXPECT_FALSE((OveroptimisationFit{OveroptimisationLaw::kRl, 1, -1}).Peak());
  EXPECT_FALSE((OveroptimisationFit{OveroptimisationLaw::kBestOfN, -1, 1}).Peak());
  EXPECT_FALSE((OveroptimisationFit{OveroptimisationLaw::kRl, 1, 1e-9}).Peak());
}

std::vector<GoldPoint> CurveOf(const OveroptimisationFit& truth, double last, double noise) {
  std::vector<GoldPoint> points;
  Rng rng({.run_seed = 7});
  for (int i = 0; i <= 40; ++i) {
    const double d = last * i / 40;
    points.push_back({d, truth.At(d) + noise * rng.Normal()});
  }
  return points;
}

TEST(Overoptimisation, FitsFindWhatMadeTheCurve) {
  for (const auto law : {OveroptimisationLaw::kBestOfN, OveroptimisationLaw::kRl}) {
    const OveroptimisationFit truth{law, 0.8, 0.3};
    const auto fit = FitOveroptimisation(CurveOf(truth, 4, 0), law);
    ASSERT_TRUE(fit);
    EXPECT_NEAR(fit->alpha, 0.8, 1e-9);
    EXPECT_NEAR(fit->beta, 0.3, 1e-9);
  }
}

// Gains alpha d - beta d^2 at d = 1, 1, 2 that are 1, 3 and 4 by noise: the means are met by
// alpha = 2, beta = 0.
TEST(Overoptimisation, LeastSquaresByHand) {
  const auto fit = FitOveroptimisation(std::vector<GoldPoint>{{1, 1}, {1, 3}, {2, 4}},
                                       OveroptimisationLaw::kBestOfN);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->alpha, 2, 1e-12);
  EXPECT_NEAR(fit->beta, 0, 1e-12);
}

// Seen up to two thirds of the way to its peak, with noise.
TEST(Overoptimisation, ForetellsThePeak) {
  const OveroptimisationFit truth{OveroptimisationLaw::kRl, 1.2, 0.6};
  const auto fit = FitOveroptimisation(CurveOf(truth, *truth.Peak() * 2 / 3, 0.005), truth.law);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(*fit->Peak() / *truth.Peak(), 1.0, 0.1);
}

TEST(Overoptimisation, NothingIsFittedToNothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(FitOveroptimisation({}, OveroptimisationLaw::kRl));
  const std::vector<GoldPoint> one_distance(5, {0.5, 1.0});
  EXPECT_FALSE(FitOveroptimisation(one_distance, OveroptimisationLaw::kRl));
  const std::vector<GoldPoint> unusable = {{nan, 1}, {1, nan}, {0, 1}, {1, 1}, {2, 1}};
  EXPECT_FALSE(FitOveroptimisation(unusable, OveroptimisationLaw::kRl));
}

}  // namespace
}  // namespace agon::trainer
