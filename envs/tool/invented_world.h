// A small invented world: people, towns, lands and rivers, and what is true of them.
//
// Each person and town has one document that tells all of it in a sentence or three:
//   "Velda is a baker. Velda was born in Tarn and lives in Osko. A friend is Kimo."
//   "Tarn is a town in Quelia. The river at Tarn is the Ost."
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace agon::envs {

enum class Relation { kJob, kBirthplace, kHome, kFriend, kLand, kRiver };

// Immutable; thread-safe. Names are single words, and no two things share one.
class InventedWorld {
 public:
  static constexpr size_t kNumPeople = 400, kNumTowns = 60, kNumLands = 20, kNumRivers = 40;
  static constexpr int kMaxHops = 3;

  explicit InventedWorld(uint64_t seed);

  // A question that leads over `path` from a thing: {kBirthplace, kLand} of Velda is "In
  // which land is the birthplace of Velda?".
  struct Question {
    std::string text;
    std::string answer;
    std::string identity;           // the same for both wordings
    std::vector<std::string> hops;  // names whose documents lead to the answer, in order
  };
  // One of num_hops in 1..kMaxHops, uniformly over paths and things.
  Question Draw(Rng& rng, int num_hops) const;

  // How many questions there are over all paths of 1 to kMaxHops, without wordings.
  static size_t NumQuestions();

  std::vector<std::string> Documents() const;

 private:
  struct Person {
    std::string name;
    std::string_view job;
    size_t birthplace, home, friend_of;
  };
  struct Town {
    std::string name;
    size_t land, river;
  };

  // Of the person or town number `place`.
  std::string Answer(Relation relation, size_t place) const;

  std::vector<Person> people_;
  std::vector<Town> towns_;
  std::vector<std::string> lands_, rivers_;
};

}  // namespace agon::envs
