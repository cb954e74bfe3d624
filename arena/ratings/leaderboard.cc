#include "arena/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>
#include <set>

#include "arena/online.h"
#include "core/error.h"
#include "core/quantiles.h"

namespace agon::arena {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kConfidence = 0.975;  // each side of a 95 % interval

// Names of the models in `keep`, at most three of them.
std::string Names(const std::vector<Model>& models, const std::vector<size_t>& keep) {
  std::string text;
  for (size_t k = 0; k < keep.size() && k < 3; ++k) {
    text += (k == 0 ? "" : ", ") + models[keep[k]].name;
  }
  return keep.size() > 3 ? text + " and " + std::to_string(keep.size() - 3) + " more" : text;
}

class Board {
 public:
  Board(const Comparisons& all, const LeaderboardOptions& options)
      : models_(all.models), options_(options), comparisons_(all.comparisons), head_(all.head) {
    n_ = static_cast<int>(models_.size());
  }

  Leaderboard Compute() {
    std::erase_if(comparisons_, [](const Comparison& c) { return !(c.weight > 0); });
    FitAll();
    SetOutliersAside();
    Intervals();
    Rows();
    Matrices();
    FirstPlaceOf();
    board_.num_comparisons = static_cast<int64_t>(comparisons_.size());
    board_.tie_parameter = fit_.tie_parameter;
    board_.style = fit_.style;
    board_.has_style = options_.has_style_control;
    board_.head = head_;
    return std::move(board_);
  }

 private:
  FitOptions Options() const { return {options_.ties, prior_sd_}; }

  Fit FitOnce() const {
    return options_.has_style_control ? FitWithStyle(n_, comparisons_, Options())
                                      : FitBradleyTerry(n_, pairs_, Options());
  }

  void FitAll() {
    pairs_ = CountPairs(comparisons_);
    prior_sd_ = 0;
    fit_ = FitOnce();
    if (fit_.is_finite) return;
    prior_sd_ = kBoardPriorSd;
    fit_ = FitOnce();
  }

  // Again without those that were found: they hid others by moving the shares.
  void SetOutliersAside() {
    std::set<uint64_t> outliers;
    while (options_.outlier_alpha > 0) {
      const size_t before = outliers.size();
      for (const VoterTest& test : TestVoters(comparisons_, fit_, options_.outlier_alpha)) {
        if (test.is_outlier) outliers.insert(test.voter);
      }
      if (outliers.size() == before) break;
      std::erase_if(comparisons_,
                    [&](const Comparison& c) { return c.is_person && outliers.contains(c.voter); });
      FitAll();
    }
    if (outliers.empty()) return;
    board_.voters_set_aside.assign(outliers.begin(), outliers.end());
    Note(std::to_string(outliers.size()) +
         " voter(s) whose votes contradict everyone else's were set aside.");
  }

  void Note(const std::string& text) { board_.notes.push_back(text); }

  void Intervals();
  void BootstrapIntervals();
  void RobustIntervals();
  void Statements();
  void Rows();
  // Two-sided, of at least that much of one between equals.
  double ChanceOfDifference(size_t i, size_t j) const;
  void Matrices();
  void FirstPlaceOf();

  const std::vector<Model>& models_;
  const LeaderboardOptions& options_;
  std::vector<Comparison> comparisons_;
  const std::string& head_;
  std::vector<PairCount> pairs_;
  int n_ = 0;
  double prior_sd_ = 0;
  Fit fit_;
  std::vector<double> covariance_;  // (n, n)
  std::vector<double> low_, high_;  // (n) nats
  double critical_ = 0;             // quantile of one difference
  double degrees_ = 0;              // of freedom of Student's t; 0: normal
  std::vector<size_t> order_;       // contestants of the rows, strongest first
  Leaderboard board_;
};

void Board::Intervals() {
  Statements();
  const auto n = static_cast<size_t>(n_);
  covariance_ = fit_.covariance;
  critical_ = NormalQuantile(kConfidence);
  low_.assign(n, kNan);
  high_.assign(n, kNan);
  if (comparisons_.empty()) return;
  options_.num_bootstraps > 0 ? BootstrapIntervals() : RobustIntervals();
}

void Board::BootstrapIntervals() {
  const auto n = static_cast<size_t>(n_);
  const auto count = static_cast<size_t>(options_.num_bootstraps);
  const auto samples = BootstrapStrengths(fit_, pairs_, options_.num_bootstraps, options_.seed);
  for (size_t i = 0; i < n; ++i) {
    std::vector<double> values(count);
    for (size_t s = 0; s < count; ++s) values[s] = samples[s * n + i];
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(count - 1);
    low_[i] = values[static_cast<size_t>(std::floor((1 - kConfidence) * last))];
    high_[i] = values[static_cast<size_t>(std::ceil(kConfidence * last))];
  }
  Note("Intervals: " + std::to_string(count) +
       " multinomial resamples (2.5 % and 97.5 % quantiles), each verdict taken for independent.");
}

void Board::RobustIntervals() {
  std::set<uint64_t> voters, prompts;
  for (const Comparison& c : comparisons_) {
    voters.insert(c.voter);
    prompts.insert(c.prompt);
  }
  const bool by_voter = voters.size() > 1, by_prompt = prompts.size() > 1;
  const Clusters clusters = by_voter && by_prompt ? Clusters::kVoterAndPrompt
                            : by_voter            ? Clusters::kVoter
                            : by_prompt           ? Clusters::kPrompt
                                                  : Clusters::kNone;
  const Covariance robust = SandwichCovariance(fit_, comparisons_, clusters);
  if (robust.num_clusters < 2) {
    Note("No intervals: one comparison says nothing of others.");
    covariance_.assign(covariance_.size(), kNan);
    return;
  }
  covariance_ = robust.values;
  degrees_ = static_cast<double>(robust.num_clusters - 1);
  critical_ = StudentQuantile(kConfidence, degrees_);
  const auto n = static_cast<size_t>(n_);
  bool has_spread = false;
  for (size_t i = 0; i < n; ++i) {
    const double variance = covariance_[i * n + i];
    if (!(variance > kNoVariance)) continue;
    has_spread = true;
    const double error = critical_ * std::sqrt(variance);
    low_[i] = fit_.strength[i] - error;
    high_[i] = fit_.strength[i] + error;
  }
  if (!has_spread) {
    // Both orders of each game cancel, or all are ties: that is no certainty.
    Note("No intervals: no prompt or voter says anything else than the others.");
    return;
  }
  Note("Intervals: 95 %, robust, clustered by " +
       std::string(clusters == Clusters::kVoterAndPrompt ? "voter and by prompt"
                   : clusters == Clusters::kVoter        ? "voter"
                   : clusters == Clusters::kPrompt       ? "prompt"
                                                         : "nothing") +
       " (" + std::to_string(voters.size()) + " voter(s), " + std::to_string(prompts.size()) +
       " prompt(s)).");
  const std::string& decider = options_.filter.decider;
  const bool has_voters = decider.empty() || decider == "vote" || decider == "judge";
  if (!by_voter && comparisons_.size() > 1 && has_voters) {
    Note(
        "All comparisons are by one voter: intervals tell what he would say to other prompts, "
        "not what others would say.");
  }
}

void Board::Statements() {
  if (prior_sd_ > 0) {
    bool has_only_won = false;
    for (size_t i = 1; i < models_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        has_only_won |= fit_.component[i] == fit_.component[j] && fit_.group[i] != fit_.group[j];
      }
    }
    Note(std::string(has_only_won ? "Some models have only won or only lost against the rest"
                                  : "No circle of models has more wins than ties") +
         ", so plain ratings would be infinite: a normal prior of " +
         std::to_string(std::lround(prior_sd_ * kPointsPerNat)) +
         " points around the mean holds them.");
  }
  std::map<int, std::vector<size_t>> parts;
  for (size_t i = 0; i < models_.size(); ++i) parts[fit_.component[i]].push_back(i);
  std::erase_if(parts, [](const auto& part) { return part.second.size() < 2; });
  if (parts.size() > 1) {
    std::string text = "Nothing links these groups, so their ratings can't be compared:";
    for (const auto& [number, part] : parts) text += " [" + Names(models_, part) + "]";
    Note(text + ".");
  }
  if (options_.has_style_control) {
    Note("Style control: length, headers, lists and bold as covariates, with a penalty of " +
         std::to_string(static_cast<int>(kStylePenalty)) +
         "/2 times the sum of squared coefficients on the summed log-likelihood.");
  }
}

void Board::Rows() {
  const auto n = static_cast<size_t>(n_);
  std::vector<LeaderboardRow> rows(n);
  for (const Comparison& c : comparisons_) {
    const double score = ScoreOfA(c.outcome);
    for (const auto& [who, points] : {std::pair(c.a, score), std::pair(c.b, 1 - score)}) {
      LeaderboardRow& row = rows[static_cast<size_t>(who)];
      (points == 1 ? row.wins : points == 0 ? row.losses : row.ties) += c.weight;
      ++row.num_comparisons;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    // Who met nobody has no rating.
    if (rows[i].num_comparisons > 0 && rows[i].num_comparisons >= options_.min_comparisons) {
      order_.push_back(i);
    }
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t i, size_t j) { return fit_.strength[i] > fit_.strength[j]; });
  const auto ranks = RankIntervals(fit_, covariance_, critical_, order_);
  for (size_t k = 0; k < order_.size(); ++k) {
    const size_t i = order_[k];
    LeaderboardRow row = rows[i];
    row.model = models_[i];
    row.rating = kMeanPoints + kPointsPerNat * fit_.strength[i];
    row.ci_low = kMeanPoints + kPointsPerNat * low_[i];
    row.ci_high = kMeanPoints + kPointsPerNat * high_[i];
    row.share =
        static_cast<double>(row.num_comparisons) / (2 * static_cast<double>(comparisons_.size()));
    row.rank = ranks[k];
    row.p_next = k + 1 < order_.size() ? ChanceOfDifference(i, order_[k + 1]) : kNan;
    board_.rows.push_back(row);
  }
}

double Board::ChanceOfDifference(size_t i, size_t j) const {
  if (fit_.component[i] != fit_.component[j]) return kNan;
  const double error = DifferenceError(covariance_, n_, static_cast<int>(i), static_cast<int>(j));
  if (std::isnan(error)) return kNan;
  const double t = std::abs(fit_.strength[i] - fit_.strength[j]) / error;
  return degrees_ > 0 ? 2 * StudentTail(t, degrees_) : std::erfc(t / std::numbers::sqrt2);
}

void Board::Matrices() {
  const size_t size = order_.size();
  std::vector<int> place(models_.size(), -1);
  for (size_t k = 0; k < size; ++k) place[order_[k]] = static_cast<int>(k);
  std::vector<double> points(size * size, 0.0);
  board_.counts.assign(size * size, 0.0);
  board_.win_shares.assign(size * size, kNan);
  for (const PairCount& pair : pairs_) {
    const int a = place[static_cast<size_t>(pair.a)], b = place[static_cast<size_t>(pair.b)];
    if (a < 0 || b < 0) continue;
    const size_t ab = static_cast<size_t>(a) * size + static_cast<size_t>(b);
    const size_t ba = static_cast<size_t>(b) * size + static_cast<size_t>(a);
    const double total = pair.a_wins + pair.b_wins + pair.ties;
    board_.counts[ab] = board_.counts[ba] = total;
    board_.win_shares[ab] = (pair.a_wins + pair.ties / 2) / total;
    board_.win_shares[ba] = (pair.b_wins + pair.ties / 2) / total;
  }
}

void Board::FirstPlaceOf() {
  if (options_.has_style_control) return;  // turning a vote round changes its style, too
  const auto first = VotesToFlipFirst(n_, pairs_, Options());
  if (!first) return;
  const auto row_of = [&](int contestant) {
    const auto found = std::find(order_.begin(), order_.end(), static_cast<size_t>(contestant));
    return found == order_.end() ? -1 : static_cast<int>(found - order_.begin());
  };
  FirstPlace place = *first;
  place.leader = row_of(first->leader);
  place.rival = row_of(first->rival);
  if (place.leader == 0 && place.rival > 0) board_.first_place = place;
}

}  // namespace

Leaderboard ComputeLeaderboard(const Comparisons& comparisons, const LeaderboardOptions& options) {
  if (options.num_bootstraps > 0 && options.has_style_control) {
    throw Error(ErrorKind::kUsage, "resamples are of verdicts without their style", "--bootstrap",
                "leave out --bootstrap or --style");
  }
  return Board(comparisons, options).Compute();
}

Leaderboard ReadLeaderboard(Arena& arena, const LeaderboardOptions& options) {
  return ComputeLeaderboard(arena.Compare(options.filter, options.has_style_control), options);
}

}  // namespace agon::arena
