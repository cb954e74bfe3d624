// Audits of judges whose faults are known because they were built in.
#include "judge/audit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "judge/audit/agreement.h"
#include "tests/error_of.h"

namespace agon::judge {
namespace {

// 50 items, both yes 20, judge only 5, gold only 10, both no 15: po = 0.7, the judge's margins are
// 0.5 and 0.5, gold's 0.6 and 0.4, pe = 0.3 + 0.2 = 0.5, kappa = 0.2 / 0.5 = 0.4.
// 50 * 0.5^2 var = 0.4 (1 - 1.1 * 0.6)^2 + 0.3 (1 - 0.9 * 0.6)^2
//                  + 0.36 (0.1 (0.6 + 0.5)^2 + 0.2 (0.4 + 0.5)^2) - (0.4 - 0.5 * 0.6)^2
//                = 0.10972 + 0.10188 - 0.01 = 0.2016, so the standard error is 0.126996.
TEST(CohenKappaTest, GoldenValues) {
  std::vector<int> judge, gold;
  const auto add = [&](int a, int b, int count) {
    judge.insert(judge.end(), static_cast<size_t>(count), a);
    gold.insert(gold.end(), static_cast<size_t>(count), b);
  };
  add(1, 1, 20), add(1, 0, 5), add(0, 1, 10), add(0, 0, 15);
  const Kappa two = CohenKappa(judge, gold, 2);
  EXPECT_NEAR(two.value, 0.4, 1e-12);
  EXPECT_NEAR(two.agreement, 0.7, 1e-12);
  EXPECT_NEAR(two.chance, 0.5, 1e-12);
  EXPECT_NEAR(two.stderr_, 0.12699606, 1e-8);

  // Fleiss 1981, table 13.1, 100 patients, three diagnoses: kappa 0.68, standard error 0.087.
  judge.clear(), gold.clear();
  add(0, 0, 75), add(0, 1, 1), add(0, 2, 4), add(1, 0, 5), add(1, 1, 4), add(1, 2, 1),
      add(2, 2, 10);
  const Kappa three = CohenKappa(judge, gold, 3);
  EXPECT_NEAR(three.value, 0.67647059, 1e-8);
  EXPECT_NEAR(three.stderr_, 0.08770295, 1e-8);
  EXPECT_NEAR(three.ci_low, 0.67647059 - 1.95996398 * 0.08770295, 1e-7);
}

TEST(CohenKappaTest, Edges) {
  const std::vector<int> mixed = {0, 1, 2, 0}, constant = {1, 1, 1, 1};
  EXPECT_DOUBLE_EQ(CohenKappa(mixed, mixed, 3).value, 1);
  EXPECT_TRUE(std::isnan(CohenKappa(mixed, mixed, 3).stderr_));  // four items prove nothing
  EXPECT_TRUE(std::isnan(CohenKappa(mixed, mixed, 3).ci_low));
  EXPECT_TRUE(std::isnan(CohenKappa(constant, constant, 3).value));
  EXPECT_TRUE(std::isnan(CohenKappa({}, {}, 3).value));
  EXPECT_NEAR(CohenKappa(constant, mixed, 3).value, 0, 1e-12);  // a constant judge knows nothing
}

// Wilson 1927 for 8 of 10, z = 1.959964: centre (0.8 + 0.19207) / 1.38415 = 0.71674,
// half width 1.959964 sqrt(0.016 + 0.0096036) / 1.38415 = 0.22657.
TEST(ShareOfTest, GoldenValues) {
  const Share share = ShareOf(8, 10);
  EXPECT_NEAR(share.ci_low, 0.490160, 1e-5);
  EXPECT_NEAR(share.ci_high, 0.943318, 1e-5);
  EXPECT_EQ(ShareOf(0, 5).ci_low, 0);
  EXPECT_EQ(ShareOf(5, 5).ci_high, 1);
  EXPECT_TRUE(std::isnan(ShareOf(0, 0).value));
}

// Ten items of two values each that always agree are ten values, not twenty.
TEST(ClusteredShareTest, CopiesAddNoCertainty) {
  std::vector<std::vector<double>> twice, once;
  for (int i = 0; i < 10; ++i) {
    twice.push_back({i < 8 ? 1.0 : 0.0, i < 8 ? 1.0 : 0.0});
    once.push_back({i < 8 ? 1.0 : 0.0});
  }
  const Share copied = ClusteredShare(twice), single = ClusteredShare(once);
  EXPECT_EQ(copied.count, 16);
  EXPECT_EQ(copied.n, 20);
  EXPECT_DOUBLE_EQ(copied.value, 0.8);
  // p (1 - p) / se^2 is 9 for ten values: sd^2 has the denominator n - 1.
  EXPECT_NEAR(copied.ci_low, single.ci_low, 1e-12);
  EXPECT_LT(single.ci_low, ShareOf(8, 10).ci_low);
  EXPECT_GT(single.ci_low, ShareOf(8, 10).ci_low - 0.02);
  // All alike: each item counts once.
  const std::vector<std::vector<double>> none(5, {0, 0, 0});
  EXPECT_DOUBLE_EQ(ClusteredShare(none).ci_high, ShareOf(0, 5).ci_high);
  EXPECT_EQ(ClusteredShare(none).n, 15);
  // Opposites, as of a judge without position bias, are no better than independent values.
  const std::vector<std::vector<double>> opposite(5, {0, 1});
  EXPECT_DOUBLE_EQ(ClusteredShare(opposite).ci_low, ShareOf(5, 10).ci_low);
  EXPECT_TRUE(std::isnan(ClusteredShare({}).value));
}

// A table of two groups has a closed form: x = -1: 1 of 4, x = +1: 3 of 4. The deviation of
// eight such values is sqrt(8/7) = 1.0690, logit(3/4) = ln 3 = 1.0986 at x = 1, so the slope per
// deviation is 1.0986 * 1.0690 = 1.1744; the prior of deviation 10 takes a little of it.
TEST(FitLogitSlopeTest, GoldenValue) {
  const std::vector<double> x = {-1, -1, -1, -1, 1, 1, 1, 1}, y = {1, 0, 0, 0, 1, 1, 1, 0};
  const LogitSlope slope = FitLogitSlope(y, x, std::vector<double>(8));
  EXPECT_NEAR(slope.value, 1.1744, 0.012);
  EXPECT_NEAR(slope.x_deviation, 1.0690, 1e-4);
  // 1 / sqrt(sum p (1 - p) x^2) = 1 / sqrt(8 * 0.1875 * 7/8)
  EXPECT_NEAR(slope.stderr_, 1 / std::sqrt(8 * 0.1875 * 7 / 8), 0.01);
}

TEST(FitLogitSlopeTest, SeparationAndEmptinessAreSurvived) {
  std::vector<double> x, y;
  for (int i = 0; i < 200; ++i) x.push_back(i - 99.5), y.push_back(i >= 100);
  const LogitSlope slope = FitLogitSlope(y, x, std::vector<double>(200));
  EXPECT_TRUE(std::isfinite(slope.value));
  EXPECT_GT(slope.ci_low, 3);
  EXPECT_TRUE(std::isnan(FitLogitSlope({}, {}, {}).value));
  const std::vector<double> flat(10, 1.0);
  EXPECT_TRUE(std::isnan(FitLogitSlope(flat, flat, flat).value));
}

// Sees a pair through a function of which reply is first.
class SyntheticJudge final : public Judge {
 public:
  using Look = std::function<OrderVerdict(const Question&, std::string_view, std::string_view)>;
  explicit SyntheticJudge(Look look) : look_(std::move(look)) {
    told_ = {"synthetic", "synthetic", 1, 10, true};
  }
  const JudgeInfo& info() const override { return told_; }
  std::function<double(std::string_view)> rate;

 protected:
  Verdict DoScore(const Question&, std::string_view reply) const override {
    Verdict verdict;
    verdict.score = rate(reply);
    return verdict;
  }
  OrderVerdict DoCompare(const Question& question, std::string_view first,
                         std::string_view second) const override {
    return look_(question, first, second);
  }

 private:
  Look look_;
  JudgeInfo told_;
};

OrderVerdict Prefers(bool first) {
  OrderVerdict verdict;
  verdict.preference = first ? Preference::kA : Preference::kB;
  return verdict;
}

// Pairs numbered in the prompt; the better reply holds "good". Gold: a for even numbers.
std::vector<AuditItem> Pairs(int count) {
  std::vector<AuditItem> items;
  Rng rng({.run_seed = 11});
  for (int i = 0; i < count; ++i) {
    AuditItem item;
    item.question.messages = {{Role::kUser, std::to_string(i)}};
    const std::string good = "good " + std::string(rng.Below(40), 'x');
    const std::string bad = "bad " + std::string(rng.Below(40), 'x');
    item.replies = i % 2 == 0 ? std::vector{good, bad} : std::vector{bad, good};
    item.gold = i % 2;
    items.push_back(std::move(item));
  }
  return items;
}

int NumberOf(const Question& question) { return std::stoi(question.messages[0].content); }
bool IsGood(std::string_view reply) { return reply.starts_with("good"); }

TEST(AuditTest, APerfectJudge) {
  const SyntheticJudge judge([](const Question&, std::string_view first, std::string_view) {
    return Prefers(IsGood(first));
  });
  const AuditPart part = *Audit(judge, Pairs(100), {}).pairs;
  EXPECT_EQ(part.num_items, 100);
  EXPECT_EQ(part.flipped.count, 0);
  EXPECT_EQ(part.agreement.value, 1);
  EXPECT_DOUBLE_EQ(part.kappa.value, 1);
  EXPECT_EQ(part.run_flips.n, 100);
  EXPECT_EQ(part.run_flips.count, 0);
  EXPECT_EQ(part.first_preferred.value, 0.5);
  EXPECT_LT(part.length.ci_low, 0);
  EXPECT_GT(part.length.ci_high, 0);
  for (const AttackEffect& attack : part.attacks) EXPECT_EQ(attack.toward.count, 0) << attack.name;
}

// Every fifth pair gets "the first", whatever stands there; the rest get the truth. So 20 % flip
// to a tie, agreement is 80 %, and of 200 single orders 40 + 80 prefer the first.
TEST(AuditTest, AJudgeOfPlaces) {
  const SyntheticJudge judge(
      [](const Question& question, std::string_view first, std::string_view) {
        return Prefers(NumberOf(question) % 5 == 0 || IsGood(first));
      });
  const AuditPart part = *Audit(judge, Pairs(100), {}).pairs;
  EXPECT_EQ(part.flipped.count, 20);
  EXPECT_EQ(part.flipped.n, 100);
  EXPECT_EQ(part.agreement.count, 80);
  EXPECT_EQ(part.first_preferred.count, 120);
  EXPECT_EQ(part.first_preferred.n, 200);
  // Judge a 40, b 40, tie 20; gold a 50, b 50: pe = 0.4, kappa = (0.8 - 0.4) / 0.6.
  EXPECT_NEAR(part.kappa.value, 2.0 / 3, 1e-12);
}

TEST(AuditTest, AJudgeThatFails) {
  const SyntheticJudge judge(
      [](const Question& question, std::string_view first, std::string_view) {
        if (NumberOf(question) % 10 == 0) return MaskedOrder("parse", "no verdict");
        if (NumberOf(question) % 10 == 1) return MaskedOrder("judge", "dead");
        return Prefers(IsGood(first));
      });
  const AuditPart part = *Audit(judge, Pairs(100), {}).pairs;
  EXPECT_EQ(part.masked.count, 20);
  EXPECT_EQ(part.parse_errors.count, 10);
  EXPECT_EQ(part.agreement.n, 80);
  EXPECT_EQ(part.agreement.value, 1);
}

// Prefers by length alone: first with probability sigma(difference / 10), by fixed draws.
TEST(AuditTest, AJudgeOfLength) {
  const SyntheticJudge judge([](const Question& question, std::string_view a, std::string_view b) {
    const RngKey key{.run_seed = 3, .task = static_cast<uint64_t>(NumberOf(question))};
    const double difference = static_cast<double>(a.size()) - static_cast<double>(b.size());
    // The same draw for both orders, mirrored, so that orders don't flip.
    const bool is_swapped = b.size() > a.size();
    const double p = 1 / (1 + std::exp(-std::abs(difference) / 10));
    return Prefers((key.Uniform(0) < p) != is_swapped);
  });
  const AuditPart part = *Audit(judge, Pairs(2000), {.num_attacked = 0}).pairs;
  const double slope_per_character = part.length.value / part.length.x_deviation;
  EXPECT_NEAR(slope_per_character, 0.1, 0.015);
  EXPECT_LT(std::abs(part.kappa.value), 0.1);
}

TEST(AuditTest, AJudgeThatIsNotItselfTwice) {
  const SyntheticJudge judge(
      [](const Question& question, std::string_view first, std::string_view) {
        const bool is_contrary = question.run == 1 && NumberOf(question) % 4 == 0;
        return Prefers(IsGood(first) != is_contrary);
      });
  const AuditPart part = *Audit(judge, Pairs(100), {.num_runs = 3}).pairs;
  EXPECT_EQ(part.run_flips.count, 25);  // run 1; run 2 agrees with run 0
  EXPECT_EQ(part.run_flips.n, 200);
}

// Obeys "Output [[A]]" wherever it stands: its pair gets A in both orders, which is a tie.
TEST(AuditTest, AJudgeThatObeysItsTranscript) {
  const SyntheticJudge judge([](const Question&, std::string_view first, std::string_view second) {
    const auto holds = [](std::string_view reply, const char* text) {
      return reply.find(text) != std::string_view::npos;
    };
    if (holds(first, "Output [[A]]") || holds(second, "Output [[A]]")) return Prefers(true);
    if (holds(first, "grader")) return Prefers(true);
    if (holds(second, "grader")) return Prefers(false);
    if (holds(first, "[[10]]") || holds(second, "[[10]]")) return MaskedOrder("parse", "?");
    return Prefers(IsGood(first));
  });
  const AuditPart part = *Audit(judge, Pairs(100), {.num_attacked = 20}).pairs;
  const auto effect = [&](const std::string& name) {
    for (const AttackEffect& attack : part.attacks) {
      if (attack.name == name) return attack;
    }
    return AttackEffect();
  };
  EXPECT_EQ(effect("control").toward.count, 0);
  EXPECT_EQ(effect("control").toward.n, 20);
  EXPECT_EQ(effect("output A").toward.count, 20);  // from loss to tie
  EXPECT_DOUBLE_EQ(effect("output A").mean_shift, 0.5);
  EXPECT_EQ(effect("grader note").toward.count, 20);  // from loss to win
  EXPECT_DOUBLE_EQ(effect("grader note").mean_shift, 1);
  EXPECT_EQ(effect("output 10").failed.count, 20);
  EXPECT_EQ(effect("output 10").toward.n, 0);
}

// Only what should lose by gold is helped: neither a tie nor what nobody knows has a loser.
TEST(AuditTest, AttacksHelpLosersOnly) {
  const SyntheticJudge judge(
      [](const Question& question, std::string_view first, std::string_view second) {
        const bool is_attacked = first.size() > 60 || second.size() > 60;
        EXPECT_TRUE(!is_attacked || NumberOf(question) < 10) << NumberOf(question);
        return Prefers(IsGood(first));
      });
  std::vector<AuditItem> items = Pairs(30);
  for (size_t i = 10; i < 20; ++i) items[i].gold = 2;
  for (size_t i = 20; i < 30; ++i) items[i].gold.reset();
  const AuditPart part = *Audit(judge, items, {}).pairs;
  EXPECT_EQ(part.attacks[0].toward.n, 10);
}

TEST(AuditTest, SingleReplies) {
  SyntheticJudge judge({});
  // Rates good replies 9, bad ones 3, but every tenth the wrong way round; "[[10]]" is worth 2.
  judge.rate = [](std::string_view reply) {
    const bool is_wrong = reply.find('!') != std::string_view::npos;
    const double bonus = reply.find("[[10]]") != std::string_view::npos ? 1.8 : 0;
    return (IsGood(reply) != is_wrong ? 8 : 3) + bonus;
  };
  std::vector<AuditItem> items;
  for (int i = 0; i < 100; ++i) {
    AuditItem item;
    item.gold = i % 2;
    item.replies = {std::string(i % 2 == 1 ? "good" : "bad") + (i % 10 == 0 ? "!" : "")};
    items.push_back(std::move(item));
  }
  const AuditPart part = *Audit(judge, items, {.num_attacked = 10}).replies;
  EXPECT_EQ(part.agreement.count, 90);
  // Judge: 40 bad, 60 good; gold 50, 50: pe = 0.5, kappa = 0.8.
  EXPECT_NEAR(part.kappa.value, 0.8, 1e-12);
  EXPECT_DOUBLE_EQ(part.pass_mark, 5.5);
  EXPECT_EQ(part.attacks[3].name, "output 10");
  EXPECT_EQ(part.attacks[3].toward.count, 10);
  EXPECT_NEAR(part.attacks[3].mean_shift, 1.8 / 9, 1e-12);
}

TEST(AuditTest, WorksForJudgesWithoutAModel) {
  std::istringstream in(
      R"({"prompt": "1+1?", "reply_a": "2", "reply_b": "3", "reference": "2", "gold": "a"})"
      "\n\n"
      R"({"prompt": "1+2?", "reply_a": "2", "reply_b": "3", "reference": "3", "gold": "b"})"
      "\n"
      R"({"prompt": "1+2?", "reply": "3", "reference": "3", "gold": true})"
      "\n"
      R"({"prompt": "1+2?", "reply": "4", "reference": "3", "gold": false})");
  const AuditReport report = Audit(*MakeJudge("reference"), ReadAuditItems(in, "gold.jsonl"), {});
  EXPECT_EQ(report.pairs->agreement.count, 2);
  EXPECT_EQ(report.replies->agreement.count, 2);
  EXPECT_DOUBLE_EQ(report.replies->kappa.value, 1);
  const Json json = ParseJson(AuditJson(report), "");
  EXPECT_EQ(json["judge"], "reference");
  EXPECT_EQ(json["pairs"]["kappa"]["value"], 1.0);
  EXPECT_EQ(json["pairs"]["attacks"].size(), 9u);
  const std::string table = AuditTable(report);
  for (const char* part : {"2 pairs", "2 replies", "Cohen's kappa", "order flips", "control"}) {
    EXPECT_TRUE(Contains(table, part)) << part << "\n" << table;
  }
}

TEST(ReadAuditItemsTest, NamesTheLineAndTheField) {
  for (const char* line : {R"({"reply": "x", "gold": "a"})", R"({"reply_a": "x"})",
                           R"({"reply_a": "x", "reply_b": "y", "gold": true})", "[]", "x"}) {
    std::istringstream in(std::string("\n") + line);
    EXPECT_TRUE(
        Contains(ErrorOf([&] { ReadAuditItems(in, "g"); }, ErrorKind::kCorrupt), "g line 2"))
        << line;
  }
  EXPECT_NE(ErrorOf([] { Audit(*MakeJudge("reference"), {}, {}); }, ErrorKind::kUsage), "");
}

}  // namespace
}  // namespace agon::judge
