// reason/number_sequence: the next number of a sequence.
//
//   What comes next: 3, 7, 11, 15, 19?      +4 +4 +4 +4      19+4=23     Answer: 23
//
// Families: a constant difference, a constant factor, sums of the two numbers before,
// differences that grow by a constant, and two differences in turn.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 3;
constexpr std::array<int64_t, kNumDifficulties> kHighStart = {10, 50, 200};
constexpr std::array<int64_t, kNumDifficulties> kHighStep = {9, 25, 60};

std::string Text(int64_t number) { return std::to_string(number); }

// The last of `terms` is asked for. Steps: how each number leads to the next.
Problem Ask(Rng& rng, std::vector<int64_t> terms, std::string signs, std::string last_step) {
  const int64_t answer = terms.back();
  terms.pop_back();
  std::string listed = Listed(terms);
  std::string question =
      (rng.Below(2) == 0 ? "What comes next: " : "Continue the sequence: ") + listed;
  return {question + "?",
          Text(answer),
          {std::move(signs), std::move(last_step)},
          {},
          std::move(listed)};
}

// From differences between the numbers, of which the last leads to the answer.
Problem FromDifferences(Rng& rng, int64_t start, const std::vector<int64_t>& differences) {
  std::vector<int64_t> terms = {start};
  std::string signs, last_step;
  for (const int64_t difference : differences) {
    signs += (signs.empty() ? "+" : " +") + Text(difference);
    last_step = Text(terms.back()) + "+" + Text(difference) + "=" + Text(terms.back() + difference);
    terms.push_back(terms.back() + difference);
  }
  return Ask(rng, std::move(terms), std::move(signs), std::move(last_step));
}

int64_t DrawStart(Rng& rng, int difficulty) {
  return rng.Between(1, kHighStart[static_cast<size_t>(difficulty)]);
}
int64_t DrawStep(Rng& rng, int difficulty) {
  return rng.Between(1, kHighStep[static_cast<size_t>(difficulty)]);
}

Problem Arithmetic(Rng& rng, int difficulty) {
  const int64_t start = DrawStart(rng, difficulty), step = DrawStep(rng, difficulty);
  return FromDifferences(rng, start, std::vector<int64_t>(5, step));
}

Problem Growing(Rng& rng, int difficulty) {
  const int64_t start = DrawStart(rng, difficulty), growth = DrawStep(rng, difficulty);
  std::vector<int64_t> differences = {DrawStep(rng, difficulty)};
  while (differences.size() < 5) differences.push_back(differences.back() + growth);
  return FromDifferences(rng, start, differences);
}

Problem Alternating(Rng& rng, int difficulty) {
  const int64_t start = DrawStart(rng, difficulty), first = DrawStep(rng, difficulty);
  int64_t second = DrawStep(rng, difficulty);
  if (second == first) ++second;
  return FromDifferences(rng, start, {first, second, first, second, first});
}

Problem Geometric(Rng& rng, int difficulty) {
  const int64_t factor = rng.Between(2, difficulty == 0 ? 3 : 5);
  std::vector<int64_t> terms = {rng.Between(1, 4 * kHighStep[static_cast<size_t>(difficulty)])};
  std::string signs, last_step;
  while (terms.size() < 5) {
    signs += (signs.empty() ? "*" : " *") + Text(factor);
    last_step = Text(terms.back()) + "*" + Text(factor) + "=" + Text(terms.back() * factor);
    terms.push_back(terms.back() * factor);
  }
  return Ask(rng, std::move(terms), std::move(signs), std::move(last_step));
}

Problem SumOfTwo(Rng& rng, int difficulty) {
  std::vector<int64_t> terms = {DrawStep(rng, difficulty), DrawStep(rng, difficulty)};
  std::string signs, last_step;
  while (terms.size() < 7) {
    const int64_t a = terms[terms.size() - 2], b = terms.back();
    last_step = Text(a) + "+" + Text(b) + "=" + Text(a + b);
    signs += (signs.empty() ? "" : " ") + last_step;
    terms.push_back(a + b);
  }
  // The sums are the steps; the last of them is not said twice.
  signs.resize(signs.rfind(' '));
  return Ask(rng, std::move(terms), std::move(signs), std::move(last_step));
}

std::unique_ptr<Env> MakeNumberSequence(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/number_sequence-v1";
  spec.info.summary = "The next number of a sequence";
  spec.info.num_difficulties = kNumDifficulties;
  spec.families = {{"arithmetic", Arithmetic, 0.05},
                   {"growing", Growing, 0.05},
                   {"alternating", Alternating, 0.05},
                   {"geometric", Geometric, 0.05},
                   {"sum_of_two", SumOfTwo, 0.05}};
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/number_sequence-v1", MakeNumberSequence);

}  // namespace
}  // namespace agon::envs
