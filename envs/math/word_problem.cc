#include "envs/math/word_problem.h"

#include <array>

#include "core/error.h"

namespace agon::envs {
namespace {

struct Person {
  std::string_view name, pronoun;
};
constexpr std::array<Person, 12> kPeople = {{{"Emily", "She"},
                                             {"Tom", "He"},
                                             {"Anna", "She"},
                                             {"Ben", "He"},
                                             {"Lucy", "She"},
                                             {"Sam", "He"},
                                             {"Mia", "She"},
                                             {"Jack", "He"},
                                             {"Rosa", "She"},
                                             {"Max", "He"},
                                             {"Nina", "She"},
                                             {"Paul", "He"}}};

struct Thing {
  std::string_view one, many;
};
constexpr std::array<Thing, 12> kThings = {{{"apple", "apples"},
                                            {"egg", "eggs"},
                                            {"orange", "oranges"},
                                            {"pie", "pies"},
                                            {"cake", "cakes"},
                                            {"lemon", "lemons"},
                                            {"book", "books"},
                                            {"pen", "pens"},
                                            {"card", "cards"},
                                            {"ball", "balls"},
                                            {"cup", "cups"},
                                            {"hat", "hats"}}};

constexpr std::array<std::string_view, 6> kDistractors = {
    "{a} is # years old.",       "The shop is # miles away.", "The shop opens at #.",
    "The walk takes # minutes.", "The shop is # years old.",  "The shop has # doors.",
};

// Indexes of `count` different elements out of n, in random order.
std::vector<size_t> DrawDistinct(Rng& rng, size_t count, size_t n) {
  std::vector<size_t> all(n);
  for (size_t i = 0; i < n; ++i) all[i] = i;
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[i + rng.Below(n - i)]);
  all.resize(count);
  return all;
}

}  // namespace

Story::Story(Rng& rng) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPersonSlots = {
      {{"a", "A"}, {"b", "B"}, {"c", "C"}}};
  const auto people = DrawDistinct(rng, kPersonSlots.size(), kPeople.size());
  for (size_t i = 0; i < kPersonSlots.size(); ++i) {
    slots_.emplace_back(kPersonSlots[i].first, kPeople[people[i]].name);
    slots_.emplace_back(kPersonSlots[i].second, kPeople[people[i]].pronoun);
  }
  const auto things = DrawDistinct(rng, 2, kThings.size());
  slots_.insert(slots_.end(), {{"x", kThings[things[0]].many},
                               {"1x", kThings[things[0]].one},
                               {"y", kThings[things[1]].many},
                               {"1y", kThings[things[1]].one}});
}

void Story::Say(std::string_view pattern, Numbers numbers) {
  sentences_.push_back(Fill(pattern, numbers));
}

void Story::SayOne(Rng& rng, std::initializer_list<std::string_view> patterns, Numbers numbers) {
  Say(patterns.begin()[rng.Below(patterns.size())], numbers);
}

void Story::Distract(Rng& rng) {
  AGON_CHECK(!sentences_.empty());
  const int64_t number = rng.Between(2, 12);
  std::string sentence = Fill(kDistractors[rng.Below(kDistractors.size())], {number});
  const auto place = rng.Between(1, static_cast<int64_t>(sentences_.size()));
  sentences_.insert(sentences_.begin() + place, std::move(sentence));
}

std::string Story::Ask(std::string_view question) const {
  std::string text;
  for (const std::string& sentence : sentences_) text += sentence + " ";
  return text + Fill(question, {});
}

std::string Story::Fill(std::string_view pattern, Numbers numbers) const {
  std::string text;
  const int64_t* next = numbers.begin();
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '#') {
      AGON_CHECK(next != numbers.end(), pattern);
      text += std::to_string(*next++);
    } else if (pattern[i] == '{') {
      const size_t close = pattern.find('}', i);
      const std::string_view name = pattern.substr(i + 1, close - i - 1);
      const auto* slot = slots_.data();
      while (slot->first != name) {
        ++slot;
        AGON_CHECK(slot != slots_.data() + slots_.size(), pattern);
      }
      text += slot->second;
      i = close;
    } else {
      text += pattern[i];
    }
  }
  AGON_CHECK(next == numbers.end(), pattern);
  return text;
}

int64_t Steps::Apply(int64_t a, char op, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case '+':
      result = a + b;
      break;
    case '-':
      result = a - b;
      break;
    case '*':
      result = a * b;
      break;
    case '/':
      AGON_CHECK(b != 0 && a % b == 0);
      result = a / b;
      break;
    default:
      AGON_CHECK(false, std::string("unknown operator ") + op);
  }
  AGON_CHECK(result >= 0);
  lines_.push_back(std::to_string(a) + op + std::to_string(b) + "=" + std::to_string(result));
  return result;
}

}  // namespace agon::envs
