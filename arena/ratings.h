// Ratings from comparisons: Bradley-Terry strengths with intervals that can be trusted.
//
// The chance that a beats b is sigma(s_a - s_b), strengths s in natural log-odds with mean 0;
// shown as points, 1000 + s * 400 / ln 10. Everything here is a pure function: the same input
// gives the same bits, whatever the number of threads. Contestants are 0 .. n-1.
// Sources: Bradley & Terry 1952; Rao & Kupper 1967; Davidson 1970; Cameron, Gelbach & Miller
// 2011 (clusters of two kinds); Chiang et al., "Chatbot Arena", arXiv 2403.04132.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace agon::arena {

inline constexpr double kPointsPerNat = 173.71779276130073;  // 400 / ln 10
inline constexpr double kMeanPoints = 1000;

enum class Outcome : uint8_t { kWinA, kWinB, kTie, kBothBad };

// Differences in form that people fall for: of a reply's length in words, headers, lists and
// bold spans.
inline constexpr int kNumStyles = 4;
using Style = std::array<double, kNumStyles>;
Style StyleOf(std::string_view markdown);
// (a - b) / (a + b + 1) for each count: what FitWithStyle takes.
Style StyleDifference(const Style& a, const Style& b);

// One verdict, of a person, a judge or a game.
struct Comparison {
  int a = 0, b = 0;  // contestants, different
  Outcome outcome = Outcome::kTie;
  double weight = 1;      // >= 0
  uint64_t voter = 0;     // who decided: verdicts of one voter are not independent
  uint64_t prompt = 0;    // what was asked: nor are those on one prompt
  Style style{};          // StyleDifference of the two replies; 0 where unknown
  bool is_person = true;  // a vote; false: a match, whose "voter" is a game, a grader or a judge
};

// All verdicts on one pair, a < b. Counts are sums of weights; "both bad" is a tie.
struct PairCount {
  int a = 0, b = 0;
  double a_wins = 0, b_wins = 0, ties = 0;
};
// Sorted by (a, b), pairs that met only.
std::vector<PairCount> CountPairs(std::span<const Comparison> comparisons);

enum class TieModel {
  kHalfWin,    // a tie is half a win for each
  kRaoKupper,  // P(a) = sigma(d - eta), P(b) = sigma(-d - eta), the rest ties
  kDavidson,   // P(tie) proportional to nu * sqrt(pi_a pi_b), pi = exp(s)
};

struct FitOptions {
  TieModel ties = TieModel::kHalfWin;
  // Standard deviation in nats of a normal prior around the mean; 0: none, the plain maximum
  // likelihood, which is infinite where is_finite is false: there it is kWidePriorSd.
  double prior_sd = 0;
};
// So wide that it only keeps finite what nothing else does.
inline constexpr double kWidePriorSd = 20;
// Holds models that have only won near enough to be shown (700 points).
inline constexpr double kBoardPriorSd = 4;

struct Fit {
  std::vector<double> strength;  // (n) nats, mean 0 in each component
  double tie_parameter = 0;      // eta, or nu; 0 with kHalfWin
  // Of FitWithStyle: coefficients in nats per standard deviation, and those deviations.
  Style style{}, style_scale{};
  // (n, n) covariance of `strength`, as if the model were true and verdicts independent.
  std::vector<double> covariance;
  std::vector<double> bread;  // (d, d) inverse Hessian, d = n + other parameters
  // Contestants with equal numbers are linked by verdicts; between others nothing is known.
  std::vector<int> component;  // (n)
  // Whether strengths and tie parameter have a finite maximum likelihood: within a component
  // each one can be reached from each other by "won against or tied with", and with a tie
  // parameter some circle has more wins than ties. `group` tells who stands above whom without
  // any verdict to the contrary.
  bool is_finite = true;
  std::vector<int> group;  // (n) strongly connected parts
  TieModel ties = TieModel::kHalfWin;
  double prior_sd = 0;  // that was used
  int num_iterations = 0;
};

// Newton's method on pair counts: exact to rounding, milliseconds for hundreds of
// contestants. Without verdicts, or where contestants never met, strengths are 0. Throws
// Error(kUsage) if a count is negative or above 1e12.
Fit FitBradleyTerry(int n, std::span<const PairCount> pairs, const FitOptions& options = {});

// The same with the style differences (scaled to unit standard deviation) as covariates:
// strengths are those of replies of equal form. Coefficients have a penalty of
// kStylePenalty / 2 * sum of squares on the summed log-likelihood, strengths have none.
inline constexpr double kStylePenalty = 1.0;
Fit FitWithStyle(int n, std::span<const Comparison> comparisons, const FitOptions& options = {});

// What counts as one independent draw in an interval.
enum class Clusters { kNone, kVoter, kPrompt, kVoterAndPrompt };

struct Covariance {
  std::vector<double> values;  // (n, n) of strengths; NaN with fewer than two clusters
  int64_t num_clusters = 0;    // the smaller number, of voters and prompts
};
// Robust ("sandwich") covariance: right even where the model is wrong or verdicts of one
// cluster go together. `comparisons` are those that `fit` was made of.
Covariance SandwichCovariance(const Fit& fit, std::span<const Comparison> comparisons,
                              Clusters clusters);

// Strengths of `num_samples` multinomial resamples of all verdicts, (num_samples, n). Sample i
// depends on (seed, i) only. A resample may lack verdicts that make it finite, so all have a
// prior of at most kWidePriorSd nats.
std::vector<double> BootstrapStrengths(const Fit& fit, std::span<const PairCount> pairs,
                                       int num_samples, uint64_t seed);

// Variances up to this are rounding: nothing was spread, which is no certainty.
inline constexpr double kNoVariance = 1e-18;
// How sure it is that i and j differ: standard error of s_i - s_j by a covariance (n, n). NaN
// where it has no variance, 0 for i = j.
double DifferenceError(std::span<const double> covariance, int n, int i, int j);

struct RankInterval {
  int best = 1, worst = 1;  // 1 is the strongest
};
// best = 1 + number of contestants that are significantly stronger, worst = n - number that
// are significantly weaker, by the covariance of differences and `critical`, the quantile for
// one difference (1.96). Contestants of other components, or whose difference has no variance,
// can't be told apart. The result is in the order of `among`, the contestants that are ranked.
std::vector<RankInterval> RankIntervals(const Fit& fit, std::span<const double> covariance,
                                        double critical, std::span<const size_t> among);

struct NextPair {
  int a = 0, b = 0;
  double gain = 0;  // nats by which the standard error of s_a - s_b shrinks
};
// The most informative pairs to compare next, best first: by sqrt(V) - sqrt(V'), where V' is
// the variance of the difference after one more verdict. `eligible` (n), 0 or 1. Pairs that
// nothing links have an infinite gain.
std::vector<NextPair> MostInformativePairs(const Fit& fit, std::span<const uint8_t> eligible,
                                           int max_pairs);

}  // namespace agon::arena
