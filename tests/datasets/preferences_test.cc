#include "datasets/preferences.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "tests/error_of.h"

namespace agon::datasets {
namespace {

std::string ErrorOn(const std::string& line) {
  return ErrorOf([&] { ParsePreference(line, "file:3"); }, ErrorKind::kCorrupt);
}

TEST(Preferences, ReadsPlainPairs) {
  const auto p = ParsePreference(
      R"({"prompt": "Hi", "chosen": "Hello!", "rejected": "What?", "margin": 0.5})", "");
  EXPECT_EQ(p.prompt, (Messages{{Role::kUser, "Hi"}}));
  EXPECT_EQ(p.completions, (std::vector<std::string>{"Hello!", "What?"}));
  EXPECT_EQ(p.margin, 0.5);
}

TEST(Preferences, ReadsChats) {
  const auto p = ParsePreference(
      R"({"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
          "chosen": [{"role": "assistant", "content": "Hello!"}],
          "rejected": [{"role": "assistant", "content": "What?"}]})",
      "");
  EXPECT_EQ(p.prompt, (Messages{{Role::kSystem, "Be kind."}, {Role::kUser, "Hi"}}));
  EXPECT_EQ(p.completions, (std::vector<std::string>{"Hello!", "What?"}));
}

TEST(Preferences, FindsThePromptThatConversationsShare) {
  const auto p = ParsePreference(
      R"({"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}],
          "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "b"}]})",
      "");
  EXPECT_EQ(p.prompt, (Messages{{Role::kUser, "Hi"}}));
  EXPECT_EQ(p.completions, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(p.leads.empty());
  EXPECT_TRUE(Contains(
      ErrorOn(
          R"({"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}],
              "rejected": [{"role": "user", "content": "Ho"}, {"role": "assistant", "content": "b"}]})"),
      "don't share a prompt"));
}

// Conversations that go on after they went apart.
TEST(Preferences, ReadsWholeConversations) {
  const std::string hi = R"({"role": "user", "content": "Hi"})";
  const std::string more = R"({"role": "user", "content": "More"})";
  const auto said = [](const std::string& text) {
    return R"({"role": "assistant", "content": ")" + text + "\"}";
  };
  const std::string a = said("a") + "," + more + "," + said("c");
  const std::string b = said("b") + "," + more + "," + said("c");
  const auto p = ParsePreference(
      R"({"prompt": [)" + hi + R"(], "chosen": [)" + a + R"(], "rejected": [)" + b + "]}", "");
  EXPECT_EQ(p.completions, (std::vector<std::string>{"c", "c"}));
  EXPECT_EQ(p.leads, (std::vector<Messages>{{{Role::kAssistant, "a"}, {Role::kUser, "More"}},
                                            {{Role::kAssistant, "b"}, {Role::kUser, "More"}}}));
  const auto inside = ParsePreference(
      R"({"chosen": [)" + hi + "," + a + R"(], "rejected": [)" + hi + "," + b + "]}", "");
  EXPECT_EQ(inside.prompt, p.prompt);
  EXPECT_EQ(inside.leads, p.leads);
  const auto turned = ParsePreference(
      R"({"prompt": [)" + hi + R"(], "chosen": [)" + b + R"(], "rejected": [)" + a + "]}", "");
  EXPECT_EQ(FindContradictions(std::vector<Preference>{p, turned}).size(), 1u);
  // One that is the other's beginning, or ends with the user, or is the same.
  for (const std::string& wrong : {said("a"), said("b") + "," + more, a}) {
    EXPECT_NE(
        ErrorOn(R"({"chosen": [)" + hi + "," + a + R"(], "rejected": [)" + hi + "," + wrong + "]}"),
        "")
        << wrong;
  }
  EXPECT_TRUE(Contains(ErrorOn(R"({"prompt": "p", "chosen": [)" + more + R"(], "rejected": "b"})"),
                       "begin and end with the assistant"));
}

TEST(Preferences, SortsRankings) {
  const auto p = ParsePreference(
      R"({"prompt": "A joke", "completions": ["c", "a", "b"], "ranks": [3, 1, 2]})", "");
  EXPECT_EQ(p.completions, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Preferences, WritesWhatItReads) {
  const Preference p{{{Role::kUser, "A \"joke\"\n"}}, {"a", "b", "c"}, 0};
  const auto again = ParsePreference(PreferenceLine(p), "");
  EXPECT_EQ(again.prompt, p.prompt);
  EXPECT_EQ(again.completions, p.completions);
}

TEST(Preferences, KeepWhatTheyWeigh) {
  const std::string start = R"({"prompt": "Hi", "chosen": "a", "rejected": "b", "source": "vote")";
  EXPECT_EQ(ParsePreference(start + "}", "").weight, 1);
  const auto p = ParsePreference(start + R"(, "weight": 0.4})", "");
  EXPECT_EQ(p.weight, 0.4);
  EXPECT_EQ(ParsePreference(PreferenceLine(p), "").weight, 0.4);
  for (const char* wrong : {"0", "-1", "1.5", "1e999", "null", "\"1\""}) {
    EXPECT_NE(ErrorOn(start + ", \"weight\": " + wrong + "}"), "") << wrong;
  }
}

// The truth follows its completion to its place, and comes back from a file.
TEST(Preferences, KeepsWhatSyntheticLabelersKnow) {
  const auto p = ParsePreference(
      R"({"prompt": "A joke", "completions": ["c", "a", "b"], "ranks": [3, 1, 2],
          "gold": [0.1, 0.9, 0.5], "bayes_accuracy": 0.9})",
      "");
  EXPECT_EQ(p.gold, (std::vector<double>{0.9, 0.5, 0.1}));
  EXPECT_EQ(p.bayes_accuracy, 0.9);
  const auto again = ParsePreference(PreferenceLine(p), "");
  EXPECT_EQ(again.gold, p.gold);
  EXPECT_EQ(again.bayes_accuracy, 0.9);
  const auto pair =
      ParsePreference(R"({"prompt": "Hi", "chosen": "a", "rejected": "b", "gold": [1, 0.5]})", "");
  EXPECT_EQ(pair.gold, (std::vector<double>{1, 0.5}));
  const std::string start = R"({"prompt": "Hi", "chosen": "a", "rejected": "b", )";
  EXPECT_TRUE(Contains(ErrorOn(start + R"("gold": [1]})"), "not one number for each"));
  EXPECT_TRUE(Contains(ErrorOn(start + R"("bayes_accuracy": 0.4})"), "0.5 to 1"));
}

TEST(Preferences, SaysWhatIsWrongWithRanks) {
  const auto ranked = [](const std::string& ranks) {
    return ErrorOn(R"({"prompt": "p", "completions": ["a", "b", "c"], "ranks": )" + ranks + "}");
  };
  EXPECT_TRUE(Contains(ranked("[1, 2, 2]"), "rank 2 is repeated"));
  EXPECT_TRUE(Contains(ranked("[1, 2, 2]"), "file:3"));
  EXPECT_TRUE(Contains(ranked("[1, 2, 4]"), "rank 4 is not in 1 to 3"));
  EXPECT_TRUE(Contains(ranked("[0, 1, 2]"), "rank 0 is not in 1 to 3"));
  EXPECT_TRUE(Contains(ranked("[1, 2]"), "2 ranks for 3 completions"));
  EXPECT_TRUE(Contains(ranked("[1, 2, 1e99]"), "ranks"));
}

TEST(Preferences, SaysWhatElseIsWrong) {
  EXPECT_TRUE(Contains(ErrorOn("[]"), "not a JSON object"));
  EXPECT_TRUE(Contains(ErrorOn(R"({"prompt": "p", "chosen": "a"})"), "no field \"rejected\""));
  EXPECT_TRUE(Contains(ErrorOn(R"({"prompt": 5, "chosen": "a", "rejected": "b"})"), "prompt"));
  EXPECT_TRUE(Contains(ErrorOn(R"({"prompt": [], "chosen": "a", "rejected": "b"})"), "empty"));
  EXPECT_TRUE(Contains(ErrorOn(R"({"prompt": "p", "chosen": "a", "rejected": "a"})"), "twice"));
  EXPECT_TRUE(Contains(
      ErrorOn(R"({"prompt": [{"role": "bot", "content": "x"}], "chosen": "a", "rejected": "b"})"),
      "no role \"bot\""));
  EXPECT_TRUE(
      Contains(ErrorOn(R"({"prompt": "p", "completions": ["a"], "ranks": [1]})"), "1 completions"));
}

TEST(Preferences, ReadsFiles) {
  const auto file = std::filesystem::path(testing::TempDir()) / "preferences.jsonl";
  const std::string line = R"({"prompt": "p", "chosen": "a", "rejected": "b"})";
  WriteFileAtomic(file, line + "\n\n" + line);
  EXPECT_EQ(ReadPreferences(file).size(), 2u);
  WriteFileAtomic(file, line + "\n{}\n");
  EXPECT_TRUE(Contains(ErrorOf([&] { ReadPreferences(file); }, ErrorKind::kCorrupt), "jsonl:2"));
  WriteFileAtomic(file, "\n");
  EXPECT_TRUE(
      Contains(ErrorOf([&] { ReadPreferences(file); }, ErrorKind::kCorrupt), "no preference"));
}

TEST(Preferences, ReportsContradictions) {
  const Messages prompt = {{Role::kUser, "p"}}, other = {{Role::kUser, "q"}};
  const std::vector<Preference> preferences = {
      {prompt, {"a", "b", "c"}}, {other, {"b", "a"}}, {prompt, {"c", "a"}}, {prompt, {"c", "a"}}};
  const auto found = FindContradictions(preferences);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].first, 0u);
  EXPECT_EQ(found[0].second, 2u);
  EXPECT_EQ(found[0].better, "a");
  EXPECT_EQ(found[0].worse, "c");
}

}  // namespace
}  // namespace agon::datasets
