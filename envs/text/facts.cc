// text/facts: where someone was born, when, and what they worked as, in a world of people who
// never were (envs/text/people.h).
//
//   Excuse me: where was Ada Talbro born? Thanks.        Marn.
//
// Families tell how often a training set that names them meets a person: it is made of the same 48
// people again and again ("often"), of 1500 people now and then ("rare"), of new people every time
// ("never"). So what a model can know is decided by what it was trained on: nobody can know where a
// person of the family "never" was born, and whoever says so made it up.
//
// Splits: a wording (envs/text/wordings.h) is in one split, and so is a person of "never". People
// of "often" and "rare" are in every split, asked about in other words: their facts can be known.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/dont_know.h"
#include "envs/env.h"
#include "envs/problem_state.h"
#include "envs/text/people.h"
#include "envs/text/wordings.h"

namespace agon::envs {
namespace {

constexpr char kId[] = "text/facts-v1";

class FactEpisode final : public Episode {
 public:
  FactEpisode(Person person, Fact fact) : person_(std::move(person)), fact_(fact) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    return GradeReply({&person_.Get(fact_), 1}, completion, truncated);
  }

  // Who thinks step by step recalls the sentence of the document first.
  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    const std::string& answer = person_.Get(fact_);
    if (labeler == Labeler::kImmediate) return answer + ".";
    return Sentence(person_, fact_, variant) + "\nAnswer: " + answer;
  }

 private:
  const Person person_;
  const Fact fact_;
};

class FactsEnv final : public Env {
 public:
  explicit FactsEnv(std::string_view params) {
    info_.id = kId;
    info_.summary = "Facts about people who are met often, rarely or never; what can be known";
    info_.families = {"often", "rare", "never"};
    info_.chance = 0.05;
    choice_ = ParseTaskChoice(params, info_);
    spec_ = choice_.Spec(info_);
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Rng rng({seed, RngStream::kTask, Hash64(info_.id, static_cast<uint64_t>(split)), index, 0});
    const std::string& family = choice_.families[rng.Below(choice_.families.size())];
    const Person person = Draw(rng, family, split);
    const Fact fact = kFacts[rng.Below(kFacts.size())];
    Task task;
    task.id = {spec_, split, seed, index};
    task.messages = {{Role::kUser, Filled(DrawWording(rng, split, Questions(fact)), person.name)}};
    task.answer = person.Get(fact);
    task.family = family;
    task.state = Json({{"name", person.name}, {"fact", static_cast<int>(fact)}}).dump();
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    CheckIsOf(kId, task);
    const Json state = ParseJson(task.state, "task.state");
    const int fact = JsonField<int>(state, "fact", "task.state");
    if (fact < 0 || fact >= static_cast<int>(kFacts.size())) {
      throw Error(ErrorKind::kCorrupt, "no such fact: " + std::to_string(fact), NameInErrors(task));
    }
    return std::make_unique<FactEpisode>(
        PersonNamed(JsonField<std::string>(state, "name", "task.state")),
        kFacts[static_cast<size_t>(fact)]);
  }

 private:
  static Person Draw(Rng& rng, const std::string& family, Split split) {
    if (family == "never") return DrawStranger(rng, split);
    const auto people = family == "often" ? OftenMet() : RarelyMet();
    return people[rng.Below(people.size())];
  }

  EnvInfo info_;
  TaskChoice choice_;
  std::string spec_;
};

REGISTER_ENV(kId, [](std::string_view params) { return std::make_unique<FactsEnv>(params); });

}  // namespace
}  // namespace agon::envs
