// The golds of reason/... worked out again from the question: puzzles and facts.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "tests/envs/reason_tasks.h"

namespace agon::envs {
namespace {

// Whether what `text` says holds, where `knights` are the knights.
bool Holds(const std::string& text, const std::set<std::string>& knights) {
  for (const std::string op : {" and ", " or "}) {
    const size_t at = text.find(op);
    if (at == std::string::npos) continue;
    const auto left = text.substr(0, at), right = text.substr(at + op.size());
    if (left.find(' ') == std::string::npos) {
      const bool same = knights.count(left) == knights.count(right.substr(0, right.find(' ')));
      return right.ends_with("the same") ? same : !same;
    }
    return op == " and " ? Holds(left, knights) && Holds(right, knights)
                         : Holds(left, knights) || Holds(right, knights);
  }
  return (knights.count(text.substr(0, text.find(' '))) > 0) == text.ends_with("knight");
}

TEST(ReasonPuzzleTest, KnightsAndKnavesHaveOneSolution) {
  const auto env = MakeEnv("reason/knights_knaves");
  const std::regex saying("(\\w+) says: ([^.]*)\\.");
  std::set<size_t> num_knights;
  for (const Task& task : TasksOf(*env)) {
    std::vector<std::pair<std::string, std::string>> sayings;
    const std::string& text = QuestionOf(task);
    for (std::sregex_iterator it(text.begin(), text.end(), saying), end; it != end; ++it) {
      sayings.emplace_back(it->str(1), it->str(2));
    }
    ASSERT_GE(sayings.size(), 2u);
    std::vector<std::set<std::string>> solutions;
    for (uint32_t bits = 0; bits < 1u << sayings.size(); ++bits) {
      std::set<std::string> knights;
      for (size_t i = 0; i < sayings.size(); ++i) {
        if (bits >> i & 1) knights.insert(sayings[i].first);
      }
      const auto fits = [&](const auto& s) {
        return Holds(s.second, knights) == (knights.count(s.first) > 0);
      };
      if (std::all_of(sayings.begin(), sayings.end(), fits)) solutions.push_back(knights);
    }
    ASSERT_EQ(solutions.size(), 1u) << text;
    auto names = WordsOf(task.answer);
    std::erase(names, "nobody");
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), solutions[0]) << text;
    num_knights.insert(names.size());
    if (names.size() != 2) continue;
    EXPECT_TRUE(IsRight(*env, task, names[1] + " and " + names[0]));
    EXPECT_FALSE(IsRight(*env, task, names[1] + " or " + names[0]));
    EXPECT_FALSE(IsRight(*env, task, names[0]));
  }
  EXPECT_GE(num_knights.size(), 4u);
}

// Evaluates "p", "not f", "(f)", "f and f" by the text alone.
bool ValueOf(const std::string& text, const std::map<char, bool>& values) {
  int depth = 0;
  // The one operator outside of parentheses; "not" binds tighter.
  for (const std::string op : {" and ", " or ", " implies "}) {
    depth = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
      if (depth > 0 || text.compare(i, op.size(), op) != 0) continue;
      const bool left = ValueOf(text.substr(0, i), values);
      const bool right = ValueOf(text.substr(i + op.size()), values);
      return op == " and " ? left && right : op == " or " ? left || right : !left || right;
    }
  }
  if (text.starts_with("not ")) return !ValueOf(text.substr(4), values);
  if (text.starts_with("(")) return ValueOf(text.substr(1, text.size() - 2), values);
  return values.at(text[0]);
}

TEST(ReasonPuzzleTest, PropositionalLogic) {
  const auto env = MakeEnv("reason/propositional_logic");
  const std::regex form("^(.*)\\. Is (.*) true or false\\?$");
  int num_true = 0;
  for (const Task& task : TasksOf(*env)) {
    std::smatch found;
    const std::string& text = QuestionOf(task);
    ASSERT_TRUE(std::regex_match(text, found, form)) << text;
    std::map<char, bool> values;
    const std::string givens = found.str(1);
    for (size_t i = 0; i < givens.size(); i = givens.find(", ", i) + 2) {
      values[givens[i]] = givens.compare(i + 5, 4, "true") == 0;
      if (givens.find(", ", i) == std::string::npos) break;
    }
    EXPECT_EQ(task.answer == "true", ValueOf(found.str(2), values)) << text;
    num_true += task.answer == "true";
  }
  EXPECT_NEAR(num_true, kNumTasks / 2, kNumTasks / 6);
}

TEST(ReasonPuzzleTest, TowerOfHanoiIsPlayedOut) {
  const auto env = MakeEnv("reason/tower_of_hanoi(difficulty=0)");
  const Task task = TaskAsking(*env, "A: 3 2 1, B: none, C: none. Move all to C");
  EXPECT_EQ(task.answer, "AC AB CB AC BA BC AC");
  EXPECT_TRUE(IsRight(*env, task, "A-C, A-B, C-B, A>C, B>A, BC, AC."));
  EXPECT_TRUE(IsRight(*env, task, "AB BA AC AB CB AC BA BC AC")) << "a way round is a way";
  EXPECT_EQ(ReasonFor(*env, task, "AC AC"), "AC: larger on smaller");
  EXPECT_EQ(ReasonFor(*env, task, "BC"), "BC: no disc there");
  EXPECT_EQ(ReasonFor(*env, task, "AC AB CB AC BA BC"), "not all discs are there");
  EXPECT_EQ(ReasonFor(*env, task, "AD"), "not a move between pegs");
  EXPECT_EQ(ReasonFor(*env, task, "AC A"), "half a move");
  EXPECT_EQ(ReasonFor(*env, task, "AA"), "AA: larger on smaller") << "a disc doesn't stay";
  for (int difficulty = 0; difficulty < 3; ++difficulty) {
    const auto any =
        MakeEnv("reason/tower_of_hanoi(difficulty=" + std::to_string(difficulty) + ")");
    size_t longest = 0;
    for (const Task& other : TasksOf(*any))
      longest = std::max(longest, other.answer.size() / 3 + 1);
    EXPECT_EQ(longest, (8u << difficulty) - 1) << "2^n - 1 moves for n discs";
  }
}

TEST(ReasonPuzzleTest, MiniSudokuIsCheckedByItsRules) {
  const auto env = MakeEnv("reason/mini_sudoku");
  for (const Task& task : TasksOf(*env, 100)) {
    std::string gold = task.answer;
    std::erase(gold, ' ');
    ASSERT_EQ(gold.size(), 16u);
    for (size_t i = 0; i < 4; ++i) {
      std::set<char> row, column, block;
      for (size_t k = 0; k < 4; ++k) {
        row.insert(gold[4 * i + k]);
        column.insert(gold[4 * k + i]);
        block.insert(gold[i / 2 * 8 + i % 2 * 2 + k / 2 * 4 + k % 2]);
      }
      EXPECT_EQ(row.size() + column.size() + block.size(), 12u) << task.answer;
    }
    EXPECT_TRUE(IsRight(*env, task, gold));
    // Another solution of other puzzles: two digits change places everywhere.
    std::string other = gold;
    for (char& c : other) c = c == '1' ? '2' : c == '2' ? '1' : c;
    EXPECT_EQ(ReasonFor(*env, task, other), "a given digit is changed");
    std::string twice = gold;
    const std::string& question = QuestionOf(task);
    std::string cells = question.substr(question.find('\n'));
    std::erase_if(cells, [](char c) { return c == ' ' || c == '\n'; });
    const size_t empty = cells.find('.');
    twice[empty] = twice[empty] == '1' ? '2' : '1';
    EXPECT_EQ(ReasonFor(*env, task, twice), "a digit stands twice");
    EXPECT_EQ(ReasonFor(*env, task, gold + "1"), "not sixteen digits of 1-4");
    EXPECT_EQ(ReasonFor(*env, task, gold.substr(1)), "not sixteen digits of 1-4");
  }
}

TEST(ReasonPuzzleTest, TimeIntervals) {
  const auto env = MakeEnv("reason/time_intervals");
  const auto padded = [](const std::string& time) { return time.size() == 4 ? "0" + time : time; };
  for (const Task& task : TasksOf(*env)) {
    const auto n = NumbersOf(QuestionOf(task)), gold = NumbersOf(task.answer);
    ASSERT_EQ(n.size(), 4u) << QuestionOf(task);
    int64_t first = n[0] * 60 + n[1], second = n[2] * 60 + n[3];
    if (QuestionOf(task).starts_with("What time")) std::swap(first, second);
    const int64_t expected =
        task.family == "length" ? (second - first + 1440) % 1440 : (first + second) % 1440;
    EXPECT_EQ(gold[0] * 60 + gold[1], expected) << QuestionOf(task) << " " << task.answer;
    EXPECT_TRUE(IsRight(*env, task, padded(task.answer) + "."));
    EXPECT_FALSE(IsRight(*env, task, task.answer + "0"));
    EXPECT_EQ(ReasonFor(*env, task, "3"), "not a time like 3:25");
    EXPECT_EQ(ReasonFor(*env, task, "3:75"), "not a time like 3:25");
    EXPECT_EQ(ReasonFor(*env, task, "-3:25"), "not a time like 3:25");
  }
}

TEST(ReasonPuzzleTest, NeedleHaystack) {
  const auto env = MakeEnv("reason/needle_haystack");
  const std::regex fact("(\\w+) has a (\\w+)\\. ");
  for (const Task& task : TasksOf(*env)) {
    const std::string& text = QuestionOf(task);
    std::map<std::string, std::string> thing_of, owner_of;
    for (std::sregex_iterator it(text.begin(), text.end(), fact), end; it != end; ++it) {
      thing_of[it->str(1)] = it->str(2);
      owner_of[it->str(2)] = it->str(1);
    }
    EXPECT_EQ(thing_of.size(), owner_of.size());
    const auto words = WordsOf(text.substr(text.rfind(". ") + 2));
    if (task.family == "who") {
      EXPECT_EQ(task.answer, owner_of.at(words.back()));
    } else {
      EXPECT_EQ(task.answer, "a " + thing_of.at(words[2]));
      EXPECT_TRUE(IsRight(*env, task, thing_of.at(words[2])));
    }
    EXPECT_FALSE(IsRight(*env, task, "a " + task.answer));
  }
}

}  // namespace
}  // namespace agon::envs
