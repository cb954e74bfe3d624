#include "envs/math/grade.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/error.h"
#include "envs/math/answer_equal.h"
#include "envs/math/extract.h"
#include "envs/math/vocabulary.h"

namespace agon::envs {
namespace {

// An answer as far as it is understood.
struct Reading {
  std::string text;
  std::string spelling;  // for answers that aren't understood
  std::vector<std::string> units;
  std::optional<Value> value;
};

class Grader {
 public:
  explicit Grader(const MathGradeOptions& options) : lexing_{options.european_comma} {}

  Reading Read(std::string_view text) {
    Reading reading;
    reading.text = text;
    std::vector<Token> tokens = LexAnswer(text, lexing_);
    reading.spelling = Spell(tokens);
    ParsedAnswer parsed = ParseAnswer(std::move(tokens));
    reading.value = Evaluate(parsed, algebra_);
    reading.units = std::move(parsed.units);
    return reading;
  }

  // Several boxes that hold one element of a set each.
  static Reading Joined(const std::vector<Reading>& readings) {
    Reading joined;
    joined.value.emplace().kind = Value::Kind::kSet;
    for (const Reading& reading : readings) {
      if (!joined.text.empty()) joined.text += ", ";
      joined.text += reading.text;
      joined.spelling += reading.spelling;
      if (!reading.value) return joined;
      if (reading.value->kind == Value::Kind::kSet) {
        const auto& items = reading.value->items;
        joined.value->items.insert(joined.value->items.end(), items.begin(), items.end());
      } else {
        joined.value->items.push_back(*reading.value);
      }
    }
    return joined;
  }

  bool Same(const Reading& gold, const Reading& answer) {
    if (!gold.spelling.empty() && gold.spelling == answer.spelling) return true;
    if (!gold.value || !answer.value || UnitsDiffer(gold, answer)) return false;
    return comparison_.Same(*gold.value, *answer.value);
  }

  // One offered answer against another; neither is the gold.
  bool Agree(const Reading& a, const Reading& b) { return Same(a, b) || Same(b, a); }

  std::string Why(const Reading& gold, const Reading& answer) const {
    if (!comparison_.reason().empty()) return comparison_.reason();
    if (!algebra_.ok()) return "not comparable: " + algebra_.problem();
    if (gold.value && !answer.value) return "not understood, the answer is " + gold.text;
    return "wrong, the answer is " + gold.text;
  }

 private:
  // Where both name units of measurement, they must be the same ones.
  static bool UnitsDiffer(const Reading& gold, const Reading& answer) {
    const size_t count = std::min(gold.units.size(), answer.units.size());
    for (size_t i = 0; i < count; ++i) {
      const std::string_view a = CanonicalUnit(gold.units[i]), b = CanonicalUnit(answer.units[i]);
      if (!a.empty() && !b.empty() && a != b) return true;
    }
    return false;
  }

  LexOptions lexing_;
  Algebra algebra_;
  AnswerComparison comparison_{algebra_};
};

// Whether the text behind "####" is an answer rather than a heading.
bool IsHashAnswer(std::string_view text, bool is_lone) {
  if (text.empty()) return false;
  if (is_lone || StartsLikeNumber(text)) return true;
  return text.size() == 1 || text.find_first_of("\\=^{}[]|") != std::string_view::npos;
}

// The offered answers in one list: boxes first.
std::vector<std::string_view> Candidates(const OfferedAnswers& found) {
  std::vector<std::string_view> candidates = found.boxes;
  const bool is_lone = candidates.empty() && !found.line;
  if (found.hash_line && IsHashAnswer(*found.hash_line, is_lone)) {
    candidates.push_back(*found.hash_line);
  }
  if (found.line) candidates.push_back(*found.line);
  return candidates;
}

bool IsPlainNumber(std::string_view text) {
  constexpr size_t kMaxBytes = 24;
  return text.size() <= kMaxBytes &&
         text.find_first_not_of("0123456789.,-+/$ ") == std::string_view::npos;
}

// The common case without algebra: a gold that is one plain number, and answers that are.
std::optional<MathGrade> GradeNumbers(std::string_view gold,
                                      const std::vector<std::string_view>& candidates) {
  const auto wanted = IsPlainNumber(gold) ? ParseNumber(gold) : std::nullopt;
  if (!wanted) return std::nullopt;
  std::optional<Rational> number;
  for (const std::string_view candidate : candidates) {
    const auto next = ParseNumber(candidate);
    if (!next) return std::nullopt;
    if (number && *number != *next) return MathGrade{false, "", "two answers"};
    number = next;
  }
  const bool correct = *number == *wanted;
  return MathGrade{correct, std::string(candidates.back()),
                   correct ? "right" : "wrong, the answer is " + std::string(gold)};
}

}  // namespace

std::string_view GoldAnswer(std::string_view gold) {
  const bool is_marked = gold.find("\\boxed{") != std::string_view::npos ||
                         gold.find("####") != std::string_view::npos;
  std::string_view answer = TrimSpace(gold);
  if (is_marked) {
    const auto candidates = Candidates(FindAnswers(gold));
    answer = candidates.empty() ? std::string_view() : candidates.back();
  }
  if (answer.empty()) throw Error(ErrorKind::kCorrupt, "the gold has no answer", std::string(gold));
  if (answer.size() > kMaxMathAnswerBytes) {
    throw Error(ErrorKind::kCorrupt,
                "the gold is longer than " + std::to_string(kMaxMathAnswerBytes) + " bytes");
  }
  return answer;
}

MathGrade GradeMath(std::string_view gold, std::string_view response,
                    const MathGradeOptions& options) {
  gold = GoldAnswer(gold);
  const OfferedAnswers found = FindAnswers(response);
  const std::vector<std::string_view> candidates = Candidates(found);
  const auto is_long = [](std::string_view text) { return text.size() > kMaxMathAnswerBytes; };
  if (candidates.empty()) return {false, "", "no answer"};
  if (found.too_many_boxes) return {false, "", "two answers"};
  if (std::any_of(candidates.begin(), candidates.end(), is_long)) return {false, "", "too long"};
  if (!options.european_comma) {
    if (auto grade = GradeNumbers(gold, candidates)) return *grade;
  }

  Grader grader(options);
  const Reading wanted = grader.Read(gold);
  std::vector<Reading> readings;
  for (const std::string_view candidate : candidates) {
    if (!candidate.empty()) readings.push_back(grader.Read(candidate));
  }
  if (readings.empty()) return {false, "", "no answer"};
  const auto agrees = [&](const Reading& other) { return grader.Agree(readings[0], other); };
  Reading answer = readings[0];
  if (!std::all_of(readings.begin() + 1, readings.end(), agrees)) {
    const bool is_set = wanted.value && wanted.value->kind == Value::Kind::kSet;
    if (!is_set || readings.size() != found.boxes.size()) return {false, "", "two answers"};
    answer = Grader::Joined(readings);
  }
  const bool correct = grader.Same(wanted, answer);
  std::string reason = correct ? "right" : grader.Why(wanted, answer);
  return {correct, std::move(answer.text), std::move(reason)};
}

}  // namespace agon::envs
