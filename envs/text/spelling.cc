// text/spelling: what a reader of tokens finds hard and a reader of letters easy.
//
//   Spell ubiquitous backwards.
//   u b i q u i t o u s
//   s u o t i u q i b u
//   Answer: suotiuqibu
//
// Steps put spaces between the letters first: then each is a token of its own. Difficulty
// is the length of the word: 3-4, 5-6, 7-9, 10-14 letters.
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

constexpr std::array<std::pair<size_t, size_t>, 4> kSizes = {{{3, 4}, {5, 6}, {7, 9}, {10, 14}}};

std::string Draw(Rng& rng, int difficulty) {
  const auto [low, high] = kSizes[static_cast<size_t>(difficulty)];
  return DrawWord(rng, low, high);
}

Problem Letters(Rng& rng, int difficulty) {
  const std::string word = Draw(rng, difficulty);
  std::string question = rng.Below(2) == 0 ? "Spell " + word + " letter by letter."
                                           : "Which letters make up " + word + "?";
  return {std::move(question), SpacedLetters(word), {}, {}, word};
}

Problem Backwards(Rng& rng, int difficulty) {
  const std::string word = Draw(rng, difficulty);
  const std::string backwards(word.rbegin(), word.rend());
  std::string question = rng.Below(2) == 0 ? "Spell " + word + " backwards."
                                           : "Write " + word + " from back to front.";
  return {
      std::move(question), backwards, {SpacedLetters(word), SpacedLetters(backwards)}, {}, word};
}

// Every second or third letter, beginning with the first: one letter of each group.
Problem EveryNth(Rng& rng, int difficulty) {
  const std::string word = Draw(rng, difficulty);
  const size_t n = word.size() < 6 ? 2 : rng.Below(2) + 2;
  std::string picked, groups;
  for (size_t i = 0; i < word.size(); i += n) {
    picked += word[i];
    groups += (i == 0 ? "" : ", ") + SpacedLetters(word.substr(i, n));
  }
  const std::string which = n == 2 ? "second" : "third";
  return {"Write every " + which + " letter of " + word + ", beginning with the first.",
          picked,
          {groups, SpacedLetters(picked)},
          {},
          which + " " + word};
}

Problem LetterAt(Rng& rng, int difficulty) {
  const std::string word = Draw(rng, difficulty);
  const size_t place = rng.Below(word.size());
  std::string counted;
  for (size_t i = 0; i <= place; ++i) {
    counted += (i == 0 ? "" : " ") + std::to_string(i + 1) + " " + word[i];
  }
  const std::string number = std::to_string(place + 1);
  return {"What is letter " + number + " of " + word + "?",
          std::string(1, word[place]),
          {counted},
          {},
          number + " " + word};
}

// Letters in any case; pieces as the gold has them, or a word in pieces of any size.
Verdict VerifySpelling(std::string_view answer, const std::vector<int64_t>& /*given*/,
                       std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  if (found.text.empty()) return {false, "", std::move(found.problem)};
  constexpr std::string_view kSeparators = " ,-";
  const bool is_word = answer.find(' ') == std::string_view::npos;
  std::string plain;
  for (const char c : found.text) {
    if (kSeparators.find(c) != std::string_view::npos) {
      if (!is_word && !plain.ends_with(' ')) plain += ' ';
    } else {
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
  }
  if (plain.ends_with('.')) plain.pop_back();
  const bool correct = plain == answer;
  return {correct, std::move(found.text),
          correct ? "right" : "wrong, the answer is " + std::string(answer)};
}

std::unique_ptr<Env> MakeSpelling(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "text/spelling-v1";
  spec.info.summary = "Words letter by letter, backwards, every third letter, one letter";
  spec.info.num_difficulties = static_cast<int>(kSizes.size());
  spec.families = {{"letters", Letters, 0.01},
                   {"backwards", Backwards, 0.01},
                   {"every_nth", EveryNth, 0.01},
                   {"letter_at", LetterAt, 0.15}};
  spec.verify = VerifySpelling;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("text/spelling-v1", MakeSpelling);

}  // namespace
}  // namespace agon::envs
