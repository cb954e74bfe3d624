// Programs that read stdin and write stdout: only what they wrote is judged, here.
#include <charconv>
#include <cmath>
#include <utility>

#include "envs/code/candidate_box.h"
#include "envs/code/grade_forms.h"

namespace agon::envs {
namespace {

constexpr std::string_view kSpaces = " \t\r\f\v";

std::vector<std::string_view> SplitAt(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  for (size_t begin; (begin = text.find_first_not_of(separators)) != std::string_view::npos;) {
    text.remove_prefix(begin);
    words.push_back(text.substr(0, text.find_first_of(separators)));
    text.remove_prefix(words.back().size());
  }
  return words;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    line = line.substr(0, line.find_last_not_of(kSpaces) + 1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::optional<double> Number(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

bool SameWords(std::string_view expected, std::string_view actual, double tolerance) {
  const auto wanted = SplitAt(expected, kSpaces), got = SplitAt(actual, kSpaces);
  if (wanted.size() != got.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == got[i]) continue;
    const auto a = Number(wanted[i]), b = Number(got[i]);
    if (!a || !b || !(std::fabs(*a - *b) <= tolerance * std::max(1.0, std::fabs(*a)))) return false;
  }
  return true;
}

TestVerdict Compare(std::string_view expected, std::string_view actual,
                    std::optional<double> tolerance) {
  const auto wanted = Lines(expected), got = Lines(actual);
  for (size_t i = 0; i < std::max(wanted.size(), got.size()); ++i) {
    const std::string line = "line " + std::to_string(i + 1);
    if (i >= got.size()) return {TestStatus::kFail, line + " is missing"};
    if (i >= wanted.size()) return {TestStatus::kFail, line + " is one too many"};
    if (wanted[i] == got[i]) continue;
    if (tolerance && SameWords(wanted[i], got[i], *tolerance)) continue;
    return {TestStatus::kFail, line + " differs: " + Printable(got[i].substr(0, 80))};
  }
  return {TestStatus::kPass, ""};
}

}  // namespace

void GradeStdio(Grading& grading) {
  for (const StdioTest& test : grading.tests.stdio) {
    if (auto skipped = grading.Skipped()) {
      grading.grade.tests.push_back(std::move(*skipped));
      continue;
    }
    const BoxResult result =
        grading.sandbox.Run(Program::Python(grading.code, test.input), BoxLimitsOf(grading.limits));
    if (result.verdict == BoxVerdict::kSandboxFailure) {
      grading.grade.masked = Mask{"sandbox", Printable(result.reason)};
      return;
    }
    TestVerdict verdict =
        result.verdict == BoxVerdict::kOk
            ? Compare(test.output, result.stdout_bytes, grading.tests.float_tolerance)
            : EarlyEnd(result);
    verdict.cpu_ms = result.cpu_ms;
    grading.grade.tests.push_back(std::move(verdict));
  }
}

}  // namespace agon::envs
