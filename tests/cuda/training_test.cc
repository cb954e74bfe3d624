// Pretraining, SFT and RL of a small model on CUDA: the loops of the trainer, a kill and a resume.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/error_of.h"
#include "tests/policy/tiny_policy.h"
#include "tests/trainer/loop_fixture.h"
#include "trainer/checkpoint.h"

namespace agon::trainer {
namespace {

std::unique_ptr<envs::Env> MakeSpelling(std::string_view) {
  return std::make_unique<ToyEnv>("toy/spelling-v1", GradeLetter);
}
const bool registered = envs::internal::Register("toy/spelling-v1", MakeSpelling);

class CudaTraining : public LoopTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(registered);
    device_ = policy::ParseDevice("auto");
    if (device_.kind != policy::Device::Kind::kCuda) GTEST_SKIP() << "no CUDA device";
    LoopTest::SetUp();
    std::vector<datasets::Document> documents(8, {"letters", "abcabcabcabcabcabc"});
    datasets::IngestReport report;
    datasets::WriteCorpus(dir_ / "corpus", documents, tokenizer_, report);
  }

  policy::ModelConfig Model() const { return policy::SmallestConfig(tokenizer_.vocab_size(), 64); }

  void Pretrain(const StageContext& context) {
    PretrainConfig config;
    config.num_steps = 3;
    config.tokens_per_step = 64;
    config.max_tokens = 32;
    config.optimizer.kind = policy::OptimizerConfig::Kind::kMuon;
    config.schedule = {1e-2f, 0, 1.0f};
    config.val_every = 0;
    config.val_tokens = 64;
    const datasets::Corpus corpus(dir_ / "corpus");
    context.policy.ConfigureOptimizer(config.optimizer);
    RunPretrain(config, corpus, corpus, context);
  }

  void Tune(const StageContext& context) {
    SftConfig config;
    config.env = "toy/spelling";
    config.num_steps = 2;
    config.tasks_per_step = 2;
    config.schedule = {1e-2f, 0, 1.0f};
    config.val_every = 0;
    config.val_tasks = 2;
    context.policy.ConfigureOptimizer(config.optimizer);
    RunSft(config, context);
  }

  void Reinforce(const StageContext& context, int num_steps) {
    RlConfig config;
    config.env = "toy/spelling";
    config.num_steps = num_steps;
    config.tasks_per_step = 2;
    config.group_size = 4;
    config.max_new_tokens = 3;
    config.schedule = {1e-2f, 0, 1.0f};
    RunRl(config, context);
  }

  policy::Device device_;
};

TEST_F(CudaTraining, AllStagesAndAResumeGiveTheBitsOfARunThatWasNotStopped) {
  const auto policy = policy::Policy::Create(Model(), policy::ComputeType::kBfloat16, 1, device_);
  Pretrain(ContextOf(*policy));
  Tune(ContextOf(*policy));
  const policy::OptimizerConfig adamw = RlConfig().optimizer;
  policy->ConfigureOptimizer(adamw);
  Reinforce(ContextOf(*policy), 1);
  SaveCheckpoint(dir_, {"rl", 1, false, 1, {}, "hash"}, *policy, chat_);
  const auto loss = Logged("loss");
  ASSERT_EQ(loss.size(), 6u);
  EXPECT_LT(loss[2], loss[0]);  // pretraining learns the letters

  const auto go_on = [&](policy::Policy& with) {
    StageContext context = ContextOf(with);
    context.first_step = 2;
    Reinforce(context, 2);
  };
  const auto resumed = LoadCheckpoint(*FindLastCheckpoint(dir_, "rl"),
                                      policy::ComputeType::kBfloat16, adamw, device_);
  const std::string before = LogText();
  go_on(*policy);
  const std::string first = LogText().substr(before.size());
  go_on(*resumed);
  EXPECT_EQ(LogText().substr(before.size() + first.size()), first);
  for (const std::string& name : policy->TensorNames()) {
    const auto a = policy->Weight(name), b = resumed->Weight(name);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << name;
  }

  // As written on another card, for which cuBLASLt may choose other algorithms.
  const fs::path state = FindLastCheckpoint(dir_, "rl")->dir / "trainer_state/state.json";
  const std::string text = ReadFile(state);
  const std::string name = policy::ArithmeticName(policy::ComputeType::kBfloat16, device_);
  std::string other = text;
  other.replace(other.find(name), name.size(), "bf16 on another card");
  WriteFileAtomic(state, other);
  const auto load = [&](policy::ComputeType compute, const policy::Device& device) {
    return ErrorOf([&] { LoadCheckpoint(*FindLastCheckpoint(dir_, "rl"), compute, adamw, device); },
                   ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(load(policy::ComputeType::kBfloat16, device_), "another card"));
  WriteFileAtomic(state, text);
  EXPECT_EQ(load(policy::ComputeType::kBfloat16, device_), "");

  // On a CPU the same steps would give other bits: the checkpoint doesn't go on there.
  EXPECT_TRUE(Contains(load(policy::ComputeType::kAuto, {}), "would go on in"));
}

TEST_F(CudaTraining, AResultThatIsNoNumberSaysItsOpAndStep) {
  const auto policy = policy::Policy::Create(Model(), policy::ComputeType::kBfloat16, 1, device_);
  policy->Weight("model.layers.0.self_attn.k_norm.weight")[5] = NAN;
  policy->WeightsChanged();
  StageContext context = ContextOf(*policy);
  context.first_step = 2;
  const std::string error = ErrorOf([&] { Pretrain(context); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "pretrain step 2: QkNormRope in layer 0")) << error;
}

}  // namespace
}  // namespace agon::trainer
