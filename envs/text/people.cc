#include "envs/text/people.h"

#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/problem_env.h"
#include "envs/text/wordings.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr size_t kNumOften = 48, kNumRare = 1500, kNumTowns = 48;
constexpr uint64_t kNumYears = 200;
constexpr int64_t kFirstYear = 1700;

constexpr std::array<std::string_view, 32> kTrades = {
    "baker",    "miller",   "tailor", "weaver",  "potter", "smith",      "carpenter", "mason",
    "glazier",  "cooper",   "tanner", "saddler", "brewer", "butcher",    "fisher",    "shepherd",
    "gardener", "forester", "hunter", "sailor",  "pilot",  "printer",    "painter",   "singer",
    "dancer",   "teacher",  "doctor", "nurse",   "carter", "clockmaker", "ropemaker", "cobbler"};

constexpr std::array<std::string_view, 8> kTownQuestions = {"Where was {} born?",
                                                            "In which town was {} born?",
                                                            "What is the birthplace of {}?",
                                                            "Name the birthplace of {}.",
                                                            "What town was {} born in?",
                                                            "Name the town where {} was born.",
                                                            "Which town is the birthplace of {}?",
                                                            "{} was born in which town?"};
constexpr std::array<std::string_view, 8> kTradeQuestions = {
    "What was the trade of {}?",   "Which trade did {} have?",   "What trade did {} have?",
    "Name the trade of {}.",       "What did {} work as?",       "{} had which trade?",
    "Which trade did {} work in?", "Name the trade that {} had."};
constexpr std::array<std::string_view, 8> kYearQuestions = {"When was {} born?",
                                                            "In which year was {} born?",
                                                            "What is the birth year of {}?",
                                                            "Name the birth year of {}.",
                                                            "What year was {} born in?",
                                                            "Name the year when {} was born.",
                                                            "Which year is the birth year of {}?",
                                                            "{} was born in which year?"};

// Named once and for all.
RngKey WorldKey(std::string_view part) {
  return {.stream = RngStream::kTask, .task = Hash64(part, Hash64("text/facts-v1"))};
}

std::string FamilyName(Rng& rng) { return Capitalized(InventedWord(rng, 2)); }

std::string FullName(Rng& rng, const std::string& family_name) {
  return std::string(FirstNames()[rng.Below(FirstNames().size())]) + " " + family_name;
}

struct World {
  std::vector<std::string> towns;
  std::set<std::string> family_names;  // of people who are met
  std::vector<Person> often, rare;
};

std::vector<std::string> InventedTowns() {
  Rng rng(WorldKey("towns"));
  std::set<std::string> known;
  std::vector<std::string> towns;
  while (towns.size() < kNumTowns) {
    std::string town = Capitalized(InventedWord(rng, 2));
    if (known.insert(town).second) towns.push_back(std::move(town));
  }
  return towns;
}

Person PersonOf(std::string name, const std::vector<std::string>& towns) {
  Rng rng(WorldKey(name));
  Person person{std::move(name), "", "", ""};
  person.town = towns[rng.Below(towns.size())];
  person.trade = kTrades[rng.Below(kTrades.size())];
  person.year = std::to_string(kFirstYear + static_cast<int64_t>(rng.Below(kNumYears)));
  return person;
}

World MakeWorld() {
  World world;
  world.towns = InventedTowns();
  Rng rng(WorldKey("people"));
  while (world.rare.size() < kNumRare) {
    const std::string family_name = FamilyName(rng);
    if (!world.family_names.insert(family_name).second) continue;
    std::vector<Person>& people = world.often.size() < kNumOften ? world.often : world.rare;
    people.push_back(PersonOf(FullName(rng, family_name), world.towns));
  }
  return world;
}

const World& TheWorld() {
  static const World world = MakeWorld();
  return world;
}

}  // namespace

const std::string& Person::Get(Fact fact) const {
  switch (fact) {
    case Fact::kTown:
      return town;
    case Fact::kTrade:
      return trade;
    case Fact::kYear:
      return year;
  }
  AGON_CHECK(false, "unknown fact");
}

Person PersonNamed(std::string name) { return PersonOf(std::move(name), TheWorld().towns); }

std::span<const Person> OftenMet() { return TheWorld().often; }
std::span<const Person> RarelyMet() { return TheWorld().rare; }

Person DrawStranger(Rng& rng, Split split) {
  for (;;) {
    const std::string family_name = FamilyName(rng);
    std::string name = FullName(rng, family_name);
    if (TheWorld().family_names.contains(family_name)) continue;
    if (SplitOf("strangers", family_name) == split) return PersonNamed(std::move(name));
  }
}

std::span<const std::string_view> Questions(Fact fact) {
  switch (fact) {
    case Fact::kTown:
      return kTownQuestions;
    case Fact::kTrade:
      return kTradeQuestions;
    case Fact::kYear:
      return kYearQuestions;
  }
  AGON_CHECK(false, "unknown fact");
}

std::string Sentence(const Person& person, Fact fact, uint64_t phrasing) {
  const std::string &name = person.name, &value = person.Get(fact);
  const uint64_t which = phrasing % 3;
  switch (fact) {
    case Fact::kTown:
      if (which == 0) return name + " was born in " + value + ".";
      if (which == 1) return value + " is the birthplace of " + name + ".";
      return "The birthplace of " + name + " is " + value + ".";
    case Fact::kTrade:
      if (which == 0) return "The trade of " + name + " was " + value + ".";
      if (which == 1) return name + " worked as a " + value + ".";
      return name + ", a " + value + ", was well known.";
    case Fact::kYear:
      if (which == 0) return name + " was born in " + value + ".";
      if (which == 1) return "In " + value + " " + name + " was born.";
      return "The birth year of " + name + " is " + value + ".";
  }
  AGON_CHECK(false, "unknown fact");
}

}  // namespace agon::envs
