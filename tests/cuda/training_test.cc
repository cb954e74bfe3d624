// Pretraining, SFT and RL of a small model on CUDA: the loops of the trainer, a kill and a resume.
#include <cmath>

#include "tests/cuda/training_fixture.h"
#include "tests/error_of.h"
#include "trainer/checkpoint.h"

namespace agon::trainer {
namespace {

TEST_F(CudaTraining, AllStagesAndAResumeGiveTheBitsOfARunThatWasNotStopped) {
  // Memory that was planned for one and grows in the other makes no difference.
  const auto policy =
      policy::Policy::Create(Model(), policy::ComputeType::kBfloat16, 1, device_, Asked());
  Pretrain(ContextOf(*policy));
  Tune(ContextOf(*policy));
  const policy::OptimizerConfig adamw = RlConfig().optimizer;
  policy->ConfigureOptimizer(adamw);
  RunRl(Rl(1), ContextOf(*policy));
  SaveCheckpoint(dir_, {"rl", 1, false, 1, {}, "hash"}, *policy, chat_);
  const auto loss = Logged("loss");
  ASSERT_EQ(loss.size(), 6u);
  EXPECT_LT(loss[2], loss[0]);  // pretraining learns the letters

  const auto go_on = [&](policy::Policy& with) {
    StageContext context = ContextOf(with);
    context.first_step = 2;
    RunRl(Rl(2), context);
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

TEST_F(CudaTraining, AGradientThatIsNoNumberSaysItsTensorAndStepAndLeavesTheCheckpoint) {
  const auto policy = policy::Policy::Create(Model(), policy::ComputeType::kBfloat16, 1, device_);
  policy->ConfigureOptimizer({});
  StageContext context = ContextOf(*policy);
  context.save_every = 1;
  context.save = [&](int step) {
    SaveCheckpoint(dir_, {"pretrain", step, false, 1, {}, "hash"}, *policy, chat_);
    policy::OverflowGradientOf(0, *policy);  // of the next step
  };
  const std::string error = ErrorOf([&] { Pretrain(context); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "pretrain step 2: model.layers.0.mlp.up_proj.weight: its gradient"))
      << error;
  EXPECT_EQ(Logged("grad_norm").size(), 1u);
  EXPECT_EQ(FindLastCheckpoint(dir_, "pretrain")->state.step, 1);
}

}  // namespace
}  // namespace agon::trainer
