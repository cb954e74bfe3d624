// The golds of reason/... worked out again from the question: numbers and words.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "tests/envs/reason_tasks.h"

namespace agon::envs {
namespace {

TEST(ReasonTest, GcdAndLcm) {
  const auto gcd = MakeEnv("reason/gcd"), lcm = MakeEnv("reason/lcm");
  for (const Task& task : TasksOf(*gcd)) {
    int64_t divisor = 0;
    for (const int64_t number : NumbersOf(QuestionOf(task))) divisor = std::gcd(divisor, number);
    EXPECT_EQ(task.answer, std::to_string(divisor)) << QuestionOf(task);
    EXPECT_FALSE(IsRight(*gcd, task, std::to_string(divisor + 1)));
  }
  for (const Task& task : TasksOf(*lcm)) {
    int64_t multiple = 1;
    for (const int64_t number : NumbersOf(QuestionOf(task))) multiple = std::lcm(multiple, number);
    EXPECT_EQ(task.answer, std::to_string(multiple)) << QuestionOf(task);
    EXPECT_FALSE(IsRight(*lcm, task, std::to_string(2 * multiple)));
  }
}

TEST(ReasonTest, EuclidsStepsAreTrue) {
  const auto env = MakeEnv("reason/gcd");
  for (const Task& task : TasksOf(*env)) {
    std::istringstream lines(*env->Demonstrate(task, Labeler::kStepByStep, 0));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("Answer")) continue;
      auto n = NumbersOf(line);
      if (n.size() == 3) n.push_back(0);
      ASSERT_EQ(n.size(), 4u) << line;
      EXPECT_EQ(n[0], n[1] * n[2] + n[3]) << line;
    }
  }
}

TEST(ReasonTest, PrimeFactorization) {
  const auto env = MakeEnv("reason/prime_factorization");
  for (const Task& task : TasksOf(*env)) {
    const int64_t number = NumbersOf(QuestionOf(task))[0];
    int64_t product = 1;
    for (const int64_t factor : NumbersOf(task.answer)) {
      product *= factor;
      for (int64_t d = 2; d < factor; ++d) EXPECT_NE(factor % d, 0) << task.answer;
    }
    EXPECT_EQ(product, number);
    auto factors = NumbersOf(task.answer);
    std::reverse(factors.begin(), factors.end());
    std::string reversed;
    for (const int64_t factor : factors) reversed += std::to_string(factor) + " * ";
    EXPECT_TRUE(IsRight(*env, task, reversed.substr(0, reversed.size() - 3)));
    EXPECT_EQ(ReasonFor(*env, task, task.answer + "*2"),
              "the product isn't " + std::to_string(number));
    EXPECT_EQ(ReasonFor(*env, task, task.answer + "*1"), "1 is not a prime factor");
    EXPECT_FALSE(IsRight(*env, task, std::to_string(number)));
  }
}

TEST(ReasonTest, PrimeFactorsInAnyForm) {
  const auto env = MakeEnv("reason/prime_factorization(difficulty=0)");
  const Task task = TaskAsking(*env, "Write 84 as");
  EXPECT_EQ(task.answer, "2*2*3*7");
  for (const char* right :
       {"7*3*2*2", "2^2*3*7", "2 x 2 x 3 x 7.", "2 \\times 2 \\cdot 3 \xc3\x97 7"}) {
    EXPECT_TRUE(IsRight(*env, task, right)) << right;
  }
  for (const char* wrong :
       {"4*21", "2*2*21", "2^99999999999*3*7", "2^64*3*7", "2 2 3 7", "2**2*3*7=84"}) {
    EXPECT_FALSE(IsRight(*env, task, wrong)) << wrong;
  }
}

TEST(ReasonTest, FractionSimplification) {
  const auto env = MakeEnv("reason/fraction_simplification");
  for (const Task& task : TasksOf(*env)) {
    const auto asked = NumbersOf(QuestionOf(task)), gold = NumbersOf(task.answer);
    EXPECT_EQ(asked[0] * gold[1], asked[1] * gold[0]) << QuestionOf(task);
    EXPECT_EQ(std::gcd(gold[0], gold[1]), 1) << task.answer;
    const std::string same = std::to_string(asked[0]) + "/" + std::to_string(asked[1]);
    EXPECT_EQ(ReasonFor(*env, task, same), "not in lowest terms");
    const std::string tex =
        "\\frac{" + std::to_string(gold[0]) + "}{" + std::to_string(gold[1]) + "}";
    EXPECT_TRUE(IsRight(*env, task, tex));
    EXPECT_FALSE(IsRight(*env, task, std::to_string(gold[1]) + "/" + std::to_string(gold[0])));
  }
}

TEST(ReasonTest, BaseConversion) {
  const auto env = MakeEnv("reason/base_conversion");
  for (const Task& task : TasksOf(*env)) {
    const auto match = [&](const char* pattern) {
      std::smatch found;
      EXPECT_TRUE(std::regex_search(QuestionOf(task), found, std::regex(pattern)));
      return std::pair(found.str(1), std::stoi(found.str(2)));
    };
    const auto [what, base] = match("(\\w+) in base (\\d+)[.?]$");
    if (task.family == "to_base") {
      EXPECT_EQ(std::stoll(task.answer, nullptr, base), std::stoll(what)) << QuestionOf(task);
    } else {
      EXPECT_EQ(task.answer, std::to_string(std::stoll(what, nullptr, base))) << QuestionOf(task);
    }
  }
}

TEST(ReasonTest, NumberSequence) {
  for (const char* family : {"arithmetic", "growing", "alternating", "geometric", "sum_of_two"}) {
    const auto env = MakeEnv(std::string("reason/number_sequence(families=") + family + ")");
    for (const Task& task : TasksOf(*env, 100)) {
      auto n = NumbersOf(QuestionOf(task));
      n.push_back(std::stoll(task.answer));
      const size_t last = n.size() - 1;
      const std::string kind = family;
      for (size_t i = 2; i <= last; ++i) {
        const int64_t now = n[i] - n[i - 1], before = n[i - 1] - n[i - 2];
        if (kind == "arithmetic") {
          EXPECT_EQ(now, before);
        }
        if (kind == "geometric") {
          EXPECT_EQ(n[i] * n[i - 2], n[i - 1] * n[i - 1]);
        }
        if (kind == "sum_of_two") {
          EXPECT_EQ(n[i], n[i - 1] + n[i - 2]);
        }
        if (i < 3) continue;
        const int64_t earlier = n[i - 2] - n[i - 3];
        if (kind == "growing") {
          EXPECT_EQ(now - before, before - earlier);
        }
        if (kind == "alternating") {
          EXPECT_EQ(now, earlier);
        }
      }
    }
  }
}

TEST(ReasonTest, CaesarCipherGoesBackAndForth) {
  const auto env = MakeEnv("reason/caesar_cipher");
  const std::regex form("(?:Move each letter of|Shift) (\\w+) (?:by )?(\\d+) places? (on|back)");
  for (const Task& task : TasksOf(*env)) {
    std::smatch found;
    ASSERT_TRUE(std::regex_search(QuestionOf(task), found, form)) << QuestionOf(task);
    const int shift = std::stoi(found.str(2)) * (found.str(3) == "on" ? 1 : -1);
    std::string word = found.str(1);
    for (char& c : word) c = static_cast<char>('a' + (c - 'a' + shift + 26) % 26);
    EXPECT_EQ(task.answer, word);
    EXPECT_FALSE(IsRight(*env, task, found.str(1)));
  }
}

TEST(ReasonTest, WordSorting) {
  const auto env = MakeEnv("reason/word_sorting");
  for (const Task& task : TasksOf(*env)) {
    const std::string& question = QuestionOf(task);
    auto words = WordsOf(question.substr(question.find(':') + 1));
    std::sort(words.begin(), words.end());
    if (question.find("z to a") != std::string::npos) std::reverse(words.begin(), words.end());
    EXPECT_EQ(WordsOf(task.answer), words);
    std::string spaced = task.answer;
    std::erase(spaced, ',');
    EXPECT_TRUE(IsRight(*env, task, spaced));
    std::swap(words[0], words[1]);
    EXPECT_FALSE(IsRight(*env, task, words[0] + ", " + words[1] + ", " + words[2]));
  }
}

}  // namespace
}  // namespace agon::envs
