// text/spelling, text/counting and text/compare: golds read off the question itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/math/rational.h"
#include "envs/text/words.h"
#include "tests/envs/outcomes.h"
#include "tests/envs/reason_tasks.h"

namespace agon::envs {
namespace {

double Reward(const Env& env, const Task& task, const std::string& completion) {
  return std::get<Outcome>(env.Start(task)->Step(completion, false)).Reward();
}

std::unique_ptr<Env> Family(const std::string& env, const std::string& family) {
  return MakeEnv(env + "(families=" + family + ")");
}

// What `pattern` finds in the question.
std::smatch Match(const std::string& question, const std::string& pattern) {
  static std::string text;  // a match refers to it
  text = question;
  std::smatch match;
  EXPECT_TRUE(std::regex_search(text, match, std::regex(pattern))) << question;
  return match;
}

TEST(SpellingTest, GoldsAreTheLettersAskedFor) {
  for (const Task& task : TasksOf(*Family("text/spelling", "letters"), 200)) {
    const auto match = Match(QuestionOf(task), "Spell (\\w+) letter|make up (\\w+)");
    EXPECT_EQ(task.answer, SpacedLetters(match.str(1) + match.str(2)));
  }
  for (const Task& task : TasksOf(*Family("text/spelling", "backwards"), 200)) {
    const auto match = Match(QuestionOf(task), "Spell (\\w+) back|Write (\\w+) from");
    std::string word = match.str(1) + match.str(2);
    std::reverse(word.begin(), word.end());
    EXPECT_EQ(task.answer, word);
  }
  for (const Task& task : TasksOf(*Family("text/spelling", "every_nth"), 200)) {
    const auto match = Match(QuestionOf(task), "every (second|third) letter of (\\w+),");
    const size_t n = match.str(1) == "second" ? 2 : 3;
    const std::string word = match.str(2);
    for (size_t i = 0; i < task.answer.size(); ++i) EXPECT_EQ(task.answer[i], word.at(i * n));
    EXPECT_EQ(task.answer.size(), (word.size() + n - 1) / n);
  }
  for (const Task& task : TasksOf(*Family("text/spelling", "letter_at"), 200)) {
    const auto match = Match(QuestionOf(task), "letter (\\d+) of (\\w+)\\?");
    EXPECT_EQ(task.answer, std::string(1, match.str(2).at(std::stoul(match.str(1)) - 1)));
  }
}

TEST(SpellingTest, SpacesMatterWhereTheyAreAskedFor) {
  const auto letters = Family("text/spelling", "letters");
  const Task task = letters->Get(Split::kTest, 0, 0);
  std::string joined = task.answer, commas;
  std::erase(joined, ' ');
  for (const char c : joined) commas += (commas.empty() ? "" : ", ") + std::string(1, c);
  EXPECT_EQ(Reward(*letters, task, "Answer: " + task.answer), 1);
  EXPECT_EQ(Reward(*letters, task, "Answer: " + commas + "."), 1);
  EXPECT_EQ(Reward(*letters, task, "Answer: " + joined), 0) << "the word itself isn't spelled";
  EXPECT_EQ(Reward(*letters, task, "Answer: " + task.answer + " x"), 0);

  const auto backwards = Family("text/spelling", "backwards");
  const Task reversed = backwards->Get(Split::kTest, 0, 0);
  EXPECT_EQ(Reward(*backwards, reversed, "Answer: " + reversed.answer), 1);
  EXPECT_EQ(Reward(*backwards, reversed, "Answer: " + SpacedLetters(reversed.answer)), 1);
  const std::string forwards(reversed.answer.rbegin(), reversed.answer.rend());
  EXPECT_EQ(Reward(*backwards, reversed, "Answer: " + forwards), forwards == reversed.answer);
}

TEST(SpellingTest, WordsGrowWithTheDifficulty) {
  size_t longest_before = 2;
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    const auto env =
        MakeEnv("text/spelling(families=backwards,difficulty=" + std::to_string(difficulty) + ")");
    size_t shortest = 99, longest = 0;
    for (const Task& task : TasksOf(*env, 200)) {
      shortest = std::min(shortest, task.answer.size());
      longest = std::max(longest, task.answer.size());
    }
    EXPECT_EQ(shortest, longest_before + 1);
    longest_before = longest;
  }
}

TEST(CountingTest, GoldsAreTheCounts) {
  for (const Task& task : TasksOf(*Family("text/counting", "letter"), 300)) {
    auto match =
        Match(QuestionOf(task), "many (\\w) are in (\\w+)|does (\\w+) have the letter (\\w)");
    const std::string word = match.str(2) + match.str(3), letter = match.str(1) + match.str(4);
    EXPECT_EQ(task.answer, std::to_string(std::count(word.begin(), word.end(), letter[0])));
  }
  for (const Task& task : TasksOf(*Family("text/counting", "vowels"), 300)) {
    const std::string word = Match(QuestionOf(task), "are in (\\w+)").str(1);
    const auto is_vowel = [](char c) { return std::string("aeiou").find(c) != std::string::npos; };
    EXPECT_EQ(task.answer, std::to_string(std::count_if(word.begin(), word.end(), is_vowel)));
  }
  for (const Task& task : TasksOf(*Family("text/counting", "marks"), 300)) {
    const auto match = Match(QuestionOf(task), "many (dots|stars) are in ([.*]+)$");
    const std::string row = match.str(2);
    const char mark = match.str(1) == "dots" ? '.' : '*';
    EXPECT_EQ(task.answer, std::to_string(std::count(row.begin(), row.end(), mark)));
  }
  for (const Task& task : TasksOf(*Family("text/counting", "words"), 300)) {
    std::istringstream words(Match(QuestionOf(task), "in:(.*)").str(1));
    int count = 0;
    for (std::string word; words >> word;) ++count;
    EXPECT_EQ(task.answer, std::to_string(count));
  }
}

TEST(CountingTest, StepsCountUpToTheAnswer) {
  const auto env = MakeEnv("text/counting");
  std::set<std::string> answers;
  for (const Task& task : TasksOf(*env, 500)) {
    const std::string text = *env->Demonstrate(task, Labeler::kStepByStep, 0);
    const std::string line = text.substr(0, text.find('\n'));
    int last = 0, number = 0;
    bool in_number = false;
    for (const char c : line + " ") {
      const bool is_digit = c >= '0' && c <= '9';
      if (is_digit) number = number * 10 + (c - '0');
      if (!is_digit && in_number) {
        EXPECT_EQ(number, last + 1) << text;
        last = std::exchange(number, 0);
      }
      in_number = is_digit;
    }
    EXPECT_EQ(std::to_string(last), task.answer) << text;
    answers.insert(task.answer);
  }
  EXPECT_TRUE(answers.count("0"));
  EXPECT_GT(answers.size(), 10u);
}

TEST(CountingTest, NumbersAreComparedAsNumbers) {
  const auto env = MakeEnv("text/counting");
  const Task task = env->Get(Split::kTest, 0, 0);
  EXPECT_EQ(Reward(*env, task, "Answer: " + task.answer + ".0"), 1);
  EXPECT_EQ(Reward(*env, task, "Answer: " + std::to_string(std::stoi(task.answer) + 1)), 0);
}

// A value by which what the question offers can be ordered, without the code under test.
std::vector<Rational> KeyOf(const std::string& family, const std::string& text) {
  static const std::map<std::string, int> months = {
      {"January", 1},   {"February", 2}, {"March", 3},     {"April", 4},
      {"May", 5},       {"June", 6},     {"July", 7},      {"August", 8},
      {"September", 9}, {"October", 10}, {"November", 11}, {"December", 12}};
  std::istringstream stream(text);
  std::string first, second, third;
  stream >> first >> second >> third;
  if (family == "dates") return {std::stoi(third), months.at(second), std::stoi(first)};
  if (family == "lengths") {
    const std::map<std::string, int> in_mm = {{"mm", 1}, {"cm", 10}, {"m", 1000}, {"km", 1000000}};
    return {std::stoi(first) * in_mm.at(second)};
  }
  if (family == "decimals") return {*ParseNumber(text)};
  std::vector<Rational> key;
  if (family == "words") {
    for (const char c : text) key.push_back(c);
    return key;
  }
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, '.');) key.push_back(std::stoi(part));
  return key;
}

TEST(CompareTest, GoldsAreTheRightOneOfTheTwo) {
  const std::set<std::string> lesser = {"smaller", "older", "earlier", "shorter", "first"};
  for (const char* family : {"decimals", "versions", "dates", "lengths", "words"}) {
    const auto env = Family("text/compare", family);
    int num_first = 0;
    for (const Task& task : TasksOf(*env, 400)) {
      const auto match =
          Match(QuestionOf(task), "is (\\w+)(?: in a dictionary)?, (.*) or (.*)\\?$");
      const std::string a = match.str(2), b = match.str(3);
      const bool wants_lesser = lesser.count(match.str(1)) > 0;
      const auto key_a = KeyOf(family, a), key_b = KeyOf(family, b);
      ASSERT_NE(key_a, key_b) << QuestionOf(task);
      const bool a_is_right = (key_a < key_b) == wants_lesser;
      EXPECT_EQ(task.answer, a_is_right ? a : b) << QuestionOf(task);
      EXPECT_EQ(Reward(*env, task, "Answer: " + (a_is_right ? b : a)), 0);
      num_first += a_is_right;
    }
    EXPECT_NEAR(num_first, 200, 60) << family << ": the place must not give it away";
  }
}

TEST(CompareTest, NineElevenAndNineNine) {
  // Longer decimals mislead about as often as not.
  const auto env = Family("text/compare", "decimals");
  int num_long = 0;
  for (const Task& task : TasksOf(*env, 400)) {
    const auto match = Match(QuestionOf(task), "is (\\w+), (\\S+) or (\\S+)\\?");
    const std::string larger =
        *ParseNumber(match.str(2)) < *ParseNumber(match.str(3)) ? match.str(3) : match.str(2);
    num_long += larger.size() == std::max(match.str(2).size(), match.str(3).size());
  }
  EXPECT_GT(num_long, 80);
  EXPECT_LT(num_long, 320);
}

}  // namespace
}  // namespace agon::envs
