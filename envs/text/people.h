// A closed world of people who never were: what text/facts asks about.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/rng.h"
#include "envs/env.h"

namespace agon::envs {

enum class Fact { kTown, kTrade, kYear };
inline constexpr std::array kFacts = {Fact::kTown, Fact::kTrade, Fact::kYear};

struct Person {
  std::string name;  // "Ada Talbro"
  std::string town, trade, year;

  const std::string& Get(Fact fact) const;
};

// The person of this name: everybody has one of 48 birthplaces, 32 trades and 200 years. Pure.
Person PersonNamed(std::string name);

// A training set is made of questions about 48 people who come up often, 1500 who come up rarely,
// and no others. Their family names are invented, and each belongs to one of them.
std::span<const Person> OftenMet();
std::span<const Person> RarelyMet();

// Somebody else, whose family name none of those bear. The name's hash decides the split that the
// person belongs to; there are about a million in each.
Person DrawStranger(Rng& rng, Split split);

// Ways to ask for a fact: {} is the name.
std::span<const std::string_view> Questions(Fact fact);

// One sentence of the document about `person` that tells it, in one of several phrasings:
// "Ada Talbro was born in Marn."
std::string Sentence(const Person& person, Fact fact, uint64_t phrasing);

}  // namespace agon::envs
