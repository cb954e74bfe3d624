#include "arena/online.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace agon::arena {
namespace {

// Of a variance that is left after a match; keeps sigma positive.
constexpr double kSmallestShare = 0.0001;

struct Team {
  double mu = 0, variance = 0, exponential = 0;
};

}  // namespace

double EloGain(double rating_a, double rating_b, double score_a, double k) {
  return k * (score_a - 1 / (1 + std::pow(10.0, (rating_b - rating_a) / 400)));
}

double ScoreOfA(Outcome outcome) {
  return outcome == Outcome::kWinA ? 1 : outcome == Outcome::kWinB ? 0 : 0.5;
}

std::vector<double> OnlineElo(int n, std::span<const Comparison> comparisons, double k) {
  std::vector<double> ratings(static_cast<size_t>(n), kMeanPoints);
  for (const Comparison& c : comparisons) {
    double& a = ratings[static_cast<size_t>(c.a)];
    double& b = ratings[static_cast<size_t>(c.b)];
    const double gain = EloGain(a, b, ScoreOfA(c.outcome), k);
    a += gain;
    b -= gain;
  }
  return ratings;
}

void UpdateSkills(std::span<std::vector<Skill>> teams, std::span<const int> ranks) {
  AGON_CHECK(teams.size() == ranks.size());
  std::vector<Team> sums;
  double variance = 0;
  for (std::vector<Skill>& team : teams) {
    AGON_CHECK(!team.empty());
    Team sum;
    for (Skill& player : team) {
      player.sigma = std::hypot(player.sigma, kSkillTau);
      sum.mu += player.mu;
      sum.variance += player.sigma * player.sigma;
    }
    variance += sum.variance + kSkillBeta * kSkillBeta;
    sums.push_back(sum);
  }
  const double c = std::sqrt(variance);
  for (Team& team : sums) team.exponential = std::exp(team.mu / c);
  for (size_t i = 0; i < teams.size(); ++i) {
    double omega = 0, delta = 0;
    for (size_t q = 0; q < teams.size(); ++q) {
      if (ranks[q] > ranks[i]) continue;
      // The chance that team i takes rank q among those not placed before it.
      double rest = 0;
      for (size_t s = 0; s < teams.size(); ++s)
        rest += ranks[s] >= ranks[q] ? sums[s].exponential : 0;
      const auto num_equal = static_cast<double>(std::count(ranks.begin(), ranks.end(), ranks[q]));
      const double chance = sums[i].exponential / rest;
      omega += ((q == i ? 1 : 0) - chance) / num_equal;
      delta += chance * (1 - chance) / num_equal;
    }
    const double gamma = std::sqrt(sums[i].variance) / c;
    omega *= sums[i].variance / c;
    delta *= gamma * sums[i].variance / (c * c);
    for (Skill& player : teams[i]) {
      const double share = player.sigma * player.sigma / sums[i].variance;
      player.mu += share * omega;
      player.sigma *= std::sqrt(std::max(1 - share * delta, kSmallestShare));
    }
  }
}

}  // namespace agon::arena
