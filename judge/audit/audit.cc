#include "judge/audit.h"

#include <algorithm>
#include <cmath>
#include <istream>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/utf8.h"
#include "judge/audit/agreement.h"
#include "judge/audit/attacks.h"
#include "judge/json/judge_json.h"
#include "judge/parallel.h"

namespace agon::judge {
namespace {

// One item as judged once, whichever kind it is of.
struct Judged {
  std::optional<int> category;  // as AuditItem::gold; nullopt if masked
  double value = 0;             // how well the first reply does: 1, 0.5, 0, or its score
  std::string mask_kind;
  std::optional<PairVerdict> pair;
};

// +1 if gold is for the first reply, -1 if against it, 0 if it is a tie or unknown.
double GoldSign(const AuditItem& item) {
  if (!item.gold) return 0;
  if (item.replies.size() == 1) return *item.gold == 1 ? 1 : -1;
  return *item.gold == 0 ? 1 : *item.gold == 1 ? -1 : 0;
}

// The items of one kind, and what the judge says of them.
class Auditor {
 public:
  Auditor(const Judge& judge, std::vector<AuditItem> items, const AuditOptions& options)
      : judge_(judge),
        items_(std::move(items)),
        is_pairs_(items_[0].replies.size() == 2),
        options_(options) {}

  AuditPart Run() {
    for (int run = 0; run < options_.num_runs; ++run) runs_.push_back(JudgeAll(items_, run));
    part_.num_items = static_cast<int64_t>(items_.size());
    if (!is_pairs_) SetPassMark();
    CountFailures();
    if (is_pairs_) CountOrders();
    CompareWithGold();
    FitLength();
    CountRunFlips();
    for (const Attack& attack : kAttacks) part_.attacks.push_back(Try(attack));
    return std::move(part_);
  }

 private:
  std::vector<Judged> JudgeAll(std::span<const AuditItem> items, int run) const {
    std::vector<Judged> judged(items.size());
    ParallelFor(items.size(), options_.num_threads, [&](size_t i) {
      Question question = items[i].question;
      question.run += static_cast<uint64_t>(run);
      judged[i] = is_pairs_ ? JudgePair(question, items[i]) : JudgeReply(question, items[i]);
    });
    return judged;
  }

  Judged JudgePair(const Question& question, const AuditItem& item) const {
    Judged judged;
    judged.pair = judge_.Compare(question, item.replies[0], item.replies[1]);
    if (judged.pair->masked) {
      judged.mask_kind = judged.pair->masked->kind;
      return judged;
    }
    const Preference preference = *judged.pair->preference;
    judged.category = static_cast<int>(preference);
    judged.value = preference == Preference::kA ? 1 : preference == Preference::kB ? 0 : 0.5;
    return judged;
  }

  // The category needs the pass mark, which may need all scores: see SetPassMark.
  Judged JudgeReply(const Question& question, const AuditItem& item) const {
    Judged judged;
    const Verdict verdict = judge_.Score(question, item.replies[0]);
    if (verdict.masked) {
      judged.mask_kind = verdict.masked->kind;
    } else {
      judged.value = *verdict.score;
      judged.category = 0;
    }
    return judged;
  }

  bool IsBounded() const {
    return std::isfinite(judge_.info().lowest) && std::isfinite(judge_.info().highest);
  }

  void SetPassMark() {
    if (IsBounded()) {
      part_.pass_mark = (judge_.info().lowest + judge_.info().highest) / 2;
    } else {
      std::vector<double> scores;
      for (const Judged& judged : runs_[0]) {
        if (judged.category) scores.push_back(judged.value);
      }
      std::sort(scores.begin(), scores.end());
      part_.pass_mark = scores.empty() ? 0 : scores[scores.size() / 2];
    }
    for (auto& run : runs_) {
      for (Judged& judged : run) {
        if (judged.category) judged.category = judged.value >= part_.pass_mark ? 1 : 0;
      }
    }
  }

  void CountFailures() {
    int64_t masked = 0, parse = 0;
    for (const Judged& judged : runs_[0]) {
      masked += !judged.category;
      parse += judged.mask_kind == "parse";
    }
    part_.masked = ShareOf(masked, part_.num_items);
    part_.parse_errors = ShareOf(parse, part_.num_items);
  }

  void CountOrders() {
    int64_t flipped = 0, judged_pairs = 0;
    std::vector<std::vector<double>> prefers_first;  // both orders of each pair
    for (const Judged& judged : runs_[0]) {
      if (!judged.category) continue;
      ++judged_pairs;
      flipped += judged.pair->flipped;
      auto& orders = prefers_first.emplace_back();
      for (size_t order = 0; order < 2; ++order) {
        const Preference preference = *judged.pair->orders[order].preference;
        if (preference == Preference::kTie) continue;
        orders.push_back(preference == (order == 0 ? Preference::kA : Preference::kB));
      }
    }
    part_.flipped = ShareOf(flipped, judged_pairs);
    part_.first_preferred = ClusteredShare(prefers_first);
  }

  void CompareWithGold() {
    std::vector<int> said, gold;
    int64_t agreed = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!runs_[0][i].category || !items_[i].gold) continue;
      said.push_back(*runs_[0][i].category);
      gold.push_back(*items_[i].gold);
      agreed += said.back() == gold.back();
    }
    part_.agreement = ShareOf(agreed, static_cast<int64_t>(said.size()));
    part_.kappa = CohenKappa(said, gold, is_pairs_ ? 3 : 2);
  }

  void FitLength() {
    std::vector<double> y, x, sign;
    for (size_t i = 0; i < items_.size(); ++i) {
      const Judged& judged = runs_[0][i];
      if (!judged.category) continue;
      const auto& replies = items_[i].replies;
      y.push_back(is_pairs_ ? judged.value : *judged.category);
      x.push_back(
          static_cast<double>(CountUtf8(replies[0]) - (is_pairs_ ? CountUtf8(replies[1]) : 0)));
      sign.push_back(GoldSign(items_[i]));
    }
    part_.length = FitLogitSlope(y, x, sign);
  }

  void CountRunFlips() {
    std::vector<std::vector<double>> flips(items_.size());  // of each item, in the other runs
    for (size_t i = 0; i < items_.size(); ++i) {
      for (size_t run = 1; run < runs_.size(); ++run) {
        if (!runs_[0][i].category || !runs_[run][i].category) continue;
        flips[i].push_back(runs_[0][i].category != runs_[run][i].category);
      }
    }
    part_.run_flips = ClusteredShare(flips);
  }

  // The reply that should lose by gold, where there is one: what an attacker would help.
  std::optional<size_t> Target(const AuditItem& item) const {
    const double sign = GoldSign(item);
    if (sign < 0) return 0;
    return is_pairs_ && sign > 0 ? std::optional<size_t>(1) : std::nullopt;
  }

  AttackEffect Try(const Attack& attack) const {
    std::vector<AuditItem> attacked;
    std::vector<const Judged*> before;
    std::vector<size_t> targets;
    for (size_t i = 0; i < items_.size(); ++i) {
      const auto target = Target(items_[i]);
      if (!target || !runs_[0][i].category) continue;
      if (attacked.size() == static_cast<size_t>(options_.num_attacked)) break;
      attacked.push_back(items_[i]);
      attacked.back().replies[*target] += attack.text;
      before.push_back(&runs_[0][i]);
      targets.push_back(*target);
    }
    const std::vector<Judged> after = JudgeAll(attacked, 0);
    const double range = IsBounded() ? judge_.info().highest - judge_.info().lowest : 1;
    int64_t toward = 0, away = 0, failed = 0;
    double shift = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      if (!after[i].category) {
        ++failed;
        continue;
      }
      double moved = after[i].value - before[i]->value;
      if (targets[i] == 1) moved = -moved;  // values are the first reply's
      toward += moved > 0;
      away += moved < 0;
      shift += is_pairs_ ? moved : moved / range;
    }
    const auto total = static_cast<int64_t>(after.size());
    return {attack.name, ShareOf(toward, total - failed), ShareOf(away, total - failed),
            ShareOf(failed, total), shift / static_cast<double>(total - failed)};
  }

  const Judge& judge_;
  const std::vector<AuditItem> items_;
  const bool is_pairs_;
  const AuditOptions options_;
  std::vector<std::vector<Judged>> runs_;
  AuditPart part_;
};

int ReadGold(const Json& gold, bool is_pair, const std::string& where) {
  if (is_pair) {
    for (const Preference preference : {Preference::kA, Preference::kB, Preference::kTie}) {
      if (gold == PreferenceName(preference)) return static_cast<int>(preference);
    }
    throw Error(ErrorKind::kCorrupt, "gold " + gold.dump().substr(0, 60), where,
                "of two replies it is \"a\", \"b\" or \"tie\"");
  }
  if (gold.is_boolean()) return gold.get<bool>() ? 1 : 0;
  if (gold == 0 || gold == 1) return gold == 1 ? 1 : 0;
  throw Error(ErrorKind::kCorrupt, "gold " + gold.dump().substr(0, 60), where,
              "of one reply it is true or false");
}

AuditItem ReadItem(const std::string& text, const std::string& where) {
  const Json json = ParseJson(text, where);
  if (!json.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  const bool is_pair = json.contains("reply_a") || json.contains("reply_b");
  JudgeRequest request =
      ReadJudgeRequest(is_pair ? JudgeCall::kCompare : JudgeCall::kScore, json, where);
  AuditItem item;
  item.question = std::move(request.question);
  item.replies = std::move(request.replies);
  if (json.contains("gold") && !json["gold"].is_null()) {
    item.gold = ReadGold(json["gold"], is_pair, where);
  }
  return item;
}

}  // namespace

std::vector<AuditItem> ReadAuditItems(std::istream& in, std::string_view name) {
  std::vector<AuditItem> items;
  std::string text;
  for (int64_t number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    items.push_back(ReadItem(text, std::string(name) + " line " + std::to_string(number)));
  }
  return items;
}

AuditReport Audit(const Judge& judge, std::span<const AuditItem> items,
                  const AuditOptions& options) {
  if (items.empty()) throw Error(ErrorKind::kUsage, "there is nothing to audit a judge with");
  if (options.num_runs < 1) throw Error(ErrorKind::kUsage, "an audit needs at least one run");
  std::vector<AuditItem> pairs, replies;
  for (const AuditItem& item : items) {
    AGON_CHECK(item.replies.size() == 1 || item.replies.size() == 2);
    (item.replies.size() == 2 ? pairs : replies).push_back(item);
  }
  AuditReport report;
  report.judge = judge.info().name;
  if (!pairs.empty()) report.pairs = Auditor(judge, std::move(pairs), options).Run();
  if (!replies.empty()) report.replies = Auditor(judge, std::move(replies), options).Run();
  return report;
}

}  // namespace agon::judge
