// text/compare: which of two is larger, newer, earlier, longer, or comes first.
//
//   Which number is larger, 9.11 or 9.9?        9.11 < 9.90    Answer: 9.9
//   Which version is newer, 9.11 or 9.9?        9=9, 11>9      Answer: 9.11
//
// The answer is one of the two as the question writes it (a number may be written
// otherwise). Steps bring both to one form, then look at the first difference.
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/problem_env.h"
#include "envs/text/text_answer.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 3;

std::string Text(int64_t number) { return std::to_string(number); }
std::string Sign(int64_t a, int64_t b) { return a < b ? "<" : a > b ? ">" : "="; }

// `a` is less than `b`, which the step says with `b` on either side.
struct Pair {
  std::string a, b;
  std::string step;
};

// Asks for the greater ("larger") or the lesser, in either order.
Problem Ask(Rng& rng, std::string_view question, std::string_view lesser, std::string_view greater,
            Pair pair, bool is_number = false) {
  const bool wants_greater = rng.Below(2) == 0, a_first = rng.Below(2) == 0;
  std::string text(question);
  text.append(wants_greater ? greater : lesser).append(", ");
  text.append(a_first ? pair.a : pair.b).append(" or ").append(a_first ? pair.b : pair.a);
  std::string identity = pair.a + " " + pair.b;
  return {text + "?",
          wants_greater ? pair.b : pair.a,
          {std::move(pair.step)},
          {is_number ? 1 : 0},
          std::move(identity)};
}

// Decimals of different length, half of them such that the longer one is the lesser.
Problem Decimals(Rng& rng, int difficulty) {
  const int64_t whole = rng.Between(0, difficulty == 0 ? 9 : 99);
  const int64_t tenths = rng.Between(1, 9);
  int64_t hundredths = rng.Between(1, 99);
  if (rng.Below(2) == 0) hundredths = rng.Between(1, tenths * 10 - 1);
  if (hundredths % 10 == 0) ++hundredths;
  const std::string short_form = Text(whole) + "." + Text(tenths);
  const std::string long_form = Text(whole) + (hundredths < 10 ? ".0" : ".") + Text(hundredths);
  const bool long_is_less = hundredths < tenths * 10;
  Pair pair{long_is_less ? long_form : short_form, long_is_less ? short_form : long_form, ""};
  pair.step = long_is_less ? long_form + " < " + short_form + "0" : short_form + "0 < " + long_form;
  return Ask(rng, "Which number is ", "smaller", "larger", std::move(pair), /*is_number=*/true);
}

// "9.11" is newer than "9.9": each part is a whole number.
Problem Versions(Rng& rng, int difficulty) {
  const size_t num_parts = difficulty == 2 ? 3 : 2;
  std::vector<int64_t> a, b;
  const size_t same = rng.Below(num_parts);  // parts before the difference
  for (size_t i = 0; i < num_parts; ++i) {
    a.push_back(rng.Between(0, difficulty == 0 ? 12 : 30));
    b.push_back(i < same ? a[i] : rng.Between(0, difficulty == 0 ? 12 : 30));
  }
  if (a == b) ++b.back();
  if (b < a) std::swap(a, b);
  Pair pair;
  for (size_t i = 0; i < num_parts; ++i) {
    pair.a += (i == 0 ? "" : ".") + Text(a[i]);
    pair.b += (i == 0 ? "" : ".") + Text(b[i]);
  }
  for (size_t i = 0; i < num_parts; ++i) {
    pair.step += (i == 0 ? "" : ", ") + Text(a[i]) + Sign(a[i], b[i]) + Text(b[i]);
    if (a[i] != b[i]) break;
  }
  return Ask(rng, "Which version is ", "older", "newer", std::move(pair));
}

// Years, then months, then days.
Problem Dates(Rng& rng, int difficulty) {
  constexpr std::array<std::string_view, 12> kMonths = {
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  std::array<int64_t, 3> a, b;
  const int64_t same = rng.Between(0, difficulty);
  const auto draw = [&](size_t part) {
    return part == 0   ? rng.Between(1900, 2029)
           : part == 1 ? rng.Between(1, 12)
                       : rng.Between(1, 28);
  };
  for (size_t i = 0; i < 3; ++i) {
    a[i] = draw(i);
    b[i] = static_cast<int64_t>(i) < same ? a[i] : draw(i);
  }
  if (a == b) b[2] = a[2] % 28 + 1;
  if (b < a) std::swap(a, b);
  const auto written = [&](const std::array<int64_t, 3>& date) {
    return Text(date[2]) + " " + std::string(kMonths[static_cast<size_t>(date[1]) - 1]) + " " +
           Text(date[0]);
  };
  Pair pair{written(a), written(b), ""};
  for (size_t i = 0; i < 3; ++i) {
    pair.step += (i == 0 ? "" : ", ") + Text(a[i]) + Sign(a[i], b[i]) + Text(b[i]);
    if (a[i] != b[i]) break;
  }
  return Ask(rng, "Which day is ", "earlier", "later", std::move(pair));
}

// Lengths in two units, compared in the smaller one.
Problem Lengths(Rng& rng, int difficulty) {
  struct Units {
    std::string_view large, small;
    int64_t factor;
  };
  constexpr std::array<Units, 3> kUnits = {{{"m", "cm", 100}, {"cm", "mm", 10}, {"km", "m", 1000}}};
  const Units& units = kUnits[rng.Below(difficulty == 0 ? 2 : 3)];
  const int64_t count = rng.Between(2, difficulty == 0 ? 9 : 99);
  const int64_t in_small = count * units.factor;
  int64_t other = rng.Between(in_small / 2, in_small * 3 / 2);
  if (other == in_small) ++other;
  const std::string large = Text(count) + " " + std::string(units.large);
  const std::string small = Text(other) + " " + std::string(units.small);
  const bool large_is_less = in_small < other;
  Pair pair{large_is_less ? large : small, large_is_less ? small : large, ""};
  pair.step = large + " = " + Text(in_small) + " " + std::string(units.small) + ", " +
              Text(in_small) + (large_is_less ? "<" : ">") + Text(other);
  return Ask(rng, "Which is ", "shorter", "longer", std::move(pair));
}

// The order of a dictionary.
Problem WordOrder(Rng& rng, int difficulty) {
  const size_t max_size = difficulty == 0 ? 5 : 9;
  std::string a = DrawWord(rng, 3, max_size), b = DrawWord(rng, 3, max_size);
  // Words that begin alike.
  if (difficulty > 0) b = a.substr(0, rng.Below(static_cast<uint64_t>(difficulty) * 2) + 1) + b;
  if (a == b) b += 's';
  if (b < a) std::swap(a, b);
  Pair pair{a, b, ""};
  for (size_t i = 0; i < b.size(); ++i) {
    const std::string left(1, i < a.size() ? a[i] : '-'), right(1, b[i]);
    pair.step += (i == 0 ? "" : ", ") + left + (left == right ? "=" : "<") + right;
    if (left != right) break;
  }
  return Ask(rng, "Which word is ", "first in a dictionary", "last in a dictionary",
             std::move(pair));
}

// `given` tells whether the answer is a number, which may be written otherwise: "9.90".
Verdict VerifyChoice(std::string_view answer, const std::vector<int64_t>& given,
                     std::string_view completion) {
  if (given.empty() || given[0] == 0) return VerifyText(answer, given, completion);
  ExtractedAnswer found = ExtractText(completion);
  const bool is_figures = found.text.find_first_not_of("0123456789.") == std::string::npos;
  if (is_figures && !found.text.empty()) return VerifyNumber(answer, given, completion);
  return {false, std::move(found.text), is_figures ? std::move(found.problem) : "not one number"};
}

std::unique_ptr<Env> MakeCompare(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "text/compare-v1";
  spec.info.summary = "Which of two numbers, versions, days, lengths or words";
  spec.info.num_difficulties = kNumDifficulties;
  // One of two: the last number is right half of the time.
  spec.families = {{"decimals", Decimals, 0.55},
                   {"versions", Versions, 0.55},
                   {"dates", Dates, 0.1},
                   {"lengths", Lengths, 0.1},
                   {"words", WordOrder, 0.1}};
  spec.verify = VerifyChoice;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("text/compare-v1", MakeCompare);

}  // namespace
}  // namespace agon::envs
