#include "envs/grade_lines.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "core/json.h"

namespace agon::envs {
namespace {

struct Graded {
  GradedLines counts;
  std::vector<Json> lines;
  std::string errors;
};

Graded Grade(const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out, errors;
  Graded graded;
  graded.counts = GradeLines(in, "answers.jsonl", GradeMathLine, out, errors);
  graded.errors = errors.str();
  std::istringstream written(out.str());
  for (std::string line; std::getline(written, line);) {
    graded.lines.push_back(ParseJson(line, "output"));
  }
  return graded;
}

TEST(GradeLinesTest, OneLineOutForEachLineIn) {
  const Graded graded = Grade(R"({"id": 7, "gold": "1/2", "response": "\\boxed{0.5}"})"
                              "\n"
                              R"({"gold": "#### 72", "response": "Answer: 24", "seed": [1, 2]})"
                              "\n");
  ASSERT_EQ(graded.lines.size(), 2u);
  EXPECT_EQ(graded.lines[0].dump(), R"({"id":7,"reward":1,"extracted":"0.5","reason":"right"})");
  EXPECT_EQ(graded.lines[1].dump(),
            R"({"seed":[1,2],"reward":0,"extracted":"24","reason":"wrong, the answer is 72"})");
  EXPECT_EQ(graded.counts.num_lines, 2);
  EXPECT_EQ(graded.counts.num_broken, 0);
  EXPECT_EQ(graded.errors, "");
}

TEST(GradeLinesTest, TheCommaIsChosenByLine) {
  const Graded graded =
      Grade(R"({"gold": "2.74", "response": "\\boxed{2,74}", "european_comma": true})"
            "\n"
            R"({"gold": "2.74", "response": "\\boxed{2,74}"})");
  ASSERT_EQ(graded.lines.size(), 2u);
  EXPECT_EQ(graded.lines[0].at("reward"), 1);
  EXPECT_FALSE(graded.lines[0].contains("european_comma"));
  EXPECT_EQ(graded.lines[1].at("reward"), 0);
}

TEST(GradeLinesTest, BrokenLinesAreNamedAndTheOthersGraded) {
  const std::string good = R"({"gold": "5", "response": "Answer: 5"})";
  const std::vector<std::string> broken = {"{",
                                           "5",
                                           R"({"gold": "5"})",
                                           R"({"id": "a", "gold": 5, "response": "Answer: 5"})",
                                           R"({"gold": "", "response": "Answer: 5"})",
                                           R"({"gold": "5", "response": "5", "european_comma": 1})",
                                           "{\"gold\": \"\xff\", \"response\": \"5\"}"};
  for (const std::string& line : broken) {
    const Graded graded = Grade(good + "\n\n" + line + "\n" + good + "\n");
    ASSERT_EQ(graded.lines.size(), 3u) << line;
    EXPECT_EQ(graded.lines[0].at("reward"), 1);
    EXPECT_TRUE(graded.lines[1].at("reward").is_null()) << line;
    EXPECT_NE(graded.lines[1].at("error").get<std::string>().find("answers.jsonl line 3"),
              std::string::npos)
        << graded.lines[1].dump();
    EXPECT_EQ(graded.lines[2].at("reward"), 1);
    EXPECT_NE(graded.errors.find("error: "), std::string::npos);
    EXPECT_NE(graded.errors.find("line 3"), std::string::npos) << graded.errors;
    EXPECT_EQ(graded.counts.num_lines, 3);
    EXPECT_EQ(graded.counts.num_broken, 1);
  }
  EXPECT_EQ(Grade(broken[3]).lines[0].at("id"), "a") << "a broken line keeps its name";
}

TEST(GradeLinesTest, NothingInNothingOut) {
  EXPECT_TRUE(Grade("").lines.empty());
  EXPECT_TRUE(Grade("\n  \r\n").lines.empty());
  EXPECT_EQ(Grade("\n").counts.num_lines, 0);
}

}  // namespace
}  // namespace agon::envs
