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

// Wins and losses of a pair, and the stronger one's share of them.
struct PairWins {
  double wins = 0, total = 0;
};

struct Decision {
  int stronger = 0, weaker = 0;
  bool stronger_won = false;
};

Decision Oriented(const Comparison& c, const Fit& fit) {
  const double lead =
      fit.strength[static_cast<size_t>(c.a)] - fit.strength[static_cast<size_t>(c.b)];
  const bool a_is_stronger = lead != 0 ? lead > 0 : c.a < c.b;
  return {a_is_stronger ? c.a : c.b, a_is_stronger ? c.b : c.a,
          (c.outcome == Outcome::kWinA) == a_is_stronger};
}

// One voter's, vote by vote: a mean of products whose factors have an expectation of at most 1.
class Evidence {
 public:
  explicit Evidence(size_t num_contestants)
      : num_bets_(2 * static_cast<double>(num_contestants)), sum_of_bets_(num_bets_) {}

  void Add(const Decision& d, const PairWins& pair) {
    const double share = pair.wins / pair.total;  // of the stronger; 0 < p of what was voted
    at_most_ /= 2 * (d.stronger_won ? 1 : 1 - share);
    at_least_ /= 2 * (d.stronger_won ? share : 1);
    Bet(d.stronger, d.stronger_won ? share : 1 - share, d.stronger_won);
    Bet(d.weaker, d.stronger_won ? share : 1 - share, !d.stronger_won);
  }
  double value() const { return ((at_most_ + at_least_) / 2 + sum_of_bets_ / num_bets_) / 2; }

 private:
  struct Bets {
    double up = 1, down = 1;
  };

  // `p` is the chance of the vote that was cast, for or against `contestant`.
  void Bet(int contestant, double p, bool is_for) {
    constexpr double kSure = 0.9;
    Bets& bets = bets_[contestant];
    sum_of_bets_ -= bets.up + bets.down;
    bets.up *= (is_for ? kSure : 1 - kSure) / p;
    bets.down *= (is_for ? 1 - kSure : kSure) / p;
    sum_of_bets_ += bets.up + bets.down;
  }

  double num_bets_, sum_of_bets_;
  double at_most_ = 1, at_least_ = 1;
  std::map<int, Bets> bets_;
};

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
  std::map<std::pair<int, int>, PairWins> pairs;
  std::map<uint64_t, std::vector<Decision>> voters;  // in the order of voting
  for (const Comparison& c : comparisons) {
    if (!c.is_person || (c.outcome != Outcome::kWinA && c.outcome != Outcome::kWinB)) continue;
    const Decision decision = Oriented(c, fit);
    PairWins& pair = pairs[{decision.stronger, decision.weaker}];
    pair.wins += decision.stronger_won;
    pair.total += 1;
    std::vector<Decision>& decisions = voters[c.voter];
    if (decisions.size() < kMaxTestedVotes) decisions.push_back(decision);
  }
  std::vector<VoterTest> tests;
  for (const auto& [voter, decisions] : voters) {
    if (decisions.size() < kMinTestedVotes) continue;
    Evidence evidence(fit.strength.size());
    VoterTest test{voter, static_cast<int>(decisions.size())};
    for (const Decision& d : decisions) {
      evidence.Add(d, pairs[{d.stronger, d.weaker}]);
      test.evidence = std::max(test.evidence, evidence.value());
    }
    test.is_outlier = test.evidence > 1 / alpha;
    tests.push_back(test);
  }
  return tests;
}

}  // namespace agon::arena
