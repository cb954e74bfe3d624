// reason/word_sorting: words in the order of a dictionary, or its reverse.
//
//   Sort from a to z: pear, fig, apple.
//   a p, f i, p e
//   Answer: apple, fig, pear
//
// Difficulty is the number of words: 3, 4, 6, 8.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr std::array<size_t, 4> kNumWords = {3, 4, 6, 8};

// Steps spell how the sorted words begin.
Problem Draw(Rng& rng, int difficulty) {
  std::vector<std::string> words;
  while (words.size() < kNumWords[static_cast<size_t>(difficulty)]) {
    std::string word = DrawWord(rng, 3, 7);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  const bool is_rising = rng.Below(2) == 0;
  std::vector<std::string> sorted = words;
  std::sort(sorted.begin(), sorted.end());
  std::string identity = Listed(sorted);
  if (!is_rising) std::reverse(sorted.begin(), sorted.end());
  std::string initials;
  for (const std::string& word : sorted) {
    initials += (initials.empty() ? "" : " ") + SpacedLetters(word.substr(0, 2)) + ",";
  }
  initials.pop_back();
  return {(is_rising ? "Sort from a to z: " : "Sort from z to a: ") + Listed(words) + ".",
          Listed(sorted),
          {initials},
          {},
          std::move(identity)};
}

// The words in order, with commas or spaces between.
Verdict VerifyOrder(std::string_view answer, const std::vector<int64_t>& /*given*/,
                    std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  std::string text = LowerCase(found.text);
  if (text.ends_with('.')) text.pop_back();
  const bool correct = PiecesOf(text, ", ") == PiecesOf(answer, ", ");
  return Judged(std::move(found), correct ? "" : "wrong, the answer is " + std::string(answer));
}

std::unique_ptr<Env> MakeWordSorting(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/word_sorting-v1";
  spec.info.summary = "Words in the order of a dictionary, or its reverse";
  spec.info.num_difficulties = static_cast<int>(kNumWords.size());
  spec.families = {{"sort", Draw, 0.01}};
  spec.verify = VerifyOrder;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/word_sorting-v1", MakeWordSorting);

}  // namespace
}  // namespace agon::envs
