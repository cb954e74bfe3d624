#include "arena/sprt.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

#include "core/error.h"
#include "core/quantiles.h"

namespace agon::arena {
namespace {

constexpr size_t kOutcomes = 5;
constexpr double kEloPerDeviation = 800 / std::numbers::ln10;
using Values = std::array<double, kOutcomes>;

double ScoreOf(size_t outcome) { return static_cast<double>(outcome) / 4; }

// An outcome never seen is not impossible.
Values Regularized(const PairScores& scores) {
  Values counts = scores;
  for (double& count : counts) count = count == 0 ? 1e-3 : count;
  return counts;
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments MomentsOf(const Values& p) {
  Moments m;
  for (size_t i = 0; i < kOutcomes; ++i) m.mean += p[i] * ScoreOf(i);
  for (size_t i = 0; i < kOutcomes; ++i) {
    m.variance += p[i] * (ScoreOf(i) - m.mean) * (ScoreOf(i) - m.mean);
  }
  return m;
}

// The likeliest distribution under sum q_i a_i = 0, given the empirical one: q_i is
// p_i / (1 + x a_i), x the root of the secular equation sum p_i a_i / (1 + x a_i) = 0.
Values Constrained(const Values& p, const Values& a) {
  const auto [least, most] = std::minmax_element(a.begin(), a.end());
  AGON_CHECK(*least < 0 && *most > 0);
  double low = -1 / *most, high = -1 / *least;  // the left side falls from +inf to -inf
  for (int i = 0; i < 200; ++i) {
    const double x = low + (high - low) / 2;
    double sum = 0;
    for (size_t k = 0; k < kOutcomes; ++k) sum += p[k] * a[k] / (1 + x * a[k]);
    (sum > 0 ? low : high) = x;
  }
  const double x = low + (high - low) / 2;
  Values q{};
  for (size_t k = 0; k < kOutcomes; ++k) q[k] = p[k] / (1 + x * a[k]);
  return q;
}

Values WithMean(const Values& p, double mean) {
  Values a{};
  for (size_t i = 0; i < kOutcomes; ++i) a[i] = ScoreOf(i) - mean;
  return Constrained(p, a);
}

// With (mean - 1/2) / deviation = t, by iterated linearisation.
Values WithDeviation(const Values& p, double t) {
  Values q{};
  q.fill(1.0 / kOutcomes);
  for (int iteration = 0; iteration < 50; ++iteration) {
    const Moments m = MomentsOf(q);
    const double deviation = std::sqrt(m.variance);
    Values a{};
    for (size_t i = 0; i < kOutcomes; ++i) {
      const double z = (m.mean - ScoreOf(i)) / deviation;
      a[i] = ScoreOf(i) - 0.5 - t * deviation * (1 + z * z) / 2;
    }
    const Values previous = q;
    q = Constrained(p, a);
    double change = 0;
    for (size_t i = 0; i < kOutcomes; ++i) change = std::max(change, std::abs(q[i] - previous[i]));
    if (change < 1e-12) break;
  }
  return q;
}

double ExpectedScore(double elo) { return 1 / (1 + std::pow(10.0, -elo / 400)); }

double EloOf(double score) { return -400 * std::log10(1 / std::clamp(score, 1e-3, 1 - 1e-3) - 1); }

void Validate(const PairScores& scores, const SprtOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorKind::kUsage, what); };
  const double most = options.model == EloModel::kLogistic ? kMaxGateElo : kMaxNormalizedElo;
  for (const double elo : {options.elo0, options.elo1}) {
    if (!(std::abs(elo) <= most)) {
      refuse("an Elo difference of " + std::to_string(elo) + " is not within ±" +
             std::to_string(static_cast<int>(most)));
    }
  }
  if (!(options.elo0 < options.elo1)) {
    refuse("elo0 " + std::to_string(options.elo0) + " is not below elo1 " +
           std::to_string(options.elo1));
  }
  for (const double chance : {options.alpha, options.beta}) {
    if (!(chance > 0 && chance < 0.5)) {
      refuse("a chance of error of " + std::to_string(chance) + " is not within (0, 0.5)");
    }
  }
  for (const double count : scores) {
    if (!(count >= 0) || std::isinf(count)) {
      refuse("a count of pairs is " + std::to_string(count));
    }
  }
}

}  // namespace

size_t PairScoreIndex(double points) {
  AGON_CHECK(points >= 0 && points <= 2);
  return static_cast<size_t>(std::lround(2 * points));
}

const char* SprtDecisionName(SprtDecision decision) {
  return decision == SprtDecision::kPromoted   ? "promoted"
         : decision == SprtDecision::kRejected ? "rejected"
                                               : "more games";
}

SprtResult Sprt(const PairScores& scores, const SprtOptions& options) {
  Validate(scores, options);
  SprtResult result;
  result.lower = std::log(options.beta / (1 - options.alpha));
  result.upper = std::log((1 - options.beta) / options.alpha);
  result.num_pairs = std::accumulate(scores.begin(), scores.end(), 0.0);
  if (result.num_pairs == 0) return result;

  Values p = Regularized(scores);
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= total;
  const auto at = [&](double elo) {
    if (options.model == EloModel::kLogistic) return WithMean(p, ExpectedScore(elo));
    // A pair's mean deviates less than one game's, by the root of 2.
    return WithDeviation(p, elo / kEloPerDeviation * std::numbers::sqrt2);
  };
  const Values h0 = at(options.elo0), h1 = at(options.elo1);
  for (size_t i = 0; i < kOutcomes; ++i) result.llr += total * p[i] * std::log(h1[i] / h0[i]);
  result.decision = result.llr >= result.upper   ? SprtDecision::kPromoted
                    : result.llr <= result.lower ? SprtDecision::kRejected
                                                 : SprtDecision::kMoreGames;
  const Moments m = MomentsOf(p);
  const double margin = NormalQuantile(0.975) * std::sqrt(m.variance / total);
  result.elo = EloOf(m.mean);
  result.elo_error = (EloOf(m.mean + margin) - EloOf(m.mean - margin)) / 2;
  return result;
}

}  // namespace agon::arena
