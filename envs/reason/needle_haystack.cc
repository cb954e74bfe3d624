// reason/needle_haystack: one fact among many.
//
//   Velda has a drum. Kimo has a kite. Tarn has a lamp. What does Kimo have?
//   Answer: a kite
//
// Difficulty is the number of facts: 3, 6, 10, 16. Nobody has two things, and no two have
// the same.
#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr std::array<size_t, 4> kNumFacts = {3, 6, 10, 16};
constexpr std::array<std::string_view, 32> kThings = {
    "ball", "bed", "bell", "boat", "book", "bow",  "box",  "car",  "cat",  "coat", "cow",
    "cup",  "dog", "drum", "fan",  "fish", "flag", "hat",  "hen",  "jar",  "key",  "kite",
    "lamp", "map", "pen",  "pig",  "pot",  "ring", "rope", "sled", "tent", "vase"};

Problem DrawFacts(Rng& rng, int difficulty, bool asks_who) {
  const size_t num_facts = kNumFacts[static_cast<size_t>(difficulty)];
  std::set<std::string> taken;
  std::vector<std::string> names;
  while (names.size() < num_facts) {
    std::string name = Capitalized(InventedWord(rng, 2));
    if (taken.insert(name).second) names.push_back(std::move(name));
  }
  std::array<std::string_view, kThings.size()> things = kThings;
  rng.Shuffle(things);
  std::string text;
  for (size_t i = 0; i < num_facts; ++i) {
    text += names[i] + " has a " + std::string(things[i]) + ". ";
  }
  const size_t needle = rng.Below(num_facts);
  const std::string thing = "a " + std::string(things[needle]);
  std::string question =
      asks_who ? "Who has " + thing + "?" : "What does " + names[needle] + " have?";
  return {text + question,
          asks_who ? names[needle] : thing,
          {names[needle] + " has " + thing + "."},
          {},
          text + question};
}

Problem Who(Rng& rng, int difficulty) { return DrawFacts(rng, difficulty, true); }
Problem What(Rng& rng, int difficulty) { return DrawFacts(rng, difficulty, false); }

// "kite" for "a kite".
Verdict VerifyNeedle(std::string_view answer, const std::vector<int64_t>& given,
                     std::string_view completion) {
  Verdict verdict = VerifyText(answer, given, completion);
  if (verdict.correct || !answer.starts_with("a ")) return verdict;
  Verdict bare = VerifyText(answer.substr(2), given, completion);
  return bare.correct ? bare : verdict;
}

std::unique_ptr<Env> MakeNeedleHaystack(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/needle_haystack-v1";
  spec.info.summary = "One fact among three to sixteen";
  spec.info.num_difficulties = static_cast<int>(kNumFacts.size());
  spec.families = {{"who", Who, 0.02}, {"what", What, 0.1}};
  spec.verify = VerifyNeedle;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/needle_haystack-v1", MakeNeedleHaystack);

}  // namespace
}  // namespace agon::envs
