#include "judge/judge.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

// The caller's mistake, as opposed to a failure of the judge.
bool IsCallers(const Error& error) {
  return error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kInterrupted;
}

Preference Swapped(Preference preference) {
  if (preference == Preference::kTie) return preference;
  return preference == Preference::kA ? Preference::kB : Preference::kA;
}

Verdict Checked(Verdict verdict, const JudgeInfo& info) {
  if (verdict.masked) {
    verdict.score.reset();
    return verdict;
  }
  if (!verdict.score) return MaskedVerdict("judge", "the judge gave no score");
  const double score = *verdict.score;
  if (std::isfinite(score) && score >= info.lowest && score <= info.highest) return verdict;
  Verdict masked = MaskedVerdict(
      "range", "the score " + std::to_string(score) +
                   (std::isfinite(score) ? " is out of range" : " is not a finite number"));
  masked.said = std::move(verdict.said);
  return masked;
}

}  // namespace

const char* PreferenceName(Preference preference) {
  switch (preference) {
    case Preference::kA:
      return "a";
    case Preference::kB:
      return "b";
    case Preference::kTie:
      return "tie";
  }
  AGON_CHECK(false, "unknown preference");
}

Verdict MaskedVerdict(std::string kind, std::string reason) {
  Verdict verdict;
  verdict.reason = "no score: " + reason;
  verdict.masked = envs::Mask{std::move(kind), std::move(reason)};
  return verdict;
}

OrderVerdict MaskedOrder(std::string kind, std::string reason) {
  OrderVerdict verdict;
  verdict.reason = "no preference: " + reason;
  verdict.masked = envs::Mask{std::move(kind), std::move(reason)};
  return verdict;
}

OrderVerdict Judge::DoCompare(const Question& /*question*/, std::string_view /*first*/,
                              std::string_view /*second*/) const {
  AGON_CHECK(false, "a judge that sees pairs compares them");
}

Verdict Judge::Score(const Question& question, std::string_view reply) const {
  try {
    return Checked(DoScore(question, reply), info());
  } catch (const Error& error) {
    if (IsCallers(error)) throw;
    return MaskedVerdict("judge", error.what());
  }
}

OrderVerdict Judge::CheckedCompare(const Question& question, std::string_view first,
                                   std::string_view second) const {
  try {
    OrderVerdict verdict = DoCompare(question, first, second);
    if (verdict.masked) {
      verdict.preference.reset();
    } else if (!verdict.preference) {
      return MaskedOrder("judge", "the judge gave no preference");
    }
    // A comparison with NaN is false.
    if (verdict.probability && !(*verdict.probability >= 0 && *verdict.probability <= 1)) {
      return MaskedOrder("range", "a probability out of range");
    }
    return verdict;
  } catch (const Error& error) {
    if (IsCallers(error)) throw;
    return MaskedOrder("judge", error.what());
  }
}

PairVerdict Judge::CompareScores(const Question& question, std::string_view a,
                                 std::string_view b) const {
  Verdict verdicts[2] = {Score(question, a), Score(question, b)};
  PairVerdict pair;
  for (Verdict& verdict : verdicts) {
    if (!verdict.masked) continue;
    pair.masked = std::move(verdict.masked);
    pair.reason = std::move(verdict.reason);
    for (OrderVerdict& order : pair.orders) {
      order.masked = pair.masked;
      order.reason = pair.reason;
    }
    return pair;
  }
  const double x = *verdicts[0].score, y = *verdicts[1].score;
  pair.preference = x > y ? Preference::kA : x < y ? Preference::kB : Preference::kTie;
  pair.reason = "a: " + verdicts[0].reason + "; b: " + verdicts[1].reason;
  for (OrderVerdict& order : pair.orders) {
    order.preference = pair.preference;
    order.reason = pair.reason;
  }
  return pair;
}

PairVerdict Judge::Compare(const Question& question, std::string_view a, std::string_view b) const {
  if (!info().sees_pairs) return CompareScores(question, a, b);
  PairVerdict pair;
  pair.orders[0] = CheckedCompare(question, a, b);
  pair.orders[1] = CheckedCompare(question, b, a);
  OrderVerdict& swapped = pair.orders[1];
  if (swapped.preference) swapped.preference = Swapped(*swapped.preference);
  if (swapped.probability) swapped.probability = 1 - *swapped.probability;
  for (const OrderVerdict& order : pair.orders) {
    if (!order.masked) continue;
    pair.masked = order.masked;
    pair.reason = order.reason;
    return pair;
  }
  pair.flipped = pair.orders[0].preference != pair.orders[1].preference;
  pair.preference = pair.flipped ? Preference::kTie : *pair.orders[0].preference;
  pair.reason = pair.flipped ? "the two orders disagree" : pair.orders[0].reason;
  return pair;
}

namespace {

std::vector<RankedReply> ScoreAll(const Judge& judge, const Question& question,
                                  std::span<const std::string> replies) {
  std::vector<RankedReply> ranked;
  for (size_t i = 0; i < replies.size(); ++i) {
    Verdict verdict = judge.Score(question, replies[i]);
    ranked.push_back({i, 0, verdict.score, std::move(verdict.reason), std::move(verdict.masked)});
  }
  return ranked;
}

// Copeland's rule: the share of comparisons won.
std::vector<RankedReply> CompareAll(const Judge& judge, const Question& question,
                                    std::span<const std::string> replies) {
  std::vector<RankedReply> ranked(replies.size());
  std::vector<double> won(replies.size());
  std::vector<int> compared(replies.size());
  for (size_t i = 0; i < replies.size(); ++i) {
    ranked[i].index = i;
    for (size_t j = 0; j < i; ++j) {
      const PairVerdict pair = judge.Compare(question, replies[j], replies[i]);
      if (pair.masked) {
        ranked[i].masked = ranked[j].masked = pair.masked;
        continue;
      }
      const double share = *pair.preference == Preference::kA     ? 1.0
                           : *pair.preference == Preference::kTie ? 0.5
                                                                  : 0.0;
      won[j] += share;
      won[i] += 1 - share;
      ++compared[i], ++compared[j];
    }
  }
  for (size_t i = 0; i < replies.size(); ++i) {
    if (compared[i] == 0 && replies.size() > 1) {
      ranked[i].reason = "no score: " + ranked[i].masked->reason;
      continue;
    }
    ranked[i].masked.reset();
    ranked[i].score = replies.size() == 1 ? 1.0 : won[i] / compared[i];
    ranked[i].reason = "compared with " + std::to_string(compared[i]) + " others";
  }
  return ranked;
}

}  // namespace

std::vector<RankedReply> Rank(const Judge& judge, const Question& question,
                              std::span<const std::string> replies) {
  if (replies.empty() || replies.size() > kMaxRankedReplies) {
    throw Error(ErrorKind::kUsage, std::to_string(replies.size()) + " replies to rank", "replies",
                "give 1 to " + std::to_string(kMaxRankedReplies));
  }
  std::vector<RankedReply> ranked = judge.info().sees_pairs ? CompareAll(judge, question, replies)
                                                            : ScoreAll(judge, question, replies);
  std::stable_sort(ranked.begin(), ranked.end(), [](const RankedReply& a, const RankedReply& b) {
    if (a.score.has_value() != b.score.has_value()) return a.score.has_value();
    return a.score.has_value() && *a.score > *b.score;
  });
  for (size_t i = 0; i < ranked.size() && ranked[i].score; ++i) {
    const bool is_equal = i > 0 && *ranked[i].score == *ranked[i - 1].score;
    ranked[i].rank = is_equal ? ranked[i - 1].rank : static_cast<int>(i) + 1;
  }
  return ranked;
}

}  // namespace agon::judge
