#include "datasets/generated_math.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace agon::datasets {
namespace {

constexpr int64_t kMaxSum = 99, kMaxFactor = 12, kMaxTableFactor = 9;

std::string Str(int64_t number) { return std::to_string(number); }

struct Fact {
  int64_t a, b, result;
  char op;

  std::string Text() const { return Str(a) + op + Str(b) + "=" + Str(result); }
};

// Small numbers and the table up to 9x9 come most often: most steps of a solution are these.
Fact DrawFact(Rng& rng) {
  const uint64_t kind = rng.Below(10);
  if (kind < 4) {
    const bool is_small = rng.Below(2) == 0;
    const int64_t b = is_small ? rng.Between(0, 9) : rng.Between(0, kMaxSum);
    const int64_t a = rng.Between(0, kMaxSum - b);
    return rng.Below(2) == 0 ? Fact{a, b, a + b, '+'} : Fact{b, a, a + b, '+'};
  }
  if (kind < 7) {
    const int64_t a = rng.Between(0, kMaxSum);
    const int64_t b = rng.Between(0, rng.Below(2) == 0 ? std::min<int64_t>(a, 9) : a);
    return {a, b, a - b, '-'};
  }
  const int64_t high = rng.Below(4) == 0 ? kMaxFactor : kMaxTableFactor;
  const int64_t a = rng.Between(1, high), b = rng.Between(1, high);
  if (kind < 9) return {a, b, a * b, '*'};
  return {a * b, a, b, '/'};
}

std::string FactLines(Rng& rng) {
  std::string line;
  const int64_t count = rng.Between(3, 8);
  for (int64_t i = 0; i < count; ++i) line += DrawFact(rng).Text() + (i + 1 < count ? " " : "\n");
  return line;
}

// One step of a running computation, its result within 0..kMaxSum.
Fact DrawStep(Rng& rng, int64_t value) {
  const uint64_t kind = rng.Below(8);
  if (kind == 0 && value >= 1 && value <= kMaxTableFactor) {
    const int64_t b = rng.Between(1, kMaxTableFactor);
    return {value, b, value * b, '*'};
  }
  if (kind == 1 && value > 1) {
    const int64_t b = rng.Between(2, kMaxTableFactor);
    if (value % b == 0) return {value, b, value / b, '/'};
  }
  const int64_t amount = rng.Between(1, rng.Below(4) == 0 ? 30 : 9);
  const bool fits_sum = value + amount <= kMaxSum;
  if (value >= amount && (!fits_sum || rng.Below(2) == 0)) {
    return {value, amount, value - amount, '-'};
  }
  return {value, amount, value + amount, '+'};
}

// "5+3=8\n8-2=6\nAnswer: 6\n", as a worked solution reads.
std::string Chain(Rng& rng) {
  std::string text;
  int64_t value = rng.Between(1, 30);
  if (rng.Below(2) == 0) {
    const int64_t a = rng.Between(2, 9), b = rng.Between(2, 9);
    value = a * b;
    text += Fact{a, b, value, '*'}.Text() + "\n";
  }
  const int64_t num_steps = rng.Between(2, 6) - (text.empty() ? 0 : 1);
  for (int64_t i = 0; i < num_steps; ++i) {
    const Fact step = DrawStep(rng, value);
    text += step.Text() + "\n";
    value = step.result;
  }
  return text + "Answer: " + Str(value) + "\n";
}

// Two products or sums and what they make together: "2*3=6\n4*5=20\n6+20=26\nAnswer: 26\n".
std::string Join(Rng& rng) {
  const int64_t a = rng.Between(2, 9), b = rng.Between(2, 9);
  const int64_t c = rng.Between(2, 5), d = rng.Between(2, 5);
  const int64_t left = a * b, right = c * d;
  const bool is_sum = left < right || (left + right <= kMaxSum && rng.Below(2) == 0);
  const Fact last = {left, right, is_sum ? left + right : left - right, is_sum ? '+' : '-'};
  return Fact{a, b, left, '*'}.Text() + "\n" + Fact{c, d, right, '*'}.Text() + "\n" + last.Text() +
         "\nAnswer: " + Str(last.result) + "\n";
}

std::string Capitalized(std::string text) {
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string Sentence(Rng& rng) {
  const Fact fact = DrawFact(rng);
  const std::string a = Str(fact.a), b = Str(fact.b), result = Str(fact.result);
  const uint64_t wording = rng.Below(4);
  const bool in_words = rng.Below(4) == 0;
  const auto number = [&](int64_t n) { return in_words ? NumberWords(n) : Str(n); };
  const std::string spelled[] = {number(fact.a), number(fact.b), number(fact.result)};
  std::string_view verb = "plus";
  if (fact.op == '-') verb = "minus";
  if (fact.op == '*') verb = "times";
  if (fact.op == '/') verb = "divided by";
  if (wording == 0) {
    return Capitalized(spelled[0]) + " " + std::string(verb) + " " + spelled[1] + " is " +
           spelled[2] + ".\n";
  }
  if (wording == 1) {
    return "What is " + a + fact.op + b + "? It is " + result + ".\n";
  }
  switch (fact.op) {
    case '+':
      return wording == 2 ? "If you have " + a + " and get " + b + " more, you have " + result +
                                ", because " + fact.Text() + ".\n"
                          : "The total of " + a + " and " + b + " is " + result + ".\n";
    case '-':
      return wording == 2 ? "If you have " + a + " and lose " + b + ", you have " + result +
                                " left, because " + fact.Text() + ".\n"
                          : "The difference of " + a + " and " + b + " is " + result + ".\n";
    case '*':
      return wording == 2 ? Str(fact.a) + " boxes of " + b + " hold " + result + ", because " +
                                fact.Text() + ".\n"
                          : a + " things for $" + b + " each cost $" + result + ".\n";
    default:
      return wording == 2 ? "If " + b + " share " + a + ", each gets " + result + ", because " +
                                fact.Text() + ".\n"
                          : "One of " + b + " equal parts of " + a + " is " + result + ".\n";
  }
}

std::string Comparison(Rng& rng) {
  const int64_t a = rng.Between(0, kMaxSum), b = rng.Between(0, kMaxSum);
  const int64_t low = std::min(a, b), high = std::max(a, b);
  if (a == b) return Str(a) + "=" + Str(b) + ". " + Str(a) + " is equal to " + Str(b) + ".\n";
  switch (rng.Below(4)) {
    case 0:
      return Str(a) + (a < b ? "<" : ">") + Str(b) + "\n";
    case 1:
      return Str(high) + " is more than " + Str(low) + ", by " + Str(high - low) + ".\n";
    case 2:
      return Str(low) + " is " + Str(high - low) + " fewer than " + Str(high) + ", because " +
             Fact{high, high - low, low, '-'}.Text() + ".\n";
    default:
      return Str(high) + " is " + Str(high - low) + " more than " + Str(low) + ", because " +
             Fact{low, high - low, high, '+'}.Text() + ".\n";
  }
}

std::string Counting(Rng& rng) {
  const int64_t stride = rng.Below(2) == 0 ? 1 : rng.Between(2, 10);
  const bool is_down = rng.Below(3) == 0;
  const int64_t length = rng.Between(5, 10);
  const int64_t span = stride * (length - 1);
  const int64_t low = rng.Between(0, std::max<int64_t>(kMaxSum - span, 0));
  std::string line = "Count by " + Str(stride) + (is_down ? " down" : "") + ":";
  for (int64_t i = 0; i < length; ++i) {
    line += (i == 0 ? " " : ", ") + Str(is_down ? low + span - i * stride : low + i * stride);
  }
  return line + "\n";
}

std::string Words(Rng& rng) {
  const int64_t number = rng.Between(0, rng.Below(4) == 0 ? 999 : kMaxSum);
  const std::string words = NumberWords(number);
  return rng.Below(2) == 0 ? Str(number) + " is " + words + ".\n"
                           : Capitalized(words) + " is " + Str(number) + ".\n";
}

}  // namespace

std::string NumberWords(int64_t number) {
  constexpr std::array<std::string_view, 20> kOnes = {
      "zero",     "one",     "two",     "three",     "four",     "five",    "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  constexpr std::array<std::string_view, 10> kTens = {
      "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
  if (number >= 100) {
    std::string words = std::string(kOnes[static_cast<size_t>(number / 100)]) + " hundred";
    return number % 100 == 0 ? words : words + " " + NumberWords(number % 100);
  }
  const auto n = static_cast<size_t>(number);
  if (n < kOnes.size()) return std::string(kOnes[n]);
  std::string words(kTens[n / 10]);
  if (n % 10 != 0) words += "-" + std::string(kOnes[n % 10]);
  return words;
}

std::vector<std::string> AllMathFacts() {
  std::vector<std::string> facts;
  for (int64_t a = 0; a <= kMaxSum; ++a) {
    for (int64_t b = 0; a + b <= kMaxSum; ++b) facts.push_back(Fact{a, b, a + b, '+'}.Text());
    for (int64_t b = 0; b <= a; ++b) facts.push_back(Fact{a, b, a - b, '-'}.Text());
  }
  for (int64_t a = 1; a <= kMaxFactor; ++a) {
    for (int64_t b = 1; b <= kMaxFactor; ++b) {
      facts.push_back(Fact{a, b, a * b, '*'}.Text());
      facts.push_back(Fact{a * b, a, b, '/'}.Text());
    }
  }
  return facts;
}

std::string GenerateMathText(const RngKey& key, uint64_t index) {
  using Generator = std::string (*)(Rng&);
  // Half of the text is in the form of worked solutions.
  constexpr std::array<Generator, 10> kGenerators = {
      FactLines, FactLines, Chain, Chain, Chain, Join, Sentence, Sentence, Comparison, Counting};
  constexpr size_t kBytes = 500;
  Rng rng(key.WithTask(index));
  const uint64_t kind = rng.Below(kGenerators.size() + 1);
  const Generator generate = kind < kGenerators.size() ? kGenerators[kind] : Words;
  // A blank line sets off one solution from the next.
  const bool is_solution = generate == Chain || generate == Join;
  std::string text;
  while (text.size() < kBytes) text += generate(rng) + (is_solution ? "\n" : "");
  while (text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::string> GenerateMath(const RngKey& key, int64_t num_bytes) {
  constexpr size_t kFactsPerText = 64;
  std::vector<std::string> facts = AllMathFacts(), texts;
  Rng rng(key.WithStep(1));
  rng.Shuffle(facts);
  int64_t bytes = 0;
  const auto add = [&](std::string text) {
    bytes += static_cast<int64_t>(text.size());
    texts.push_back(std::move(text));
  };
  for (size_t i = 0; i < facts.size() && bytes < num_bytes; i += kFactsPerText) {
    std::string text;
    for (size_t k = i; k < std::min(i + kFactsPerText, facts.size()); ++k) text += facts[k] + "\n";
    text.pop_back();
    add(std::move(text));
  }
  for (uint64_t index = 0; bytes < num_bytes; ++index) add(GenerateMathText(key, index));
  return texts;
}

}  // namespace agon::datasets
