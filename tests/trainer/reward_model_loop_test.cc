// Reward-model training in small: what is read, in which order, and that it learns.
#include "trainer/reward_model_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "core/file.h"
#include "core/json.h"
#include "core/progress.h"
#include "judge/run_log.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"
#include "tests/policy/tiny_policy.h"
#include "trainer/label_completions.h"
#include "trainer/run_log.h"

namespace agon::trainer {
namespace {

class RewardModelLoopTest : public ::testing::Test {
 protected:
  RewardModelLoopTest()
      : dir_(fs::temp_directory_path() / ("agon-preferences-" + std::to_string(::getpid()))),
        tokenizer_(judge::ByteTokenizer()),
        chat_(tokenizer_) {
    SetProgressEnabled(false);
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    LabelingConfig labeling;
    labeling.num_tasks = 40;
    labeling.num_completions = 3;
    labeling.labelers.label_noise = 0;
    sets_.train = LabelDemonstrations(labeling);
    labeling.split = envs::Split::kVal;
    sets_.val = LabelDemonstrations(labeling);
    config_.num_steps = 4;
    config_.preferences_per_step = 8;
    config_.micro_batch_tokens = 512;
  }
  ~RewardModelLoopTest() override {
    fs::remove_all(dir_);
    SetProgressEnabled(true);
  }

  std::unique_ptr<policy::Policy> Model(int max_positions = 160) const {
    policy::ModelConfig config = policy::TinyConfig();
    config.vocab_size = tokenizer_.vocab_size();
    config.max_positions = max_positions;
    config.has_score_head = true;
    auto model = policy::Policy::Create(config, policy::ComputeType::kFloat32, 5);
    model->ConfigureOptimizer(config_.optimizer);
    return model;
  }

  // The log is left in dir_.
  void TrainHere(policy::Policy& model, int member, int num_shards = 1) {
    fs::remove(dir_ / "log.jsonl");
    RunLog log(dir_);
    StageContext context{.policy = model,
                         .chat = chat_,
                         .log = log,
                         .first_step = first_step_,
                         .save = [](int) {},
                         .stop_requested = [] { return false; },
                         .team = Team(num_shards)};
    RunRewardModel(config_, sets_, member, "reward-model", context);
  }

  // The weights after training.
  std::vector<float> Train(int member, int num_shards = 1, int max_positions = 160) {
    auto model = Model(max_positions);
    TrainHere(*model, member, num_shards);
    std::vector<float> weights;
    for (const std::string& name : model->TensorNames()) {
      const auto view = model->Weight(name);
      weights.insert(weights.end(), view.begin(), view.end());
    }
    return weights;
  }

  std::vector<std::pair<double, double>> Logged(const char* field) const {
    const auto stages = judge::ReadRunLog(dir_ / "log.jsonl");
    return judge::FindStage(stages, "reward-model")->Get(field);
  }

  fs::path dir_;
  datasets::Tokenizer tokenizer_;
  datasets::ChatTemplate chat_;
  PreferenceSets sets_;
  RewardModelConfig config_;
  int first_step_ = 1;
};

TEST_F(RewardModelLoopTest, LearnsWhatIsPreferred) {
  config_.num_steps = 60;
  config_.schedule = {2e-3f, 5, 0.1f};
  config_.loss = PreferenceLoss::kPlackettLuce;
  Train(0);
  const auto accuracy = Logged("val_accuracy");
  EXPECT_EQ(Logged("loss").size(), 60u);
  ASSERT_EQ(accuracy.size(), 2u);  // at step 50 and at the end
  EXPECT_GT(accuracy.back().second, 0.7);
  // A zero head is undecided: log(3!) nats a ranking.
  EXPECT_NEAR(Logged("loss")[0].second, std::log(6.0), 1e-6);
  EXPECT_EQ(Logged("accuracy")[0].second, 0.5);
}

// A power of two scales loss and gradient without rounding.
TEST_F(RewardModelLoopTest, APreferencePullsByItsWeight) {
  config_.num_steps = 1;
  Train(0);
  const double loss = Logged("loss")[0].second, norm = Logged("grad_norm")[0].second;
  for (datasets::Preference& preference : sets_.train) preference.weight = 0.25;
  Train(0);
  EXPECT_EQ(Logged("loss")[0].second, loss / 4);
  EXPECT_EQ(Logged("grad_norm")[0].second, norm / 4);
  EXPECT_EQ(Logged("accuracy")[0].second, 0.5);
}

TEST_F(RewardModelLoopTest, AFailureSaysInWhichStepItWas) {
  auto model = Model();
  model->Weight("score.weight")[0] = NAN;
  model->WeightsChanged();
  EXPECT_TRUE(
      Contains(ErrorOf([&] { TrainHere(*model, 0); }, ErrorKind::kFailed), "reward-model step 1"));
}

// Same member, same bits; another member, another order, from the same start.
TEST_F(RewardModelLoopTest, MembersDifferInTheirOrderAlone) {
  const auto first = Train(0);
  EXPECT_EQ(first, Train(0));
  EXPECT_NE(first, Train(1));
  config_.num_steps = 0;
  EXPECT_EQ(Train(0), Train(1));
}

TEST_F(RewardModelLoopTest, MembersLearnFromSharesOfTheirOwn) {
  config_.member_share = 0.3f;
  std::set<size_t> seen;
  for (int member = 0; member < 8; ++member) {
    const auto share = ShareOfMember(11, member, config_);
    EXPECT_EQ(share.size(), 4u);  // 3.3, rounded up
    EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
    EXPECT_EQ(std::set(share.begin(), share.end()).size(), share.size());
    EXPECT_LT(share.back(), 11u);
    seen.insert(share.begin(), share.end());
  }
  EXPECT_GT(seen.size(), 8u);
  EXPECT_NE(ShareOfMember(100, 0, config_), ShareOfMember(100, 1, config_));
  EXPECT_EQ(ShareOfMember(100, 1, config_), ShareOfMember(100, 1, config_));
  // What isn't in its share doesn't move a member.
  config_.num_steps = 3;
  const auto before = Train(0);
  const auto share = ShareOfMember(sets_.train.size(), 0, config_);
  const std::set<size_t> mine(share.begin(), share.end());
  for (size_t i = 0; i < sets_.train.size(); ++i) {
    if (!mine.contains(i)) std::ranges::reverse(sets_.train[i].completions);
  }
  EXPECT_EQ(Train(0), before);
  EXPECT_NE(Train(1), before);
  EXPECT_EQ(ShareOfMember(10, 0, config_).size(), 3u);  // exactly
  config_.member_share = 0.1f;
  EXPECT_EQ(ShareOfMember(8000, 0, config_).size(), 800u);
  config_.member_share = 1;
  EXPECT_EQ(ShareOfMember(3, 5, config_), (std::vector<size_t>{0, 1, 2}));
}

TEST_F(RewardModelLoopTest, MembersBeginWithHeadsOfTheirOwn) {
  config_.num_steps = 1;
  config_.schedule = {0.0f, 0, 0.1f};  // nothing moves
  const auto zeros = Train(0);
  config_.head_deviation = 0.1f;
  const auto of_0 = Train(0), of_1 = Train(1);
  EXPECT_EQ(Train(1), of_1);
  first_step_ = 2;  // a stage that goes on has its head
  EXPECT_EQ(Train(1), zeros);
  first_step_ = 1;
  double squares = 0;
  size_t num_drawn = 0;
  for (size_t i = 0; i < zeros.size(); ++i) {
    if (of_0[i] == zeros[i]) continue;
    EXPECT_NE(of_0[i], of_1[i]);
    squares += static_cast<double>(of_0[i]) * static_cast<double>(of_0[i]);
    ++num_drawn;
  }
  EXPECT_EQ(num_drawn, static_cast<size_t>(policy::TinyConfig().hidden_size));
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(num_drawn)), 0.1, 0.03);
}

// The sums of micro-batches and shards are those of the whole, within rounding.
TEST_F(RewardModelLoopTest, MicroBatchesAddUp) {
  config_.num_steps = 1;
  Train(0);
  const double loss = Logged("loss")[0].second, norm = Logged("grad_norm")[0].second;
  config_.micro_batch_tokens = 1 << 20;
  Train(0);
  EXPECT_NEAR(Logged("loss")[0].second, loss, 1e-9);
  EXPECT_NEAR(Logged("grad_norm")[0].second, norm, 1e-4 * norm);
  Train(0, /*num_shards=*/4);
  EXPECT_NEAR(Logged("loss")[0].second, loss, 1e-9);
  EXPECT_NEAR(Logged("grad_norm")[0].second, norm, 1e-4 * norm);
}

TEST_F(RewardModelLoopTest, WhatIsTooLongIsLeftOut) {
  const size_t all = EncodePreferences(sets_.train, chat_, 1000).size();
  EXPECT_EQ(all, sets_.train.size());
  sets_.train[0].completions[1] = std::string(300, 'x');
  EXPECT_EQ(EncodePreferences(sets_.train, chat_, 160).size(), all - 1);
  Train(0);
  EXPECT_TRUE(Contains(ReadFile(dir_ / "events.log"), "1 of " + std::to_string(all)));
  EXPECT_TRUE(Contains(ErrorOf([&] { Train(0, 1, /*max_positions=*/16); }, ErrorKind::kUsage),
                       "fits 16 tokens"));
}

TEST_F(RewardModelLoopTest, AMarginMovesThePair) {
  EncodedPreference pair = EncodePreferences({sets_.train.data(), 1}, chat_, 160)[0];
  pair.group.completions.resize(2);
  auto model = Model();
  EXPECT_NEAR(MeasurePreferences(*model, {&pair, 1}, config_).loss, std::log(2.0), 1e-6);
  pair.margin = 1;  // -log sigmoid(-1)
  EXPECT_NEAR(MeasurePreferences(*model, {&pair, 1}, config_).loss, 1.3132617, 1e-6);
}

}  // namespace
}  // namespace agon::trainer
