// text/facts: who is met where, and that tests ask of strangers and in words that training has not.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/json.h"
#include "envs/env.h"
#include "envs/text/people.h"
#include "envs/text/wordings.h"
#include "tests/error_of.h"

namespace agon::envs {
namespace {

std::string NameIn(const Task& task) { return ParseJson(task.state, "state").at("name"); }

// The question with its name taken out.
std::string WordingOf(const Task& task) {
  std::string text = task.messages[0].content;
  const std::string name = NameIn(task);
  const size_t at = text.find(name);
  EXPECT_NE(at, std::string::npos) << text;
  return text.replace(at, name.size(), "{}");
}

TEST(FactsTest, StrangersOfASplitAreInNoOther) {
  const auto env = MakeEnv("text/facts(families=never)");
  std::map<std::string, Split> split_of;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 1500; ++i) {
      const std::string name = NameIn(env->Get(split, 1, i));
      const std::string family_name = name.substr(name.find(' ') + 1);
      EXPECT_EQ(split_of.emplace(family_name, split).first->second, split) << name;
    }
  }
  EXPECT_GT(split_of.size(), 4300u);  // hardly anybody comes twice
  for (const auto people : {OftenMet(), RarelyMet()}) {
    for (const Person& person : people) {
      EXPECT_FALSE(split_of.contains(person.name.substr(person.name.find(' ') + 1)));
    }
  }
}

TEST(FactsTest, WordingsOfASplitAreInNoOther) {
  const auto env = MakeEnv("text/facts");
  std::map<std::string, Split> split_of;
  std::map<Split, std::set<std::string>> wordings;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 3000; ++i) {
      const std::string wording = WordingOf(env->Get(split, 1, i));
      EXPECT_EQ(split_of.emplace(wording, split).first->second, split) << wording;
      wordings[split].insert(wording);
    }
  }
  EXPECT_GE(wordings[Split::kTest].size(), 72u);
}

TEST(FactsTest, PeopleWhoAreMetAreKnownByTheirNames) {
  EXPECT_EQ(OftenMet().size(), 48u);
  EXPECT_EQ(RarelyMet().size(), 1500u);
  const Person again = PersonNamed(OftenMet()[7].name);
  EXPECT_EQ(again.town, OftenMet()[7].town);
  EXPECT_EQ(again.trade, OftenMet()[7].trade);
  EXPECT_EQ(again.year, OftenMet()[7].year);
  std::set<std::string> often, trained;
  for (const Person& person : OftenMet()) often.insert(person.name);
  const auto env = MakeEnv("text/facts(families=often)");
  for (uint64_t i = 0; i < 1000; ++i) trained.insert(NameIn(env->Get(Split::kTrain, 1, i)));
  EXPECT_EQ(trained, often);
}

TEST(FactsTest, NoGuessIsRightOften) {
  std::map<std::string, int> counts;
  for (const Person& person : RarelyMet()) {
    for (const Fact fact : kFacts) ++counts[person.Get(fact)];
  }
  for (const auto& [answer, count] : counts) EXPECT_LT(count, 1500 / 20) << answer;
}

TEST(FactsTest, EverySentenceTellsItsFact) {
  const Person& person = OftenMet()[0];
  for (const Fact fact : kFacts) {
    std::set<std::string> sentences;
    for (uint64_t phrasing = 0; phrasing < 3; ++phrasing) {
      const std::string sentence = Sentence(person, fact, phrasing);
      EXPECT_TRUE(Contains(sentence, person.name)) << sentence;
      EXPECT_TRUE(Contains(sentence, person.Get(fact))) << sentence;
      sentences.insert(sentence);
    }
    EXPECT_EQ(sentences.size(), 3u);
  }
}

TEST(FactsTest, AdmittedIgnoranceEarnsNothingAndIsSeen) {
  const auto env = MakeEnv("text/facts");
  const Task task = env->Get(Split::kTest, 1, 0);
  const auto outcome = std::get<Outcome>(env->Start(task)->Step("I don't know.", false));
  EXPECT_EQ(outcome.Reward(), 0);
  EXPECT_EQ(outcome.reason, "says that it doesn't know");
}

TEST(FactsTest, ForeignStatesAreRefused) {
  const auto env = MakeEnv("text/facts");
  Task task = env->Get(Split::kTest, 1, 0);
  for (const char* state : {"", "{}", R"({"name": "Ada"})", R"({"name": "Ada", "fact": 3})",
                            R"({"name": "Ada", "fact": -1})", R"({"name": 1, "fact": 1})"}) {
    task.state = state;
    EXPECT_NE(ErrorOf([&] { env->Start(task); }, ErrorKind::kCorrupt), "") << state;
  }
}

}  // namespace
}  // namespace agon::envs
