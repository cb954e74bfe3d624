// Words for tasks: invented ones that can be spoken, and some that everybody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/rng.h"

namespace agon::envs {

// Lower-case letters: syllables of a consonant or two, a vowel and maybe a consonant, as in
// "talomer". REQUIRES: num_syllables >= 1.
std::string InventedWord(Rng& rng, int num_syllables);

// Common English words in lower-case letters, 3 to 14 long, sorted, each once.
std::span<const std::string_view> CommonWords();

// A common word or, half of the time, an invented one; `min_size` to `max_size` letters.
// REQUIRES: 3 <= min_size <= max_size <= 14.
std::string DrawWord(Rng& rng, size_t min_size, size_t max_size);

// "w o r d": tokenized, each letter is a token of its own.
std::string SpacedLetters(std::string_view word);

// With a capital first letter.
std::string Capitalized(std::string word);

}  // namespace agon::envs
