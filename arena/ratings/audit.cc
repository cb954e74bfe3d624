#include "arena/audit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace agon::arena {
namespace {

// Verdicts of one pair and outcome, and what turning one round does to leader - rival.
struct Flip {
  size_t pair = 0;
  double PairCount::*from = nullptr;
  double PairCount::*to = nullptr;
  double effect = 0;
};

std::vector<Flip> FlipsByEffect(const Fit& fit, std::span<const PairCount> pairs, int leader,
                                int rival) {
  const size_t n = fit.strength.size();
  const auto pull = [&](int i) {
    return fit.covariance[static_cast<size_t>(leader) * n + static_cast<size_t>(i)] -
           fit.covariance[static_cast<size_t>(rival) * n + static_cast<size_t>(i)];
  };
  std::vector<Flip> flips;
  for (size_t k = 0; k < pairs.size(); ++k) {
    // A point that moves from a to b takes this from the lead.
    const double effect = pull(pairs[k].b) - pull(pairs[k].a);
    if (effect < 0) {
      flips.push_back({k, &PairCount::a_wins, &PairCount::b_wins, effect});
      flips.push_back({k, &PairCount::ties, &PairCount::b_wins, effect / 2});
    } else {
      flips.push_back({k, &PairCount::b_wins, &PairCount::a_wins, -effect});
      flips.push_back({k, &PairCount::ties, &PairCount::a_wins, -effect / 2});
    }
  }
  std::stable_sort(flips.begin(), flips.end(),
                   [](const Flip& x, const Flip& y) { return x.effect < y.effect; });
  return flips;
}

// Strength of leader less that of rival after the first `count` verdicts are turned round.
double LeadAfter(int n, std::span<const PairCount> pairs, const FitOptions& options,
                 const std::vector<Flip>& flips, int64_t count, int leader, int rival) {
  std::vector<PairCount> changed(pairs.begin(), pairs.end());
  auto left = static_cast<double>(count);
  for (const Flip& flip : flips) {
    if (left <= 0) break;
    PairCount& pair = changed[flip.pair];
    const double moved = std::min(left, pair.*flip.from);
    pair.*flip.from -= moved;
    pair.*flip.to += moved;
    left -= moved;
  }
  const Fit fit = FitBradleyTerry(n, changed, options);
  return fit.strength[static_cast<size_t>(leader)] - fit.strength[static_cast<size_t>(rival)];
}

int64_t FlipsNeeded(int n, std::span<const PairCount> pairs, const FitOptions& options,
                    const Fit& fit, int leader, int rival, int64_t total) {
  const std::vector<Flip> flips = FlipsByEffect(fit, pairs, leader, rival);
  const auto is_flipped = [&](int64_t count) {
    return LeadAfter(n, pairs, options, flips, count, leader, rival) <= 0;
  };
  // The number that a straight line foretells, then around it.
  double lead =
      fit.strength[static_cast<size_t>(leader)] - fit.strength[static_cast<size_t>(rival)];
  double guess = 0;
  for (const Flip& flip : flips) {
    const double wanted = lead / -flip.effect;
    const double taken = std::min(wanted, pairs[flip.pair].*flip.from);
    guess += taken;
    lead += taken * flip.effect;
    if (lead <= 0) break;
  }
  int64_t low = 0, high = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(guess)), 1, total);
  while (high < total && !is_flipped(high)) {
    low = high;
    high = std::min(total, 2 * high);
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (is_flipped(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

std::optional<FirstPlace> VotesToFlipFirst(int n, std::span<const PairCount> pairs,
                                           const FitOptions& options, int max_rivals) {
  double total = 0;
  for (const PairCount& pair : pairs) total += pair.a_wins + pair.b_wins + pair.ties;
  if (n < 2 || total == 0) return std::nullopt;
  const Fit fit = FitBradleyTerry(n, pairs, options);
  std::vector<int> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int i, int j) {
    return fit.strength[static_cast<size_t>(i)] > fit.strength[static_cast<size_t>(j)];
  });
  // A contestant without verdicts stands at the mean, and leads nobody.
  const int leader = order[0];
  std::optional<FirstPlace> closest;
  int num_rivals = 0;
  for (size_t k = 1; k < order.size() && num_rivals < max_rivals; ++k) {
    if (fit.component[static_cast<size_t>(order[k])] !=
        fit.component[static_cast<size_t>(leader)]) {
      continue;
    }
    ++num_rivals;
    const int64_t flips = FlipsNeeded(n, pairs, options, fit, leader, order[k],
                                      static_cast<int64_t>(std::ceil(total)));
    if (!closest || flips < closest->num_flips) closest = {leader, order[k], flips, total};
  }
  return closest;
}

std::vector<VoterTest> TestVoters(std::span<const Comparison> comparisons, const Fit& fit,
                                  double alpha) {
  struct Pair {
    double wins = 0, total = 0;  // of the stronger
  };
  std::map<std::pair<int, int>, Pair> pairs;
  const auto is_decided = [](const Comparison& c) {
    return c.outcome == Outcome::kWinA || c.outcome == Outcome::kWinB;
  };
  // (stronger, weaker), and whether the stronger won.
  const auto oriented = [&](const Comparison& c) {
    const bool a_is_stronger =
        fit.strength[static_cast<size_t>(c.a)] != fit.strength[static_cast<size_t>(c.b)]
            ? fit.strength[static_cast<size_t>(c.a)] > fit.strength[static_cast<size_t>(c.b)]
            : c.a < c.b;
    const auto key = a_is_stronger ? std::pair(c.a, c.b) : std::pair(c.b, c.a);
    return std::pair(key, (c.outcome == Outcome::kWinA) == a_is_stronger);
  };
  for (const Comparison& c : comparisons) {
    if (!is_decided(c)) continue;
    const auto [key, won] = oriented(c);
    pairs[key].wins += won;
    pairs[key].total += 1;
  }
  struct State {
    VoterTest test;
    double log_upper = 0, log_lower = 0, most = 0;
  };
  std::map<uint64_t, State> voters;
  for (const Comparison& c : comparisons) {
    State& state = voters[c.voter];
    if (!is_decided(c) || state.test.num_votes >= kMaxTestedVotes) continue;
    const auto [key, won] = oriented(c);
    const Pair& pair = pairs[key];
    state.log_upper -= std::log(2 * (won ? 1 : (pair.total - pair.wins) / pair.total));
    state.log_lower -= std::log(2 * (won ? pair.wins / pair.total : 1));
    ++state.test.num_votes;
    state.most = std::max({state.most, state.log_upper, state.log_lower});
  }
  std::vector<VoterTest> tests;
  for (auto& [voter, state] : voters) {
    if (state.test.num_votes < kMinTestedVotes) continue;
    state.test.voter = voter;
    state.test.evidence = std::exp(state.most);
    state.test.is_outlier = state.most > -std::log(alpha);
    tests.push_back(state.test);
  }
  return tests;
}

}  // namespace agon::arena
