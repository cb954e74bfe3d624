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

bool IsLong(std::string_view answer) { return answer.size() > kMaxMathAnswerBytes; }

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

bool StartsWith(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b | 0x20 : b); });
}

// "The final answer is 5. I hope it is correct." says 5.
std::string_view WithoutPhrases(std::string_view line) {
  for (const std::string_view phrase : {"the final answer is", "the answer is"}) {
    if (StartsWith(line, phrase)) line = TrimSpace(line.substr(phrase.size()));
  }
  constexpr std::string_view kHope = "i hope it is correct.";
  if (line.size() > kHope.size() && StartsWith(line.substr(line.size() - kHope.size()), kHope)) {
    line = TrimSpace(line.substr(0, line.size() - kHope.size()));
  }
  return line;
}

// The offered answers in one list: boxes first.
std::vector<std::string_view> Candidates(const OfferedAnswers& found) {
  std::vector<std::string_view> candidates = found.boxes;
  const bool is_lone = candidates.empty() && !found.line;
  if (found.hash_line && IsHashAnswer(*found.hash_line, is_lone)) {
    candidates.push_back(*found.hash_line);
  }
  if (found.line) candidates.push_back(WithoutPhrases(*found.line));
  std::erase(candidates, "");
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

[[noreturn]] void ThrowNoAnswer() { throw Error(ErrorKind::kCorrupt, "the gold holds no answer"); }

// The gold's answers: one, or the boxes of a set.
std::vector<std::string_view> GoldAnswers(std::string_view gold) {
  std::vector<std::string_view> answers;
  const bool is_marked = gold.find("\\boxed{") != std::string_view::npos ||
                         gold.find("####") != std::string_view::npos;
  if (is_marked) {
    const OfferedAnswers found = FindAnswers(gold);
    answers = found.boxes.size() > 1 ? found.boxes : Candidates(found);
    if (found.boxes.size() <= 1 && answers.size() > 1) answers = {answers.back()};
  } else if (const std::string_view answer = TrimSpace(gold); !answer.empty()) {
    answers = {answer};
  }
  if (answers.empty()) ThrowNoAnswer();
  if (std::any_of(answers.begin(), answers.end(), IsLong)) {
    throw Error(ErrorKind::kCorrupt, "the gold's answer is longer than " +
                                         std::to_string(kMaxMathAnswerBytes) + " bytes");
  }
  return answers;
}

// One reading of several answers that agree, or that are the boxes of a wanted set;
// nullopt if they are neither.
std::optional<Reading> Unite(Grader& grader, const Reading& wanted,
                             const std::vector<std::string_view>& candidates, size_t num_boxes) {
  std::vector<Reading> readings;
  for (const std::string_view candidate : candidates) readings.push_back(grader.Read(candidate));
  const bool agree = std::all_of(readings.begin() + 1, readings.end(), [&](const Reading& other) {
    return grader.Agree(readings[0], other);
  });
  if (agree) return readings[0];
  const bool is_set = wanted.value && wanted.value->kind == Value::Kind::kSet;
  if (!is_set || candidates.size() != num_boxes) return std::nullopt;
  return Grader::Joined(readings);
}

}  // namespace

std::string GoldAnswer(std::string_view gold) {
  std::string joined;
  for (const std::string_view answer : GoldAnswers(gold)) {
    joined.append(joined.empty() ? "" : ", ").append(answer);
  }
  return joined;
}

MathGrade GradeMath(std::string_view gold, std::string_view response,
                    const MathGradeOptions& options) {
  const std::vector<std::string_view> golds = GoldAnswers(gold);
  const OfferedAnswers found = FindAnswers(response);
  const std::vector<std::string_view> candidates = Candidates(found);
  if (candidates.empty()) return {false, "", "no answer"};
  if (found.too_many_boxes) return {false, "", "two answers"};
  if (std::any_of(candidates.begin(), candidates.end(), IsLong)) return {false, "", "too long"};
  if (golds.size() == 1 && !options.european_comma) {
    if (auto grade = GradeNumbers(golds[0], candidates)) return *grade;
  }

  Grader grader(options);
  std::vector<Reading> gold_readings;
  for (const std::string_view answer : golds) {
    gold_readings.push_back(grader.Read(answer));
    // "." and "$" say nothing.
    if (gold_readings.back().spelling.empty()) ThrowNoAnswer();
  }
  const Reading wanted =
      golds.size() == 1 ? std::move(gold_readings[0]) : Grader::Joined(gold_readings);
  auto answer = Unite(grader, wanted, candidates, found.boxes.size());
  if (!answer) return {false, "", "two answers"};
  const bool correct = grader.Same(wanted, *answer);
  std::string reason = correct ? "right" : grader.Why(wanted, *answer);
  return {correct, std::move(answer->text), std::move(reason)};
}

}  // namespace agon::envs
