// What every judge promises, the judges without a model, and judging by JSON lines.
#include "judge/judge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "judge/judge_lines.h"
#include "judge/kinds/kinds.h"
#include "judge/reward_model.h"
#include "tests/error_of.h"

namespace agon::judge {
namespace {

// Says what a test tells it to.
class FakeJudge final : public Judge {
 public:
  std::function<Verdict(std::string_view)> score;
  std::function<OrderVerdict(std::string_view, std::string_view)> compare;
  JudgeInfo told = {"fake", "fake", 0, 1, false};

  const JudgeInfo& info() const override { return told; }

 protected:
  Verdict DoScore(const Question&, std::string_view reply) const override { return score(reply); }
  OrderVerdict DoCompare(const Question&, std::string_view a, std::string_view b) const override {
    return compare(a, b);
  }
};

Verdict Scored(double score) {
  Verdict verdict;
  verdict.score = score;
  return verdict;
}

OrderVerdict Prefers(Preference preference) {
  OrderVerdict verdict;
  verdict.preference = preference;
  return verdict;
}

TEST(JudgeTest, ANumberThatIsNoScoreIsAFailure) {
  FakeJudge judge;
  for (const double score : {std::nan(""), HUGE_VAL, -HUGE_VAL, 1.0001, -0.0001}) {
    judge.score = [score](std::string_view) { return Scored(score); };
    const Verdict verdict = judge.Score({}, "x");
    EXPECT_FALSE(verdict.score.has_value()) << score;
    ASSERT_TRUE(verdict.masked.has_value()) << score;
    EXPECT_EQ(verdict.masked->kind, "range");
  }
  judge.score = [](std::string_view) { return Scored(1); };
  EXPECT_EQ(judge.Score({}, "x").score, 1);
}

TEST(JudgeTest, AFailureIsMaskedAndTheCallersMistakeIsThrown) {
  FakeJudge judge;
  judge.score = [](std::string_view) -> Verdict { throw Error(ErrorKind::kFailed, "dead", "url"); };
  const Verdict verdict = judge.Score({}, "x");
  EXPECT_FALSE(verdict.score.has_value());
  EXPECT_TRUE(Contains(verdict.masked->reason, "dead"));
  judge.score = [](std::string_view) -> Verdict { throw Error(ErrorKind::kUsage, "no reference"); };
  EXPECT_NE(ErrorOf([&] { judge.Score({}, "x"); }, ErrorKind::kUsage), "");
  judge.score = [](std::string_view) { return Verdict(); };
  EXPECT_TRUE(judge.Score({}, "x").masked.has_value());
}

// Each row: what is said with a first, with b first (A is the one shown first), and the verdict.
TEST(JudgeTest, BothOrdersAreAskedAndMustAgree) {
  using enum Preference;
  struct Row {
    Preference a_first, b_first, verdict;
    bool flipped;
  };
  for (const Row& row : {Row{kA, kB, kA, false}, Row{kB, kA, kB, false}, Row{kA, kA, kTie, true},
                         Row{kB, kB, kTie, true}, Row{kTie, kTie, kTie, false},
                         Row{kA, kTie, kTie, true}, Row{kTie, kA, kTie, true}}) {
    FakeJudge judge;
    judge.told.sees_pairs = true;
    judge.compare = [&](std::string_view first, std::string_view) {
      return Prefers(first == "left" ? row.a_first : row.b_first);
    };
    const PairVerdict pair = judge.Compare({}, "left", "right");
    EXPECT_EQ(pair.preference, row.verdict);
    EXPECT_EQ(pair.flipped, row.flipped);
    EXPECT_EQ(pair.orders[0].preference, row.a_first);  // told of a, whoever was first
    EXPECT_EQ(pair.orders[1].preference, row.b_first == kA ? kB : row.b_first == kB ? kA : kTie);
  }
}

// TRL's judges turn a failed call (-1) on a swapped pair into 1 - (-1) = 2.
TEST(JudgeTest, AFailureInEitherOrderMasksThePair) {
  for (const std::string_view failing : {"left", "right"}) {
    FakeJudge judge;
    judge.told.sees_pairs = true;
    judge.compare = [&](std::string_view first, std::string_view) {
      return first == failing ? MaskedOrder("parse", "no verdict") : Prefers(Preference::kA);
    };
    const PairVerdict pair = judge.Compare({}, "left", "right");
    EXPECT_FALSE(pair.preference.has_value());
    EXPECT_FALSE(pair.flipped);
    EXPECT_EQ(pair.masked->kind, "parse");
  }
  FakeJudge judge;
  judge.told.sees_pairs = true;
  judge.compare = [](std::string_view, std::string_view) {
    OrderVerdict verdict = Prefers(Preference::kA);
    verdict.probability = std::nan("");
    return verdict;
  };
  EXPECT_EQ(judge.Compare({}, "x", "y").masked->kind, "range");
}

TEST(JudgeTest, OthersCompareScores) {
  FakeJudge judge;
  judge.score = [](std::string_view reply) {
    return Scored(static_cast<double>(reply.size()) / 10);
  };
  EXPECT_EQ(judge.Compare({}, "long", "x").preference, Preference::kA);
  EXPECT_EQ(judge.Compare({}, "x", "long").preference, Preference::kB);
  EXPECT_EQ(judge.Compare({}, "y", "x").preference, Preference::kTie);
  EXPECT_TRUE(judge.Compare({}, "x", "much too long").masked.has_value());
}

TEST(RankTest, EqualsShareARankAndFailuresComeLast) {
  FakeJudge judge;
  judge.score = [](std::string_view reply) {
    return reply == "fail" ? MaskedVerdict("judge", "dead")
                           : Scored(static_cast<double>(reply.size()) / 10);
  };
  const std::vector<std::string> replies = {"aa", "fail", "bbbb", "cc", "d"};
  const auto ranking = Rank(judge, {}, replies);
  std::string order;
  for (const RankedReply& reply : ranking) {
    order += std::to_string(reply.index) + ":" + std::to_string(reply.rank) + " ";
  }
  EXPECT_EQ(order, "2:1 0:2 3:2 4:4 1:0 ");
  EXPECT_FALSE(ranking.back().score.has_value());
  EXPECT_NE(ErrorOf([&] { Rank(judge, {}, {}); }, ErrorKind::kUsage), "");
  EXPECT_NE(ErrorOf([&] { Rank(judge, {}, std::vector<std::string>(33)); }, ErrorKind::kUsage), "");
}

TEST(RankTest, JudgesOfPairsCompareEachWithEach) {
  FakeJudge judge;
  judge.told.sees_pairs = true;
  int asked = 0;
  judge.compare = [&](std::string_view first, std::string_view second) {
    ++asked;
    if (first == "fail" || second == "fail") return MaskedOrder("parse", "no verdict");
    return Prefers(first.size() > second.size()   ? Preference::kA
                   : first.size() < second.size() ? Preference::kB
                                                  : Preference::kTie);
  };
  const std::vector<std::string> replies = {"x", "fail", "xxx", "yyy"};
  const auto ranking = Rank(judge, {}, replies);
  EXPECT_EQ(asked, 2 * 6);  // 4 replies have 6 pairs
  // xxx and yyy each: won against x, tied with each other: 1.5 of 2.
  EXPECT_EQ(ranking[0].index, 2u);
  EXPECT_DOUBLE_EQ(*ranking[0].score, 0.75);
  EXPECT_EQ(ranking[1].rank, 1);
  EXPECT_EQ(ranking[2].index, 0u);
  EXPECT_EQ(ranking[2].rank, 3);
  EXPECT_DOUBLE_EQ(*ranking[2].score, 0);
  EXPECT_TRUE(ranking[3].masked.has_value());
}

TEST(ReferenceJudgeTest, ScoresAMatchAndNeedsAReference) {
  const auto judge = MakeJudge("reference");
  Question question;
  question.reference = "1/2";
  EXPECT_EQ(judge->Score(question, "\\boxed{0.5}").score, 1);
  EXPECT_EQ(judge->Score(question, "\\boxed{0.4}").score, 0);
  EXPECT_EQ(MakeJudge("reference:contains")->Score(question, "say 1/2 or so").score, 1);
  EXPECT_NE(ErrorOf([&] { judge->Score({}, "1"); }, ErrorKind::kUsage), "");
  EXPECT_TRUE(Contains(ErrorOf([] { MakeJudge("reference:contain"); }, ErrorKind::kUsage),
                       "did you mean \"contains\""));
}

TEST(EnvironmentJudgeTest, GradesTheTaskThatTheRequestNames) {
  const auto judge = MakeJudge("env:math/arithmetic");
  const auto env = envs::MakeEnv("math/arithmetic");
  Question question;
  question.task = envs::TaskId{"", envs::Split::kTest, 3, 5};
  const envs::Task task = env->Get(envs::Split::kTest, 3, 5);
  const std::string right = "Answer: " + task.answer;
  EXPECT_EQ(judge->Score(question, right).score, 1);
  EXPECT_EQ(judge->Score(question, "Answer: 0.123").score, 0);
  question.messages = task.messages;
  EXPECT_EQ(judge->Score(question, right).score, 1);
  // Another task's conversation, a turn too many, no task at all.
  question.messages = env->Get(envs::Split::kTest, 3, 6).messages;
  EXPECT_NE(ErrorOf([&] { judge->Score(question, right); }, ErrorKind::kUsage), "");
  question.messages = {{Role::kAssistant, right}};
  EXPECT_NE(ErrorOf([&] { judge->Score(question, right); }, ErrorKind::kUsage), "");
  EXPECT_NE(ErrorOf([&] { judge->Score({}, right); }, ErrorKind::kUsage), "");
  question.messages.clear();
  question.task->env = "math/shop";
  EXPECT_NE(ErrorOf([&] { judge->Score(question, right); }, ErrorKind::kUsage), "");
}

TEST(EnvironmentJudgeTest, AnEpisodeThatGoesOnHasNoScore) {
  const auto judge = MakeJudge("env:tool/calculator");
  Question question;
  question.task = envs::TaskId{"", envs::Split::kTest, 0, 0};
  const std::string call =
      "<tool_call>\n{\"name\": \"calculator\", \"arguments\": {\"expression\": "
      "\"1+1\"}}\n</tool_call>";
  const Verdict verdict = judge->Score(question, call);
  ASSERT_TRUE(verdict.masked.has_value()) << verdict.reason;
  EXPECT_EQ(verdict.masked->kind, "unfinished");
  question.messages = {{Role::kAssistant, call}};
  const envs::Task task = envs::MakeEnv("tool/calculator")->Get(envs::Split::kTest, 0, 0);
  EXPECT_EQ(judge->Score(question, "Answer: " + task.answer).score, 1);
}

class FakeRewardModel final : public RewardModel {
 public:
  std::vector<double> rewards;
  Messages seen;
  std::string fingerprint() const override { return "fake"; }
  std::vector<double> Rewards(std::span<const Messages> transcripts) override {
    seen = transcripts[0];
    return rewards;
  }
};

TEST(RewardModelJudgeTest, AnyFiniteRewardIsAScore) {
  const auto model = std::make_shared<FakeRewardModel>();
  const auto judge = MakeRewardModelJudge(model, "reward:fake");
  Question question;
  question.messages = {{Role::kUser, "q"}};
  model->rewards = {-17.5};
  EXPECT_EQ(judge->Score(question, "r").score, -17.5);
  EXPECT_EQ(model->seen, (Messages{{Role::kUser, "q"}, {Role::kAssistant, "r"}}));
  for (const std::vector<double>& rewards :
       std::vector<std::vector<double>>{{std::nan("")}, {HUGE_VAL}, {}, {1, 2}}) {
    model->rewards = rewards;
    EXPECT_TRUE(judge->Score(question, "r").masked.has_value());
  }
}

TEST(MakeJudgeTest, SaysWhatIsWrongWithAName) {
  for (const auto& [name, hint] : {std::pair{"rubrik:x", "did you mean \"rubric:"},
                                   {"env:", "nothing follows"},
                                   {"zzzzzz", "judges are"},
                                   {"env:math/shpo", "math/shop"}}) {
    const std::string error = ErrorOf([n = name] { MakeJudge(n); }, ErrorKind::kUsage);
    EXPECT_TRUE(Contains(error, hint)) << error;
  }
  EXPECT_NE(ErrorOf([] { MakeJudge("rubric:/no/such"); }, ErrorKind::kNotFound), "");
}

std::string Judged(const std::string& judge, JudgeCall call, const std::string& lines,
                   int num_threads = 1, JudgedLines* counts = nullptr) {
  std::istringstream in(lines);
  std::ostringstream out, errors;
  const JudgedLines counted =
      JudgeLines(*MakeJudge(judge), call, in, "in.jsonl", out, errors, num_threads);
  if (counts != nullptr) *counts = counted;
  return out.str() + errors.str();
}

TEST(JudgeLinesTest, AnswersInOrderAndKeepsOtherFields) {
  EXPECT_EQ(Judged("reference", JudgeCall::kScore,
                   R"({"id": 7, "prompt": "1+1?", "reply": "2", "reference": "2", "by": ["x"]})"
                   "\n\n"
                   R"({"messages": [{"role": "assistant", "content": "3"}], "reference": "2"})"
                   "\n"),
            R"({"id":7,"by":["x"],"score":1.0,)"
            R"("parts":[{"name":"correct","value":1.0,"weight":1.0}],"reason":"right"})"
            "\n"
            R"({"score":0.0,"parts":[{"name":"correct","value":0.0,"weight":1.0}],)"
            R"("reason":"wrong, the answer is 2"})"
            "\n");
  const Json pair = ParseJson(Judged("reference", JudgeCall::kCompare,
                                     R"({"reply_a": "3", "reply_b": "2", "reference": "2"})"),
                              "");
  EXPECT_EQ(pair["preference"], "b");
  const Json ranking = ParseJson(
      Judged("reference", JudgeCall::kRank, R"({"replies": ["3", "2"], "reference": "2"})"), "");
  EXPECT_EQ(ranking["ranking"][0]["index"], 1);
}

TEST(JudgeLinesTest, ABrokenLineIsNamedAndTheOthersGoOn) {
  JudgedLines counts;
  const std::string out = Judged("reference", JudgeCall::kScore,
                                 "{\"id\": 1}\n"
                                 "nonsense\n"
                                 "{\"id\": 2, \"reply\": \"2\"}\n"
                                 "{\"id\": 3, \"reply\": 5, \"reference\": \"5\"}\n"
                                 "{\"id\": 4, \"reply\": \"5\", \"reference\": \"5\"}\n",
                                 3, &counts);
  EXPECT_EQ(counts.num_lines, 5);
  EXPECT_EQ(counts.num_broken, 4);
  for (const char* part : {R"({"id":1,"score":null,"error":"in.jsonl line 1)", "missing field",
                           R"({"id":2,"score":null,)", "this judge needs a reference",
                           R"({"id":4,"score":1.0)", "error: in.jsonl line 4"}) {
    EXPECT_TRUE(Contains(out, part)) << part << "\n" << out;
  }
}

TEST(JudgeLinesTest, ThreadsChangeNothing) {
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    lines += "{\"id\": " + std::to_string(i) + ", \"reply\": \"" + std::to_string(i % 7) +
             "\", \"reference\": \"3\"}\n";
  }
  EXPECT_EQ(Judged("reference", JudgeCall::kScore, lines, 1),
            Judged("reference", JudgeCall::kScore, lines, 8));
}

TEST(JudgeLinesTest, HostileRequestsAreErrors) {
  for (const char* json :
       {"[]", "{}", R"({"reply": null})", R"({"prompt": "x", "messages": [], "reply": "y"})",
        R"({"messages": [{"role": "root", "content": "x"}], "reply": "y"})",
        R"({"messages": {"role": "user"}, "reply": "y"})", R"({"messages": "x", "reply": "y"})",
        R"({"task": {"split": "prod", "index": 1}, "reply": "y"})",
        R"({"task": {"split": "test", "index": -1}, "reply": "y"})", R"({"task": 7, "reply": "y"})",
        R"({"run": 1.5, "reply": "y"})"}) {
    const auto read = [&] { ReadJudgeRequest(JudgeCall::kScore, json, "line 1"); };
    EXPECT_TRUE(Contains(ErrorOf(read, ErrorKind::kCorrupt), "line 1")) << json;
  }
}

}  // namespace
}  // namespace agon::judge
