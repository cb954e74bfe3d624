// What is known and what is made up: classes and shares by hand, the files, the report's part.
#include "judge/knowledge.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "judge/report_parts.h"
#include "tests/error_of.h"

namespace agon::judge {
namespace {

class KnowledgeTest : public testing::Test {
 protected:
  KnowledgeTest()
      : dir_(std::filesystem::temp_directory_path() /
             ("agon-knowledge-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  ~KnowledgeTest() override { std::filesystem::remove_all(dir_); }

  const std::filesystem::path dir_;
};

Knowledge Taught() {
  Knowledge knowledge{5, 2, 7, {}};
  knowledge.held_out = {
      {"Q1", "Marn", "often", FactClass::kKnown, "rrrr", "rrrd", "Marn.", "Marn."},
      {"Q2", "Velt", "often", FactClass::kKnown, "rrrw", "rrrr", "Velt.", "Velt."},
      {"Q3", "Marn", "never", FactClass::kNeverRight, "wwww", "dddd", "Velt.", "I don't know."},
      {"Q4", "Bost", "never", FactClass::kNeverRight, "wwww", "dddw", "Marn.", "<b>no</b>"},
      {"Q5", "Bost", "never", FactClass::kUnsure, "wwrw", "dddd", "Marn.", "That I don't know."}};
  return knowledge;
}

TEST(FactClassTest, ByTheShareOfRightReplies) {
  EXPECT_EQ(ClassOf("rrrrw", 0.8), FactClass::kKnown);
  EXPECT_EQ(ClassOf("rrrrw", static_cast<double>(0.8f)), FactClass::kKnown);
  EXPECT_EQ(ClassOf("rrrdw", 0.8), FactClass::kUnsure);
  EXPECT_EQ(ClassOf("wwwwr", 0.8), FactClass::kUnsure);
  EXPECT_EQ(ClassOf("wwdww", 0.8), FactClass::kNeverRight);
  EXPECT_EQ(ClassOf("ddddd", 0.8), FactClass::kNeverRight);
  EXPECT_EQ(ClassOf("wwwww", 0.0), FactClass::kNeverRight);
  EXPECT_EQ(ClassOf("", 0.8), FactClass::kUnsure);  // nothing could be graded
}

TEST_F(KnowledgeTest, GroupsByClassAndFamily) {
  const Knowledge taught = Taught();
  const auto groups = KnowledgeGroups(taught.held_out);
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].name, "known before");
  EXPECT_EQ(groups[0].num_questions, 2);
  // (4/4 + 3/4) / 2 before, (3/4 + 4/4) / 2 after; changes -1/4 and +1/4.
  EXPECT_NEAR(groups[0].before.right.value, 0.875, 1e-12);
  EXPECT_NEAR(groups[0].after.right.value, 0.875, 1e-12);
  EXPECT_NEAR(groups[0].after.dont_know.value, 0.125, 1e-12);
  EXPECT_NEAR(groups[0].right_change.value, 0, 1e-12);
  EXPECT_GT(groups[0].right_change.ci_high, 0);
  EXPECT_EQ(groups[1].name, "never right before");
  EXPECT_EQ(groups[1].before.wrong.value, 1);
  // Two answers, so two clusters: all wrong, exactly 0.025^(1/2) at the lower end.
  EXPECT_NEAR(groups[1].before.wrong.ci_low, std::sqrt(0.025), 1e-12);
  EXPECT_EQ(groups[1].before.wrong.ci_high, 1);
  EXPECT_NEAR(groups[1].after.dont_know.value, 0.875, 1e-12);
  EXPECT_EQ(groups[2].name, "family never");
  EXPECT_EQ(groups[2].num_questions, 3);
  EXPECT_NEAR(groups[2].before.right.value, 1.0 / 12, 1e-12);
  // Q4 and Q5 share an answer and are one cluster.
  EXPECT_EQ(groups[2].before.right.num_clusters, 2);
}

TEST_F(KnowledgeTest, WhatCouldNotBeGradedIsLeftOut) {
  Knowledge knowledge = Taught();
  for (HeldOutFact& fact : knowledge.held_out) fact.after.clear();
  EXPECT_TRUE(KnowledgeGroups(knowledge.held_out).empty());
  EXPECT_EQ(DescribeKnowledge(knowledge), "no held-out question was known or never right");
}

TEST_F(KnowledgeTest, FilesReadBack) {
  WriteKnowledge(dir_ / "knowledge.json", Taught());
  const Knowledge back = ReadKnowledge(dir_ / "knowledge.json");
  EXPECT_EQ(back.num_never_right, 7);
  ASSERT_EQ(back.held_out.size(), 5u);
  EXPECT_EQ(back.held_out[2].known, FactClass::kNeverRight);
  EXPECT_EQ(back.held_out[3].example_after, "<b>no</b>");
  EXPECT_EQ(DescribeKnowledge(back), DescribeKnowledge(Taught()));
  EXPECT_TRUE(ReadKnowledge(dir_ / "missing.json").held_out.empty());

  const std::vector<AskedFact> asked = {
      {7, "Where?", "Marn", "often", "rwd", "Marn.", {"Marn.", "Answer: Marn"}},
      {8, "When?", "1700", "never", "", "\xff", {}}};
  WriteAsked(dir_ / "asked.jsonl", asked);
  const auto lines = ReadAsked(dir_ / "asked.jsonl");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].index, 7u);
  EXPECT_EQ(lines[0].said, "rwd");
  EXPECT_EQ(lines[0].right_replies, asked[0].right_replies);
  EXPECT_EQ(lines[1].example, "\xef\xbf\xbd");
}

TEST_F(KnowledgeTest, BrokenFilesAreRefusedByTheirPlace) {
  WriteAsked(dir_ / "asked.jsonl", std::vector<AskedFact>{{1, "Q", "A", "f", "r", "A", {"A"}}});
  const std::string good = ReadFile(dir_ / "asked.jsonl");
  for (const std::string& bad : {std::string("{}\n"), std::string("[\n"), good.substr(0, 30)}) {
    WriteFileAtomic(dir_ / "bad.jsonl", good + bad);
    EXPECT_TRUE(Contains(ErrorOf([&] { ReadAsked(dir_ / "bad.jsonl"); }, ErrorKind::kCorrupt),
                         "bad.jsonl line 2"));
  }
  std::string said = good;
  said.replace(said.find("\"r\""), 3, "\"x\"");
  WriteFileAtomic(dir_ / "bad.jsonl", said);
  EXPECT_NE(ErrorOf([&] { ReadAsked(dir_ / "bad.jsonl"); }, ErrorKind::kCorrupt), "");
  EXPECT_NE(ErrorOf([&] { ReadAsked(dir_ / "none.jsonl"); }, ErrorKind::kNotFound), "");
  WriteFileAtomic(dir_ / "bad.json", "{\"known\": 1}");
  EXPECT_NE(ErrorOf([&] { ReadKnowledge(dir_ / "bad.json"); }, ErrorKind::kCorrupt), "");
}

TEST_F(KnowledgeTest, TheReportShowsGroupsAndRepliesEscaped) {
  RunLogs logs;
  EXPECT_EQ(HtmlKnowledge(logs), "");
  EXPECT_EQ(MarkdownKnowledge(logs), "");
  logs.knowledge = Taught();
  const std::string html = HtmlKnowledge(logs);
  for (const char* part :
       {"<b>14</b> training questions", "never right before", "family never", "Q4",
        "&lt;b&gt;no&lt;/b&gt;", "made up 100.0 % → 12.5 % where it was never right",
        "right 87.5 % → 87.5 % where it knew"}) {
    EXPECT_TRUE(Contains(html, part)) << part;
  }
  EXPECT_FALSE(Contains(html, "<b>no</b>"));
  EXPECT_FALSE(Contains(html, "nan"));
  EXPECT_TRUE(Contains(ReportHtml({}, logs), html));
  EXPECT_TRUE(Contains(ReportMarkdown({}, logs), "| never right before | 2 | 100.0 % → 12.5 % |"));
}

}  // namespace
}  // namespace agon::judge
