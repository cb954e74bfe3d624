#include <gtest/gtest.h>

#include <string>

#include "core/json.h"
#include "tests/apps/command.h"
#include "tests/error_of.h"

namespace agon {
namespace {

constexpr const char* kRubric =
    "[[rule]]\nname = \"short\"\nkind = \"length\"\nmax = 3\n"
    "[[rule]]\nname = \"polite\"\nkind = \"contains\"\nany = [\"please\"]\n";

// A rubric in a file of its own.
class RubricFile {
 public:
  explicit RubricFile(const std::string& text)
      : path_(std::string(::testing::TempDir()) + "rubric_" + std::to_string(::getpid()) +
              ".toml") {
    WriteFileAtomic(path_, text);
  }
  ~RubricFile() { fs::remove(path_); }
  std::string judge() const { return "rubric:" + path_; }

 private:
  std::string path_;
};

TEST(RlJudgeTest, ScoresAndComparesFromFlags) {
  const CommandResult right = RunCommand(
      "rl-judge",
      {"score", "--judge", "reference", "--reference", "1/2", "--reply", "So it is \\boxed{0.5}."});
  EXPECT_EQ(right.exit_status, 0) << right.err;
  EXPECT_TRUE(Contains(right.out, "score         1.0\n")) << right.out;
  const RubricFile rubric(kRubric);
  const CommandResult pair = RunCommand("rl-judge", {"compare", "--judge", rubric.judge(), "--a",
                                                     "yes", "--b", "yes please", "--json"});
  EXPECT_EQ(pair.exit_status, 0) << pair.err;
  EXPECT_EQ(ParseJson(pair.out, "")["preference"], "b");
}

TEST(RlJudgeTest, JudgesLinesAndSaysWhichAreBroken) {
  const std::string lines = "{\"id\": 1, \"reply\": \"2\", \"reference\": \"2\"}\nnonsense\n";
  const CommandResult result = RunCommand("rl-judge", {"score", "--judge", "reference"}, lines);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_TRUE(result.out.starts_with("{\"id\":1,\"score\":1.0,")) << result.out;
  EXPECT_TRUE(Contains(result.err, "stdin line 2")) << result.err;
  EXPECT_TRUE(Contains(result.err, "1 of 2 lines")) << result.err;
}

TEST(RlJudgeTest, AuditsAgainstGold) {
  const RubricFile rubric(kRubric);
  const std::string lines =
      "{\"reply_a\": \"yes please\", \"reply_b\": \"no\", \"gold\": \"a\"}\n"
      "{\"reply_a\": \"no\", \"reply_b\": \"yes please\", \"gold\": \"b\"}\n";
  const CommandResult table = RunCommand("rl-judge", {"audit", "--judge", rubric.judge()}, lines);
  EXPECT_EQ(table.exit_status, 0) << table.err;
  EXPECT_TRUE(Contains(table.out, "Cohen's kappa           1.000")) << table.out;
  const CommandResult json =
      RunCommand("rl-judge", {"audit", "--judge", rubric.judge(), "--json"}, lines);
  EXPECT_EQ(ParseJson(json.out, "")["pairs"]["agreement"]["count"], 2);
}

TEST(RlJudgeTest, BadUsageIsStatusTwoAndNamesWhatIsWrong) {
  const RubricFile broken("[[rule]]\nname = \"x\"\nkind = \"lenght\"\n");
  for (const auto& [arguments, part] :
       {std::pair{std::vector<std::string>{"score"}, "--judge"},
        {std::vector<std::string>{"score", "--judge", "refrence", "--reply", "x"}, "reference"},
        {std::vector<std::string>{"score", "--judge", "reference", "--reply", "x"}, "reference"},
        {std::vector<std::string>{"score", "--judge", broken.judge(), "--reply", "x"}, "lenght"},
        {std::vector<std::string>{"compare", "--judge", "reference", "--a", "x"}, "--b"},
        {std::vector<std::string>{"audit", "--judge", "reference", "--runs", "0"}, "--runs"},
        // What would be ignored is refused.
        {std::vector<std::string>{"score", "--judge", "reference", "--json"}, "--reply"},
        {std::vector<std::string>{"score", "--judge", "reference", "--prompt", "x", "in.jsonl"},
         "--reply"},
        {std::vector<std::string>{"compare", "--judge", "reference", "--reference", "x"}, "--a"},
        {std::vector<std::string>{"score", "--judge", "reference", "--reply", "x", "in.jsonl"},
         "FILE"}}) {
    const CommandResult result = RunCommand("rl-judge", arguments);
    EXPECT_EQ(result.exit_status, 2) << result.err;
    EXPECT_TRUE(Contains(result.err, part)) << result.err;
  }
  EXPECT_EQ(RunCommand("rl-judge", {"score", "--judge", "reference", "/no/such"}).exit_status, 1);
  // A token in a flag is seen by all users of the machine.
  EXPECT_TRUE(Contains(RunCommand("rl-judge", {"serve", "--help"}).out, "AGON_JUDGE_TOKEN"));
}

}  // namespace
}  // namespace agon
