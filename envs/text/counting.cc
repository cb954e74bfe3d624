// text/counting: how many r are in strawberry, how many dots in a row of marks.
//
//   How many r are in strawberry?
//   s t r1 a w b e r2 r3 y
//   Answer: 3
//
// Steps number what is counted as they pass it. Difficulty is the length: words of 3-5,
// 6-8, 9-11 and 11-14 letters, rows of up to 8, 14, 20 and 28 marks, sentences of up to 4,
// 7, 10 and 14 words.
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/problem_env.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr std::array<std::pair<size_t, size_t>, 4> kWordSizes = {
    {{3, 5}, {6, 8}, {9, 11}, {11, 14}}};
constexpr std::array<std::pair<int, int>, 4> kRowSizes = {{{3, 8}, {9, 14}, {15, 20}, {21, 28}}};
constexpr std::array<std::pair<int, int>, 4> kSentenceSizes = {{{2, 4}, {5, 7}, {8, 10}, {11, 14}}};
constexpr std::string_view kVowels = "aeiou";

std::string DrawWordOf(Rng& rng, int difficulty) {
  const auto [low, high] = kWordSizes[static_cast<size_t>(difficulty)];
  return DrawWord(rng, low, high);
}

// The letters with spaces between; those of `counted` with a running number.
Problem CountLetters(std::string question, const std::string& word, std::string_view counted,
                     std::string identity) {
  std::string line;
  int count = 0;
  for (const char c : word) {
    if (!line.empty()) line += ' ';
    line += c;
    if (counted.find(c) != std::string_view::npos) line += std::to_string(++count);
  }
  return {std::move(question), std::to_string(count), {line}, {}, std::move(identity)};
}

Problem Letter(Rng& rng, int difficulty) {
  const std::string word = DrawWordOf(rng, difficulty);
  // Letters that repeat come up more often, and one in eight is any letter.
  const char letter =
      rng.Below(8) == 0 ? static_cast<char>('a' + rng.Below(26)) : word[rng.Below(word.size())];
  const std::string name(1, letter);
  std::string question = rng.Below(2) == 0
                             ? "How many " + name + " are in " + word + "?"
                             : "How often does " + word + " have the letter " + name + "?";
  return CountLetters(std::move(question), word, name, name + " " + word);
}

Problem Vowels(Rng& rng, int difficulty) {
  const std::string word = DrawWordOf(rng, difficulty);
  std::string question = rng.Below(2) == 0 ? "How many vowels are in " + word + "?"
                                           : "How many of a, e, i, o, u are in " + word + "?";
  return CountLetters(std::move(question), word, kVowels, word);
}

// Dots among stars or stars among dots.
Problem Marks(Rng& rng, int difficulty) {
  const auto [low, high] = kRowSizes[static_cast<size_t>(difficulty)];
  const bool counts_dots = rng.Below(2) == 0;
  std::string row, line;
  int count = 0;
  for (int64_t left = rng.Between(low, high); left > 0; --left) {
    const bool is_dot = rng.Below(3) != 0;
    row += is_dot ? '.' : '*';
    if (!line.empty()) line += ' ';
    line += is_dot == counts_dots ? std::to_string(++count) : is_dot ? "." : "*";
  }
  const std::string name = counts_dots ? "dots" : "stars";
  return {"How many " + name + " are in " + row, std::to_string(count), {line}, {}, name + row};
}

Problem Words(Rng& rng, int difficulty) {
  const auto [low, high] = kSentenceSizes[static_cast<size_t>(difficulty)];
  const auto words = CommonWords();
  std::string sentence, line;
  const int64_t count = rng.Between(low, high);
  for (int64_t i = 1; i <= count; ++i) {
    const std::string word(words[rng.Below(words.size())]);
    sentence += " " + word;
    line += (i == 1 ? "" : " ") + word + " " + std::to_string(i);
  }
  return {"How many words are in:" + sentence, std::to_string(count), {line}, {}, sentence};
}

std::unique_ptr<Env> MakeCounting(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "text/counting-v1";
  spec.info.summary = "How many letters, vowels, marks or words there are";
  spec.info.num_difficulties = static_cast<int>(kWordSizes.size());
  // Small numbers are often right.
  spec.families = {{"letter", Letter, 0.6},
                   {"vowels", Vowels, 0.4},
                   {"marks", Marks, 0.25},
                   {"words", Words, 0.25}};
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("text/counting-v1", MakeCounting);

}  // namespace
}  // namespace agon::envs
