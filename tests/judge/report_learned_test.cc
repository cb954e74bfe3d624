// The report's part about a learned reward.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/file.h"
#include "judge/report_parts.h"
#include "tests/contains.h"

namespace agon::judge {
namespace {

// A run whose gold follows 0.3 + d (alpha - beta ln d) to its peak at 2 and beyond.
RunLogs FallingRun(const std::filesystem::path& dir) {
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  std::string log;
  const double beta = 0.2, alpha = beta * (1 + std::log(2.0));
  for (int step = 1; step <= 60; ++step) {
    const double d = 0.1 * (step - 1);
    const double gold = 0.3 + (d > 0 ? d * (alpha - beta * std::log(d)) : 0);
    log += "{\"stage\":\"rl\",\"step\":" + std::to_string(step) +
           ",\"distance\":" + std::to_string(d) + ",\"gold\":" + std::to_string(gold) +
           ",\"promised\":" + std::to_string(0.3 + 0.2 * d) +
           ",\"fit_start\":0.3,\"fit_alpha\":" + std::to_string(alpha) +
           ",\"fit_beta\":0.2,\"fit_peak\":2}\n";
  }
  WriteFileAtomic(dir / "log.jsonl", log);
  return {ReadRunLog(dir / "log.jsonl"), {}};
}

class ReportLearned : public testing::Test {
 protected:
  ReportLearned()
      : dir_(std::filesystem::path(testing::TempDir()) /
             testing::UnitTest::GetInstance()->current_test_info()->name()),
        logs_(FallingRun(dir_)) {}
  ~ReportLearned() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path dir_;
  RunLogs logs_;
};

TEST_F(ReportLearned, SaysWhereGoldTurned) {
  // The peak is worth 0.3 + 2 beta = 0.7; at 5.9 gold is 0.3 + 5.9 (alpha - beta ln 5.9) = 0.204.
  const std::string sentence = LearnedRewardSentence(logs_);
  EXPECT_TRUE(Contains(sentence, "from 0.300 to 0.6")) << sentence;
  EXPECT_TRUE(Contains(sentence, "at step 21, distance 2.00")) << sentence;
  EXPECT_TRUE(Contains(sentence, "peak at distance 2.00")) << sentence;
  EXPECT_TRUE(Contains(ReportMarkdown({}, logs_), sentence));
}

TEST_F(ReportLearned, DrawsBothCurvesTheFitAndBestOfN) {
  logs_.best_of_n = {{1, 0, 0, 0.3, 0.3, 0.25, 0.35}, {16, 1.35, 2, 0.7, 0.5, 0.45, 0.55}};
  const std::string html = HtmlLearnedReward(logs_);
  for (const char* part : {"Promised and true reward", "promised ", "fitted ", "best of n "}) {
    EXPECT_TRUE(Contains(html, part)) << part;
  }
  EXPECT_FALSE(Contains(html, "nan"));
  EXPECT_TRUE(Contains(ReportHtml({}, logs_), html));
}

TEST_F(ReportLearned, ListsWhatFooledTheModelEscapedAndOnce) {
  Exploit exploit;
  exploit.prompt = {{Role::kUser, "<b>hi</b>"}};
  exploit.reply = "sorry <script>";
  exploit.promised = 0.9;
  exploit.better = "thanks";
  logs_.exploits.assign(3, exploit);
  exploit.reply = "a wider gap";
  exploit.gold = -1;
  logs_.exploits.push_back(exploit);
  const std::string html = HtmlLearnedReward(logs_);
  EXPECT_TRUE(Contains(html, "&lt;b&gt;hi&lt;/b&gt;"));
  EXPECT_FALSE(Contains(html, "<script>"));
  EXPECT_LT(html.find("a wider gap"), html.find("sorry &lt;script&gt;"));
  EXPECT_EQ(html.find("sorry &lt;", html.find("sorry &lt;") + 1), std::string::npos);
  const auto widest = WidestGaps(logs_.exploits, 2);
  ASSERT_EQ(widest.size(), 2u);
  EXPECT_EQ(widest[0].reply, "a wider gap");
  EXPECT_EQ(WidestGaps(logs_.exploits, 1).size(), 1u);
}

// PPO on an environment's own reward has a value model, too.
TEST_F(ReportLearned, ValuesAreShownWithoutALearnedReward) {
  const auto dir = std::filesystem::path(testing::TempDir()) / "report_values";
  std::filesystem::create_directories(dir);
  WriteFileAtomic(dir / "log.jsonl",
                  R"({"stage":"rl","step":1,"reward":0.1,"value_loss":0.5,"explained_variance":-0.2}
{"stage":"rl","step":2,"reward":0.2,"value_loss":0.4,"explained_variance":0.3}
)");
  const RunLogs logs{ReadRunLog(dir / "log.jsonl"), {}};
  EXPECT_TRUE(Contains(HtmlCurves(logs), "Explained variance"));
  EXPECT_EQ(HtmlLearnedReward(logs), "");
}

TEST_F(ReportLearned, SaysWhichModelItWentBackTo) {
  EXPECT_TRUE(Contains(HtmlLearnedReward(logs_), ">peak "));
  for (StageLog& log : logs_.log) {
    log.series["went_back_to"] = {{60, 20}};
    log.series["top_gold"] = {{60, 0.6}};
    log.series["top_distance"] = {{60, 1.5}};
  }
  EXPECT_TRUE(Contains(HtmlLearnedReward(logs_), "stop "));
  EXPECT_FALSE(Contains(HtmlLearnedReward(logs_), ">peak "));
  const std::string sentence = LearnedRewardSentence(logs_);
  EXPECT_TRUE(Contains(sentence, "went back to the model after step 20, whose reward was 0.6"))
      << sentence;
}

TEST_F(ReportLearned, OtherRunsHaveNoSuchPart) {
  EXPECT_EQ(HtmlLearnedReward({}), "");
  EXPECT_EQ(LearnedRewardSentence({}), "");
}

}  // namespace
}  // namespace agon::judge
