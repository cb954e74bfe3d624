// What word problems share: people, things, sentences with slots, and worked steps.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/rng.h"

namespace agon::envs {

// The sentences of one short story. A pattern may hold the slots
//   {a} {b} {c}      three different names, {A} {B} {C} their pronouns ("She")
//   {x} {y}          two different things in the plural, {1x} {1y} in the singular
//   #                the next of the numbers given with the pattern
// Patterns that put {x} behind a # are given numbers above 1.
class Story {
 public:
  using Numbers = std::initializer_list<int64_t>;

  // Draws the names and things.
  explicit Story(Rng& rng);

  void Say(std::string_view pattern, Numbers numbers = {});
  // The same with one of several wordings.
  void SayOne(Rng& rng, std::initializer_list<std::string_view> patterns, Numbers numbers = {});
  // Puts a sentence whose number doesn't matter somewhere behind the first sentence.
  void Distract(Rng& rng);

  // The whole story, ending in `question`.
  std::string Ask(std::string_view question) const;

 private:
  std::string Fill(std::string_view pattern, Numbers numbers) const;

  std::vector<std::pair<std::string_view, std::string_view>> slots_;
  std::vector<std::string> sentences_;
};

// A worked computation, one operation a line ("5+3=8"), as a demonstration shows it.
class Steps {
 public:
  // Appends the line and returns the result. `op` is one of + - * /.
  // REQUIRES: a division without rest, a result >= 0.
  int64_t Apply(int64_t a, char op, int64_t b);

  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace agon::envs
