// Every registered environment keeps the contract; an environment that breaks it is caught.
#include "envs/conformance.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "tests/envs/example_specs.h"
#include "tests/sanitized.h"

namespace agon::envs {
namespace {

class ConformanceTest : public testing::TestWithParam<std::string> {};

TEST_P(ConformanceTest, KeepsTheContract) {
  if (const std::string why = WhyNotHere(GetParam()); !why.empty()) GTEST_SKIP() << why;
  const auto env = MakeEnv(GetParam());
  ConformanceOptions options;
  if (kIsSanitized) options.num_tasks = 40;  // each takes several times as long
  if (RunsPrograms(GetParam())) options.num_tasks = 8;
  for (const ConformanceFinding& finding : CheckConformance(*env, options)) {
    ADD_FAILURE() << Describe(finding);
  }
}

// 20,000 tasks a split, each split with its own seeds, and with parameters.
TEST_P(ConformanceTest, SplitsAreDisjoint) {
  const auto env = MakeEnv(GetParam());
  if (env->info().num_tasks > 0) GTEST_SKIP() << "few tasks: CheckConformance sees them all";
  const auto easiest = MakeEnv(GetParam() + "(difficulty=0)");
  std::unordered_map<std::string, Split> split_of;
  size_t num_tasks = 0;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 20000; ++i, ++num_tasks) {
      const uint64_t seed = i % 5 * 1000 + static_cast<uint64_t>(split);
      const Env& source = i % 4 == 0 ? *easiest : *env;
      const Task task = source.Get(split, seed, i);
      const auto found = split_of.emplace(task.messages.back().content, split).first;
      ASSERT_EQ(found->second, split) << task.messages.back().content;
    }
  }
  EXPECT_EQ(num_tasks, 60000u);
  EXPECT_GT(split_of.size(), num_tasks / 4) << "too few different tasks to prove anything";
}

INSTANTIATE_TEST_SUITE_P(Envs, ConformanceTest, testing::ValuesIn(ExampleSpecs()),
                         [](const auto& info) { return SpecTestName(info.param); });

// math/shop with one fault.
enum class Fault {
  kNone,
  kImpure,         // the answer depends on a counter
  kOneTask,        // every index gives the same task
  kSharedSplits,   // val repeats train
  kPaysContained,  // any completion that contains the gold earns
  kPaysAll,        // everything earns
  kPaysLength,     // reward above the maximum
  kRefusesGold,    // nothing earns
  kNoEnd,          // neither terminated nor truncated
  kWrongFamily,
  kForgetsParams,
  kForgetsState,  // a restored episode isn't the saved one
};

class FaultyEpisode final : public Episode {
 public:
  FaultyEpisode(std::unique_ptr<Episode> inner, Task task, Fault fault)
      : inner_(std::move(inner)), task_(std::move(task)), fault_(fault) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    Outcome outcome = std::get<Outcome>(inner_->Step(completion, truncated));
    double& value = outcome.parts[0].value.value();
    if (fault_ == Fault::kPaysContained) {
      value = completion.find(task_.answer) != std::string_view::npos;
    }
    if (fault_ == Fault::kPaysAll) value = 1;
    if (fault_ == Fault::kPaysLength) value *= 2;
    if (fault_ == Fault::kRefusesGold) value = 0;
    if (fault_ == Fault::kNoEnd) outcome.terminated = outcome.truncated = false;
    return outcome;
  }
  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    return inner_->Demonstrate(labeler, variant);
  }
  std::optional<std::string> Save() const override { return "unanswered"; }

 private:
  std::unique_ptr<Episode> inner_;
  Task task_;
  Fault fault_;
};

class FaultyEnv final : public Env {
 public:
  explicit FaultyEnv(Fault fault) : fault_(fault) {}

  const EnvInfo& info() const override { return shop_->info(); }
  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    if (fault_ == Fault::kOneTask) index = 0;
    const bool shares = fault_ == Fault::kSharedSplits && split == Split::kVal;
    Task task = shop_->Get(shares ? Split::kTrain : split, seed, index);
    task.id.split = split;
    if (fault_ == Fault::kImpure) task.answer = std::to_string(calls_++);
    if (fault_ == Fault::kWrongFamily) task.family = "unheard_of";
    if (fault_ == Fault::kForgetsParams) task.id.env = "math/shop-v1(difficulty=0)";
    return task;
  }
  std::unique_ptr<Episode> Start(const Task& task) const override {
    return std::make_unique<FaultyEpisode>(shop_->Start(task), task, fault_);
  }
  std::unique_ptr<Episode> Restore(const Task& task, std::string_view) const override {
    const TaskId& id = task.id;
    return Start(fault_ == Fault::kForgetsState ? Get(id.split, id.seed, id.index + 1) : task);
  }

 private:
  std::unique_ptr<Env> shop_ = MakeEnv("math/shop-v1");
  Fault fault_;
  mutable std::atomic<int> calls_ = 0;
};

std::set<std::string> FailedChecks(Fault fault) {
  ConformanceOptions options;
  options.num_tasks = 60;
  options.num_split_tasks = 200;
  std::set<std::string> checks;
  for (const auto& finding : CheckConformance(FaultyEnv(fault), options)) {
    checks.insert(finding.check);
  }
  return checks;
}

TEST(ConformanceFaultTest, EachFaultIsFoundByItsCheck) {
  EXPECT_EQ(FailedChecks(Fault::kNone), std::set<std::string>());
  const std::pair<Fault, const char*> expected[] = {
      {Fault::kImpure, "pure"},          {Fault::kOneTask, "seeds"},
      {Fault::kSharedSplits, "splits"},  {Fault::kPaysContained, "hedges"},
      {Fault::kPaysAll, "hostile"},      {Fault::kPaysAll, "blind"},
      {Fault::kPaysLength, "gold"},      {Fault::kPaysLength, "terminated"},
      {Fault::kRefusesGold, "gold"},     {Fault::kNoEnd, "terminated"},
      {Fault::kWrongFamily, "info"},     {Fault::kForgetsParams, "respec"},
      {Fault::kForgetsState, "restore"},
  };
  std::set<std::string> seen;
  for (const auto& [fault, check] : expected) {
    EXPECT_TRUE(FailedChecks(fault).count(check)) << check;
    seen.insert(check);
  }
  const auto& all = ConformanceChecks();
  EXPECT_EQ(seen, std::set<std::string>(all.begin(), all.end())) << "every check can fail";
}

TEST(ConformanceFaultTest, FindingsNameTheTaskAndStayFew) {
  ConformanceOptions options;
  options.num_tasks = 40;
  options.num_split_tasks = 10;
  int num_gold = 0;
  for (const auto& finding : CheckConformance(FaultyEnv(Fault::kRefusesGold), options)) {
    num_gold += finding.check == "gold";
    if (finding.check == "gold") {
      EXPECT_NE(Describe(finding).find("math/shop-v1 train seed 1 index "), std::string::npos);
    }
  }
  EXPECT_EQ(num_gold, 5);
}

}  // namespace
}  // namespace agon::envs
