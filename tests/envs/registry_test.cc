#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/choice.h"
#include "envs/env.h"
#include "envs/problem_env.h"
#include "tests/contains.h"
#include "tests/envs/example_specs.h"

namespace agon::envs {
namespace {

// The message of the Error that MakeEnv(spec) throws.
std::string FailureOf(const std::string& spec) {
  try {
    MakeEnv(spec);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << spec;
    return error.what();
  }
  ADD_FAILURE() << spec << " was accepted";
  return "";
}

EnvFactory OnePlusOne(const std::string& id) {
  return [id](std::string_view params) {
    ProblemEnvSpec spec;
    spec.info.id = id;
    spec.info.summary = "one plus one";
    spec.families = {{"one", [](Rng&, int) { return Problem{"1 + 1?", "2", {}, {}, "1 + 1"}; }}};
    spec.verify = VerifyNumber;
    return MakeProblemEnv(std::move(spec), params);
  };
}

// As any environment, it knows its id: other tests go through all that are registered.
void RegisterOnePlusOne(const std::string& id) { internal::Register(id, OnePlusOne(id)); }

TEST(RegistryTest, ListsIdsInOrder) {
  const auto ids = ListEnvs();
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  for (const char* id : {"math/arithmetic-v1", "math/countdown-v1", "math/shop-v1"}) {
    EXPECT_TRUE(std::count(ids.begin(), ids.end(), id)) << id;
  }
}

TEST(RegistryTest, EveryEnvironmentKnowsItsId) {
  for (const std::string& id : ListEnvs()) EXPECT_EQ(MakeEnv(id)->info().id, id);
}

TEST(RegistryTest, TheNewestVersionIsNumericallyTheHighest) {
  RegisterOnePlusOne("zz_test/alpha-v2");
  RegisterOnePlusOne("zz_test/alpha-v10");
  RegisterOnePlusOne("zz_test/alpha-v9");
  EXPECT_EQ(MakeEnv("zz_test/alpha")->info().id, "zz_test/alpha-v10");
  EXPECT_EQ(MakeEnv("zz_test/alpha-v2")->info().id, "zz_test/alpha-v2");
  EXPECT_TRUE(Contains(FailureOf("zz_test/alpha-v3"), "zz_test/alpha-v"));
}

TEST(RegistryTest, RefusesBadIdsAndDuplicates) {
  for (const char* id : {"", "shop-v1", "math/shop", "math/shop-v0", "math/shop-v01", "math/-v1",
                         "/shop-v1", "Math/shop-v1", "math/shop v1", "math/shop-v1x", "a/b/c-v1",
                         "math/shop-v", "math/shop-v99999999999", "math/shöp-v1"}) {
    EXPECT_THROW(internal::Register(id, OnePlusOne(id)), Error) << id;
  }
  EXPECT_THROW(internal::Register("zz_test/none-v1", nullptr), Error);
  EXPECT_THROW(internal::Register("math/shop-v1", OnePlusOne("math/shop-v1")), Error);
  EXPECT_EQ(MakeEnv("math/shop-v1")->info().id, "math/shop-v1") << "the first one stays";
}

TEST(RegistryTest, SuggestsTheNearestId) {
  EXPECT_TRUE(Contains(FailureOf("math/shp"), "did you mean \"math/shop-v1\""));
  EXPECT_TRUE(Contains(FailureOf("maths/countdown"), "did you mean \"math/countdown-v1\""));
  EXPECT_TRUE(Contains(FailureOf("arithmetic"), "did you mean \"math/arithmetic-v1\""));
  EXPECT_TRUE(Contains(FailureOf("math/shop-v7"), "did you mean \"math/shop-v1\""));
  EXPECT_LT(FailureOf(std::string(1 << 20, 'x')).size(), 300u);
  FailureOf("");
  FailureOf("()");
}

TEST(RegistryTest, ParametersChooseTasks) {
  const auto env = MakeEnv("math/shop( difficulty = 1..2 , families = share | change )");
  bool has_share = false, has_change = false;
  for (uint64_t i = 0; i < 200; ++i) {
    const Task task = env->Get(Split::kTrain, 1, i);
    EXPECT_GE(task.difficulty, 1);
    EXPECT_LE(task.difficulty, 2);
    has_share |= task.family == "share";
    has_change |= task.family == "change";
    EXPECT_TRUE(task.family == "share" || task.family == "change") << task.family;
    EXPECT_EQ(task.id.env, "math/shop-v1(difficulty=1..2,families=change|share)");
  }
  EXPECT_TRUE(has_share && has_change);
  EXPECT_EQ(MakeEnv("math/shop()")->Get(Split::kVal, 1, 1).id.env, "math/shop-v1");
  EXPECT_EQ(MakeEnv("math/shop(difficulty=3)")->Get(Split::kVal, 1, 1).id.env,
            "math/shop-v1(difficulty=3)");
}

TEST(RegistryTest, WrongParametersSayWhatIsAllowed) {
  EXPECT_TRUE(Contains(FailureOf("math/shop(difficulty=4)"), "allowed: 0..3"));
  for (const char* value : {"", "-1", "2..1", "0..9", "x", "1..", "..2", "1.5", "99999999999"}) {
    const std::string failure = FailureOf(std::string("math/shop(difficulty=") + value + ")");
    EXPECT_TRUE(Contains(failure, "difficulty")) << value;
  }
  EXPECT_TRUE(Contains(FailureOf("math/shop(families=nope)"), "running_total|"));
  EXPECT_TRUE(Contains(FailureOf("math/shop(families=)"), "families"));
  EXPECT_TRUE(Contains(FailureOf("math/shop(level=1)"), "no parameter \"level\""));
  EXPECT_TRUE(Contains(FailureOf("math/shop(difficulty=1,)"), "no parameter \"\""));
  EXPECT_TRUE(Contains(FailureOf("math/shop(difficulty=1"), "parenthesis"));
}

TEST(RegistryTest, EveryFamilyAndDifficultyHasTasksInEverySplit) {
  for (const std::string& spec : ExampleSpecs()) {
    const EnvInfo info = MakeEnv(spec)->info();
    // What is chosen goes into the parentheses that a spec may have.
    const bool has_parameters = spec.back() == ')';
    const std::string open = has_parameters ? spec.substr(0, spec.size() - 1) + "," : spec + "(";
    for (const std::string& family : info.families) {
      for (int difficulty = 0; difficulty < info.num_difficulties; ++difficulty) {
        const auto env = MakeEnv(open + "difficulty=" + std::to_string(difficulty) +
                                 ",families=" + family + ")");
        for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
          EXPECT_EQ(env->Get(split, 0, 0).family, family);
        }
      }
    }
  }
}

TEST(RegistryTest, AnEmptySplitIsAClearError) {
  RegisterOnePlusOne("zz_test/single-v1");
  const auto env = MakeEnv("zz_test/single");
  int num_empty = 0;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    try {
      env->Get(split, 0, 0);
    } catch (const Error& error) {
      ++num_empty;
      EXPECT_TRUE(Contains(error.what(), std::string("no task in the ") + SplitName(split)));
    }
  }
  EXPECT_EQ(num_empty, 2) << "the one problem is in one split";
}

TEST(SplitOfTest, SharesAreEightToOneToOne) {
  int counts[3] = {};
  constexpr int kNum = 30000;
  for (int i = 0; i < kNum; ++i) {
    ++counts[static_cast<int>(SplitOf("family", std::to_string(i)))];
  }
  EXPECT_NEAR(counts[0], 0.8 * kNum, 300);
  EXPECT_NEAR(counts[1], 0.1 * kNum, 200);
  EXPECT_NEAR(counts[2], 0.1 * kNum, 200);
}

TEST(OutcomeTest, RewardIsTheWeightedSumOfScoredParts) {
  Outcome outcome;
  EXPECT_EQ(outcome.Reward(), 0);
  outcome.parts = {{"a", 1.0, 1.0}, {"b", 0.5, 0.5}, {"c", std::nullopt, 9.0}, {"d", -1.0, 0.25}};
  EXPECT_DOUBLE_EQ(outcome.Reward(), 1.0);
}

TEST(SplitNameTest, Names) {
  EXPECT_STREQ(SplitName(Split::kTrain), "train");
  EXPECT_STREQ(SplitName(Split::kVal), "val");
  EXPECT_STREQ(SplitName(Split::kTest), "test");
}

}  // namespace
}  // namespace agon::envs
