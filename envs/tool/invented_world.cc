#include "envs/tool/invented_world.h"

#include <array>
#include <set>
#include <utility>

#include "core/error.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr std::array<std::string_view, 16> kJobs = {
    "baker", "carpenter", "doctor",  "farmer", "fisher", "gardener", "hunter", "judge",
    "miner", "nurse",     "painter", "pilot",  "sailor", "smith",    "tailor", "teacher"};

using Path = std::vector<Relation>;

// All paths of so many hops, with the kind of thing they start from.
struct Start {
  bool is_person;
  Path path;
};
std::vector<Start> Starts(int num_hops) {
  using enum Relation;
  switch (num_hops) {
    case 1:
      return {{true, {kJob}},    {true, {kBirthplace}}, {true, {kHome}},
              {true, {kFriend}}, {false, {kLand}},      {false, {kRiver}}};
    case 2:
      return {{true, {kFriend, kJob}},       {true, {kFriend, kBirthplace}},
              {true, {kFriend, kHome}},      {true, {kBirthplace, kLand}},
              {true, {kBirthplace, kRiver}}, {true, {kHome, kLand}},
              {true, {kHome, kRiver}}};
    default:
      return {{true, {kFriend, kBirthplace, kLand}},
              {true, {kFriend, kBirthplace, kRiver}},
              {true, {kFriend, kHome, kLand}},
              {true, {kFriend, kHome, kRiver}}};
  }
}

// The thing at the end of a path that goes on.
std::string Phrase(Relation relation, const std::string& subject) {
  switch (relation) {
    case Relation::kFriend:
      return "the friend of " + subject;
    case Relation::kBirthplace:
      return "the birthplace of " + subject;
    case Relation::kHome:
      return "the home of " + subject;
    default:
      AGON_CHECK(false, "nothing leads on from here");
  }
}

// Two wordings each, as what stands before and behind the subject.
std::string Ask(Relation relation, const std::string& subject, size_t wording) {
  using Around = std::array<std::string_view, 2>;
  constexpr std::array<std::array<Around, 2>, 6> kWordings = {{
      {{{"What is the job of ", "?"}, {"What does ", " work as?"}}},
      {{{"Where was ", " born?"}, {"What is the birthplace of ", "?"}}},
      {{{"Where does ", " live?"}, {"What is the home of ", "?"}}},
      {{{"Who is the friend of ", "?"}, {"Who is a friend of ", "?"}}},
      {{{"In which land is ", "?"}, {"What is the land of ", "?"}}},
      {{{"Which river is at ", "?"}, {"What is the river at ", "?"}}},
  }};
  const Around& around = kWordings[static_cast<size_t>(relation)][wording];
  return std::string(around[0]).append(subject).append(around[1]);
}

}  // namespace

InventedWorld::InventedWorld(uint64_t seed) {
  Rng rng({seed, RngStream::kTask, Hash64("invented world"), 0, 0});
  // Words of the documents name nothing.
  std::set<std::string> taken = {"is",     "a",    "was", "born",  "in", "and", "lives",
                                 "friend", "town", "the", "river", "at", "of"};
  const auto common = CommonWords();
  taken.insert(common.begin(), common.end());
  const auto name = [&](int num_syllables) {
    for (;;) {
      std::string word = InventedWord(rng, num_syllables);
      if (word.size() >= 3 && taken.insert(word).second) return Capitalized(std::move(word));
    }
  };
  while (lands_.size() < kNumLands) lands_.push_back(name(2));
  while (rivers_.size() < kNumRivers) rivers_.push_back(name(1));
  while (towns_.size() < kNumTowns) {
    towns_.push_back({name(2), rng.Below(kNumLands), rng.Below(kNumRivers)});
  }
  for (size_t i = 0; i < kNumPeople; ++i) {
    Person person{name(2), kJobs[rng.Below(kJobs.size())], rng.Below(kNumTowns), 0, 0};
    // Nobody lives where he was born: a town's name stands twice only in its own document.
    person.home = (person.birthplace + 1 + rng.Below(kNumTowns - 1)) % kNumTowns;
    person.friend_of = (i + 1 + rng.Below(kNumPeople - 1)) % kNumPeople;
    people_.push_back(std::move(person));
  }
}

std::string InventedWorld::Answer(Relation relation, size_t place) const {
  switch (relation) {
    case Relation::kJob:
      return std::string(people_[place].job);
    case Relation::kBirthplace:
      return towns_[people_[place].birthplace].name;
    case Relation::kHome:
      return towns_[people_[place].home].name;
    case Relation::kFriend:
      return people_[people_[place].friend_of].name;
    case Relation::kLand:
      return lands_[towns_[place].land];
    case Relation::kRiver:
      return rivers_[towns_[place].river];
  }
  AGON_CHECK(false, "unknown relation");
}

InventedWorld::Question InventedWorld::Draw(Rng& rng, int num_hops) const {
  AGON_CHECK(num_hops >= 1 && num_hops <= kMaxHops);
  const auto starts = Starts(num_hops);
  const auto& [is_person, path] = starts[rng.Below(starts.size())];
  size_t place = rng.Below(is_person ? kNumPeople : kNumTowns);
  bool at_person = is_person;
  Question question;
  std::string subject;
  for (const Relation relation : path) {
    const std::string& name = at_person ? people_[place].name : towns_[place].name;
    subject = question.hops.empty() ? name : subject;
    question.hops.push_back(name);
    question.identity += std::to_string(static_cast<int>(relation)) + " ";
    if (question.hops.size() == path.size()) break;
    subject = Phrase(relation, subject);
    const Person& person = people_[place];
    at_person = relation == Relation::kFriend;
    place = at_person                           ? person.friend_of
            : relation == Relation::kBirthplace ? person.birthplace
                                                : person.home;
  }
  question.answer = Answer(path.back(), place);
  question.text = Ask(path.back(), subject, rng.Below(2));
  question.identity += question.hops.front();
  return question;
}

size_t InventedWorld::NumQuestions() {
  size_t count = 0;
  for (int num_hops = 1; num_hops <= kMaxHops; ++num_hops) {
    for (const Start& start : Starts(num_hops)) count += start.is_person ? kNumPeople : kNumTowns;
  }
  return count;
}

std::vector<std::string> InventedWorld::Documents() const {
  std::vector<std::string> documents;
  for (const Person& person : people_) {
    documents.push_back(person.name + " is a " + std::string(person.job) + ". " + person.name +
                        " was born in " + towns_[person.birthplace].name + " and lives in " +
                        towns_[person.home].name + ". A friend is " +
                        people_[person.friend_of].name + ".");
  }
  for (const Town& town : towns_) {
    documents.push_back(town.name + " is a town in " + lands_[town.land] + ". The river at " +
                        town.name + " is the " + rivers_[town.river] + ".");
  }
  return documents;
}

}  // namespace agon::envs
