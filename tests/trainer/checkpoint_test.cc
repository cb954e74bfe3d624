#include "trainer/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/error.h"
#include "core/file.h"
#include "serve/model_directory.h"

namespace agon::trainer {
namespace {

policy::ModelConfig TinyModel() {
  policy::ModelConfig config;
  config.vocab_size = 265;
  config.hidden_size = 32;
  config.num_layers = 1;
  config.num_heads = config.num_kv_heads = 1;
  config.head_dim = 32;
  config.intermediate_size = 32;
  config.max_positions = 64;
  return config;
}

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest()
      : dir_(fs::temp_directory_path() / ("agon-checkpoint-" + std::to_string(::getpid()))),
        tokenizer_(datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens())),
        chat_(tokenizer_),
        policy_(policy::Policy::Create(TinyModel(), policy::ComputeType::kFloat32, 3)) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    policy_->ConfigureOptimizer({});
  }
  ~CheckpointTest() override { fs::remove_all(dir_); }

  void Save(const std::string& stage, int step, std::vector<std::string> finished = {}) {
    SaveCheckpoint(dir_, {stage, step, false, 7, std::move(finished), "abc"}, *policy_, chat_);
  }

  // One update whose gradient depends on the weights.
  static void Train(policy::Policy& policy) {
    policy::PackedBatch batch;
    batch.tokens = {5, 9, 77, 5, 200};
    batch.segments = {{0, 5, 0, 0}};
    batch.rows = {0, 1, 2, 3};
    batch.targets = {9, 77, 5, 200};
    policy.ScoreAndBackward(batch, std::vector<float>{-1, -1, -1, -1});
    policy.OptimizerStep(0.01f);
  }

  std::vector<std::string> Folders() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "checkpoints")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path dir_;
  datasets::Tokenizer tokenizer_;
  datasets::ChatTemplate chat_;
  std::unique_ptr<policy::Policy> policy_;
};

TEST_F(CheckpointTest, IsAModelDirectoryWithTrainerState) {
  Save("sft", 50);
  const fs::path dir = dir_ / "checkpoints/sft-000050";
  for (const char* file :
       {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "trainer_state/optimizer.safetensors", "trainer_state/state.json"}) {
    EXPECT_TRUE(fs::exists(dir / file)) << file;
  }
}

TEST_F(CheckpointTest, PretrainingMakesABaseModel) {
  Save("pretrain", 1);
  Save("sft", 1);
  EXPECT_FALSE(serve::LoadModelDirectory(dir_ / "checkpoints/pretrain-000001").is_chat_model);
  EXPECT_TRUE(serve::LoadModelDirectory(dir_ / "checkpoints/sft-000001").is_chat_model);
}

TEST_F(CheckpointTest, StateReadsBack) {
  RlState state;
  state.curriculum = {2, {0.1, 0.7}};
  state.scales = {{{3, 0.1, 0.2}}, {{5, 1.0 / 3.0, 1e-300}}};
  state.kl_coef = 0.1f;
  state.course = {{{0, 0, 0.25}, {1, 0.5, 1.0 / 3.0}}, {5, 7}, GoldStart{0.25, -0.125}, -1.5};
  state.stopped = true;
  SaveCheckpoint(dir_, {"rl", 12, true, 99, {"pretrain", "sft"}, "0123", state}, *policy_, chat_);
  const auto found = FindLastCheckpoint(dir_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state.stage, "rl");
  EXPECT_EQ(found->state.step, 12);
  EXPECT_TRUE(found->state.done);
  EXPECT_EQ(found->state.seed, 99u);
  EXPECT_EQ(found->state.finished_stages, (std::vector<std::string>{"pretrain", "sft"}));
  EXPECT_EQ(found->state.recipe_hash, "0123");
  const RlState& read = found->state.rl;
  EXPECT_EQ(read.curriculum.level, 2);
  EXPECT_EQ(read.curriculum.recent, (std::vector<double>{0.1, 0.7}));
  ASSERT_EQ(read.scales.initial.size(), 1u);
  EXPECT_EQ(read.scales.initial[0].squares, 0.2);
  ASSERT_EQ(read.scales.running.size(), 1u);
  EXPECT_EQ(read.scales.running[0].mean, 1.0 / 3.0);
  EXPECT_EQ(read.scales.running[0].squares, 1e-300);
  EXPECT_EQ(read.kl_coef, 0.1f);
  ASSERT_EQ(read.course.points.size(), 2u);
  EXPECT_EQ(read.course.points[1].step, 1);
  EXPECT_EQ(read.course.points[1].distance, 0.5);
  EXPECT_EQ(read.course.points[1].gold, 1.0 / 3.0);
  EXPECT_EQ(read.course.kept, (std::vector<int>{5, 7}));
  EXPECT_EQ(read.course.start->gold, 0.25);
  EXPECT_EQ(read.course.start->proxy, -0.125);
  EXPECT_EQ(read.course.slope, -1.5);
  EXPECT_TRUE(read.stopped);
  EXPECT_EQ(found->compute, "fp32");
}

TEST_F(CheckpointTest, ModelsOnTheWayAreKeptAndComeBack) {
  const std::string tensor = policy_->TensorNames()[0];
  const std::vector<float> before(policy_->Weight(tensor).begin(), policy_->Weight(tensor).end());
  RlState state;
  state.course.kept = {1, 2};
  SaveCheckpoint(dir_, {"rl", 1, false, 7, {}, "abc", state}, *policy_, chat_);
  KeepModel(dir_, 1, state.course, 0, *policy_, chat_);  // is there already
  EXPECT_TRUE(fs::exists(dir_ / "checkpoints/rl-000001/trainer_state"));
  policy_->Weight(tensor)[0] += 1.0f;
  policy_->WeightsChanged();
  KeepModel(dir_, 2, state.course, 0, *policy_, chat_);
  for (const int step : {3, 4, 5}) {
    SaveCheckpoint(dir_, {"rl", step, false, 7, {}, "abc", state}, *policy_, chat_);
  }
  EXPECT_EQ(Folders(),
            (std::vector<std::string>{"rl-000001", "rl-000002", "rl-000004", "rl-000005"}));
  EXPECT_FALSE(fs::exists(dir_ / "checkpoints/rl-000001/trainer_state"));
  EXPECT_EQ(FindLastCheckpoint(dir_)->state.step, 5);

  LoadWeights(dir_ / "checkpoints/rl-000001", *policy_);
  const auto after = policy_->Weight(tensor);
  EXPECT_EQ(std::vector<float>(after.begin(), after.end()), before);

  state.course.kept = {6};
  KeepModel(dir_, 6, state.course, 2, *policy_, chat_);
  EXPECT_EQ(Folders(),
            (std::vector<std::string>{"rl-000002", "rl-000004", "rl-000005", "rl-000006"}));
}

TEST_F(CheckpointTest, ModelsOfEverySoManyStepsStayWithoutWhatTrainingNeeds) {
  for (int step = 1; step <= 7; ++step) {
    SaveCheckpoint(dir_, {"rl", step, false, 7, {}, "abc"}, *policy_, chat_, nullptr, 2);
  }
  EXPECT_EQ(Folders(),
            (std::vector<std::string>{"rl-000002", "rl-000004", "rl-000006", "rl-000007"}));
  const fs::path kept = dir_ / "checkpoints/rl-000004";
  EXPECT_TRUE(fs::exists(kept / "model.safetensors"));
  EXPECT_TRUE(fs::exists(kept / "tokenizer_config.json"));
  EXPECT_FALSE(fs::exists(kept / "trainer_state"));
  EXPECT_EQ(FindLastCheckpoint(dir_)->state.step, 7);
}

TEST_F(CheckpointTest, TrainingGoesOnWithTheSameBits) {
  Train(*policy_);
  Save("sft", 1);
  Train(*policy_);
  const auto loaded = LoadCheckpoint(*FindLastCheckpoint(dir_), policy::ComputeType::kFloat32, {});
  EXPECT_EQ(loaded->version(), 1u);
  Train(*loaded);
  for (const std::string& name : policy_->TensorNames()) {
    const auto a = policy_->Weight(name), b = loaded->Weight(name);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << name;
  }
}

TEST_F(CheckpointTest, FindsTheFurthestNotTheLargestStep) {
  EXPECT_FALSE(FindLastCheckpoint(dir_));
  Save("pretrain", 900);
  Save("sft", 400, {"pretrain"});
  Save("rl", 50, {"pretrain", "sft"});
  EXPECT_EQ(FindLastCheckpoint(dir_)->state.stage, "rl");
  EXPECT_EQ(FindLastCheckpoint(dir_, "sft")->state.step, 400);
  EXPECT_FALSE(FindLastCheckpoint(dir_, "reward"));
}

TEST_F(CheckpointTest, KeepsTwoOfTheRunningStageAndTheLastOfEachEarlierOne) {
  for (const int step : {50, 100, 150}) Save("sft", step);
  EXPECT_EQ(Folders(), (std::vector<std::string>{"sft-000100", "sft-000150"}));
  Save("rl", 50, {"sft"});
  EXPECT_EQ(Folders(), (std::vector<std::string>{"rl-000050", "sft-000150"}));
  for (const int step : {100, 150}) Save("rl", step, {"sft"});
  EXPECT_EQ(Folders(), (std::vector<std::string>{"rl-000100", "rl-000150", "sft-000150"}));
}

TEST_F(CheckpointTest, IgnoresAndRemovesTornWrites) {
  Save("sft", 50);
  fs::copy(dir_ / "checkpoints/sft-000050", dir_ / "checkpoints/sft-000100.tmp-123",
           fs::copy_options::recursive);
  fs::copy(dir_ / "checkpoints/sft-000050", dir_ / "checkpoints/sft-000060.old",
           fs::copy_options::recursive);
  fs::create_directories(dir_ / "corpus.tmp-77/train");
  fs::create_directories(dir_ / "checkpoints/sft-000200");  // no state: no checkpoint
  EXPECT_EQ(FindLastCheckpoint(dir_)->dir, dir_ / "checkpoints/sft-000050");
  RemoveTornWrites(dir_);
  EXPECT_EQ(Folders(), (std::vector<std::string>{"sft-000050", "sft-000200"}));
  EXPECT_FALSE(fs::exists(dir_ / "corpus.tmp-77"));
}

TEST_F(CheckpointTest, ADamagedStateIsNamed) {
  Save("sft", 50);
  const fs::path state = dir_ / "checkpoints/sft-000050/trainer_state/state.json";
  WriteFileAtomic(state, "{\"stage\": \"sft\"");
  try {
    FindLastCheckpoint(dir_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    EXPECT_NE(std::string(error.what()).find("state.json"), std::string::npos) << error.what();
  }
}

TEST_F(CheckpointTest, RefusesToGoOnInAnotherArithmetic) {
  Save("sft", 50);
  Checkpoint checkpoint = *FindLastCheckpoint(dir_);
  checkpoint.compute = "bf16";
  EXPECT_THROW(LoadCheckpoint(checkpoint, policy::ComputeType::kFloat32, {}), Error);
}

// A limit on file sizes stands in for a full disk: write(2) fails in the middle of a file.
TEST_F(CheckpointTest, AFullDiskLeavesOlderCheckpointsIntact) {
  Save("sft", 50);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit saved{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  rlimit limited = saved;
  limited.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  std::string message;
  try {
    Save("sft", 100);
  } catch (const Error& error) {
    message = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
  }
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("model.safetensors"), std::string::npos) << message;
  EXPECT_EQ(Folders(), std::vector<std::string>{"sft-000050"});
  EXPECT_NO_THROW(LoadCheckpoint(*FindLastCheckpoint(dir_), policy::ComputeType::kFloat32, {}));
}

}  // namespace
}  // namespace agon::trainer
