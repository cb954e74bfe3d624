#include "datasets/generated_math.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace agon::datasets {
namespace {

constexpr RngKey kKey = {3, RngStream::kTest, 0, 0, 0};

// Checks every "a op b = c" in the text; returns how many there are.
int CheckEquations(const std::string& text) {
  static const std::regex kEquation(R"((\d+)([-+*/])(\d+)=(\d+))");
  int count = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), kEquation), end; it != end; ++it) {
    const int64_t a = std::stoll((*it)[1]), b = std::stoll((*it)[3]), c = std::stoll((*it)[4]);
    const char op = (*it)[2].str()[0];
    const bool is_right = op == '+'   ? a + b == c
                          : op == '-' ? a - b == c
                          : op == '*' ? a * b == c
                                      : b != 0 && c * b == a;
    EXPECT_TRUE(is_right) << it->str();
    ++count;
  }
  return count;
}

TEST(GeneratedMathTest, HoldsEveryFact) {
  const std::vector<std::string> facts = AllMathFacts();
  const std::set<std::string> all(facts.begin(), facts.end());
  EXPECT_EQ(all.size(), facts.size());
  EXPECT_EQ(facts.size(), 5050u + 5050u + 144u + 144u);
  for (const std::string& fact : facts) ASSERT_EQ(CheckEquations(fact), 1) << fact;
  for (const char* fact : {"0+0=0", "1+98=99", "99-99=0", "42-7=35", "9*9=81", "12*12=144",
                           "144/12=12", "7/1=7", "63/9=7"}) {
    EXPECT_TRUE(all.count(fact)) << fact;
  }
  std::string text;
  for (const std::string& part : GenerateMath(kKey, 200000)) text += part + "\n";
  for (const std::string& fact : facts) {
    ASSERT_NE(("\n" + text).find("\n" + fact + "\n"), std::string::npos) << fact;
  }
}

TEST(GeneratedMathTest, IsPureAndOfTheSizeAskedFor) {
  EXPECT_EQ(GenerateMathText(kKey, 7), GenerateMathText(kKey, 7));
  EXPECT_NE(GenerateMathText(kKey, 7), GenerateMathText(kKey, 8));
  const std::vector<std::string> texts = GenerateMath(kKey, 300000);
  EXPECT_EQ(texts, GenerateMath(kKey, 300000));
  int64_t bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<int64_t>(text.size());
  EXPECT_GE(bytes, 300000);
  EXPECT_LT(bytes, 302000);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), texts.size());
}

TEST(GeneratedMathTest, TellsNothingWrong) {
  int equations = 0;
  for (uint64_t i = 0; i < 300; ++i) equations += CheckEquations(GenerateMathText(kKey, i));
  EXPECT_GT(equations, 3000);
}

// A solution ends in the result of its last step.
TEST(GeneratedMathTest, SolutionsHangTogether) {
  int solutions = 0;
  std::map<size_t, int> lengths;
  for (uint64_t i = 0; i < 200; ++i) {
    std::istringstream lines(GenerateMathText(kKey, i));
    std::string line, last;
    size_t steps = 0;
    while (std::getline(lines, line)) {
      if (line.starts_with("Answer: ")) {
        EXPECT_EQ(line.substr(8), last);
        ++solutions;
        ++lengths[steps];
        steps = 0;
      } else if (const size_t equals = line.find('=');
                 equals != line.npos && line.find(' ') == line.npos) {
        last = line.substr(equals + 1);
        ++steps;
        EXPECT_EQ(line.find_first_not_of("0123456789+-*/="), line.npos) << line;
      }
    }
  }
  EXPECT_GT(solutions, 300);
  for (size_t steps = 2; steps <= 6; ++steps) EXPECT_GT(lengths[steps], 10) << steps;
}

TEST(GeneratedMathTest, ComparesRightly) {
  static const std::regex kCompare(R"((\d+)([<>])(\d+)\n)");
  static const std::regex kMore(R"((\d+) is (?:more than (\d+), by (\d+)|(\d+) more than (\d+)))");
  int count = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    const std::string text = GenerateMathText(kKey, i);
    for (std::sregex_iterator it(text.begin(), text.end(), kCompare), end; it != end; ++it) {
      const int64_t a = std::stoll((*it)[1]), b = std::stoll((*it)[3]);
      EXPECT_TRUE((*it)[2] == "<" ? a < b : a > b) << it->str();
      ++count;
    }
    for (std::sregex_iterator it(text.begin(), text.end(), kMore), end; it != end; ++it) {
      const bool is_first = (*it)[2].matched;
      const int64_t a = std::stoll((*it)[1]), b = std::stoll((*it)[is_first ? 2 : 5]);
      EXPECT_EQ(a - b, std::stoll((*it)[is_first ? 3 : 4])) << it->str();
      ++count;
    }
  }
  EXPECT_GT(count, 50);
}

TEST(GeneratedMathTest, SpellsNumbers) {
  EXPECT_EQ(NumberWords(0), "zero");
  EXPECT_EQ(NumberWords(13), "thirteen");
  EXPECT_EQ(NumberWords(40), "forty");
  EXPECT_EQ(NumberWords(42), "forty-two");
  EXPECT_EQ(NumberWords(100), "one hundred");
  EXPECT_EQ(NumberWords(999), "nine hundred ninety-nine");
  std::set<std::string> words;
  for (int64_t i = 0; i < 1000; ++i) words.insert(NumberWords(i));
  EXPECT_EQ(words.size(), 1000u);
}

}  // namespace
}  // namespace agon::datasets
