// Math grader: grades per second of one thread on answers to word problems and on the
// table of corner cases, and the slowest answer of a hostile list. Prints one JSON object.
//
//   grade_bench [--gsm8k FILE] [--runs N]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "envs/math/grade.h"
#include "tests/envs/grade_corner_cases.h"

namespace agon::envs {
namespace {

struct Graded {
  std::string gold, response;
};

double Seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Best of `runs` passes over the answers.
Json Rate(const std::vector<Graded>& answers, int runs) {
  size_t num_right = 0, num_bytes = 0;
  for (const Graded& answer : answers) num_bytes += answer.response.size();
  double best = 1e9;
  for (int run = 0; run < runs; ++run) {
    num_right = 0;
    best = std::min(best, Seconds([&] {
                      for (const Graded& answer : answers) {
                        num_right += GradeMath(answer.gold, answer.response).correct;
                      }
                    }));
  }
  const auto count = static_cast<double>(answers.size());
  return {{"answers", answers.size()},
          {"right", num_right},
          {"bytes_per_response", static_cast<double>(num_bytes) / count},
          {"grades_per_s", count / best}};
}

// Worked solutions in GSM8K's manner, half of them wrong.
std::vector<Graded> WordProblems() {
  Rng rng({1, RngStream::kTest, 0, 0, 0});
  std::vector<Graded> answers;
  for (int i = 0; i < 5000; ++i) {
    const int64_t a = rng.Between(2, 900), b = rng.Between(2, 90), right = a * b + a;
    const int64_t said = rng.Below(2) == 0 ? right : right + rng.Between(1, 9);
    const std::string work = "Each box holds " + std::to_string(a) + " pencils, so " +
                             std::to_string(b) + " boxes hold " + std::to_string(a) + "*" +
                             std::to_string(b) + "=" + std::to_string(a * b) +
                             " pencils.\nWith the first box that makes " + std::to_string(a * b) +
                             "+" + std::to_string(a) + "=" + std::to_string(said) + ".\n";
    constexpr int kNumMarkers = 3;
    const std::string answer = std::to_string(said);
    const std::string ends[kNumMarkers] = {"#### " + answer, "Answer: " + answer,
                                           "So it is $\\boxed{" + answer + "}$."};
    answers.push_back({std::to_string(right), work + ends[rng.Below(kNumMarkers)]});
  }
  return answers;
}

// GSM8K's own solutions as responses to their golds.
std::vector<Graded> Gsm8k(const std::string& file) {
  std::vector<Graded> answers;
  const std::string text = ReadFile(file);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = file + ", task " + std::to_string(answers.size() + 1);
    const Json task = ParseJson(std::string_view(text).substr(begin, end - begin), where);
    auto solution = JsonField<std::string>(task, "answer", where);
    std::string gold = solution.substr(solution.rfind("#### ") + 5);
    answers.push_back({std::move(gold), std::move(solution)});
    begin = end + 1;
  }
  return answers;
}

std::vector<Graded> CornerCases() {
  std::vector<Graded> answers;
  const auto add = [&](const GoldAndAnswer& pair) {
    answers.push_back({pair.gold, "So it is $\\boxed{" + std::string(pair.answer) + "}$."});
    answers.push_back({pair.answer, "So it is $\\boxed{" + std::string(pair.gold) + "}$."});
  };
  for (const GoldAndAnswer& pair : kEqualAnswers) add(pair);
  for (const GoldAndAnswer& pair : kDifferentAnswers) add(pair);
  return answers;
}

Json Slowest(int runs) {
  std::string fractions, roots, digits(1000000, '9');
  for (int i = 0; i < 100000; ++i) fractions += "\\frac{1}{";
  for (int i = 0; i < 38; ++i) roots += "\\sqrt{2+";
  const std::string answers[] = {"9**9**9",
                                 "2004!",
                                 "1/3000!+1/2999!",
                                 "10^(10^10)",
                                 "(x+y+z+w)^{50}",
                                 "(\\sin x+\\sin y)^{40}",
                                 "(1+\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7)^{20}",
                                 fractions + "2" + std::string(100000, '}'),
                                 roots + "2" + std::string(38, '}'),
                                 digits,
                                 std::string(1990, '('),
                                 "\\sqrt{" + std::string(1900, '7') + "}"};
  Json slowest{{"us", 0.0}};
  for (const std::string& answer : answers) {
    const std::string response = "\\boxed{" + answer + "}";
    double best = 1e9;
    for (int run = 0; run < runs; ++run) {
      best = std::min(best, Seconds([&] { GradeMath("5", response); }));
    }
    if (best * 1e6 > slowest["us"].get<double>()) {
      slowest = {{"us", best * 1e6}, {"answer", answer.substr(0, 40)}};
    }
  }
  return slowest;
}

int Main(int argc, char** argv) {
  CLI::App app("Math grader benchmark: prints one JSON object");
  std::string gsm8k;
  int runs = 10;
  app.add_option("--gsm8k", gsm8k, "GSM8K's train.jsonl: grade its solutions, too");
  app.add_option("--runs", runs, "passes, of which the best counts")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Json result{{"benchmark", "grade"}};
  result["word_problems"] = Rate(WordProblems(), runs);
  if (!gsm8k.empty()) result["gsm8k"] = Rate(Gsm8k(gsm8k), runs);
  result["corner_cases"] = Rate(CornerCases(), runs * 5);
  result["slowest_hostile"] = Slowest(runs);
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace agon::envs

int main(int argc, char** argv) { return agon::RunMain(agon::envs::Main, argc, argv); }
