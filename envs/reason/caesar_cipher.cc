// reason/caesar_cipher: each letter moved on in the alphabet, or back.
//
//   Move each letter of zebra 2 places on.
//   z>b e>g b>d r>t a>c
//   Answer: bgdtc
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "envs/reason/text.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

struct Level {
  int64_t shift;
  size_t min_size, max_size;
};
constexpr std::array<Level, 4> kHighest = {{{1, 3, 5}, {3, 3, 6}, {5, 4, 8}, {13, 5, 10}}};

char Moved(char letter, int64_t places) {
  return static_cast<char>('a' + (letter - 'a' + places + 26) % 26);
}

// The word is plain text for `on`, and a secret one for `back`.
Problem Draw(Rng& rng, int difficulty, int64_t direction) {
  const auto [max_shift, min_size, max_size] = kHighest[static_cast<size_t>(difficulty)];
  const int64_t shift = rng.Between(1, max_shift);
  std::string word = DrawWord(rng, min_size, max_size);
  if (direction < 0) {
    for (char& c : word) c = Moved(c, shift);
  }
  std::string moved, step;
  for (const char c : word) {
    moved += Moved(c, direction * shift);
    step += (step.empty() ? "" : " ") + std::string{c, '>', moved.back()};
  }
  const std::string places = std::to_string(shift) + (shift == 1 ? " place " : " places ") +
                             (direction > 0 ? "on" : "back");
  std::string question = rng.Below(2) == 0
                             ? "Move each letter of " + word + " " + places + "."
                             : "Shift " + word + " by " + places + " in the alphabet.";
  return {std::move(question), moved, {step}, {}, word + " " + places};
}

Problem Encode(Rng& rng, int difficulty) { return Draw(rng, difficulty, 1); }
Problem Decode(Rng& rng, int difficulty) { return Draw(rng, difficulty, -1); }

std::unique_ptr<Env> MakeCaesarCipher(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/caesar_cipher-v1";
  spec.info.summary = "Letters moved on in the alphabet, or back";
  spec.info.num_difficulties = static_cast<int>(kHighest.size());
  spec.families = {{"encode", Encode, 0.01}, {"decode", Decode, 0.01}};
  spec.verify = VerifyText;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/caesar_cipher-v1", MakeCaesarCipher);

}  // namespace
}  // namespace agon::envs
