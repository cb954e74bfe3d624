// Memory that a run takes of a GPU: once, before its first step.
#include <string>
#include <vector>

#include "policy/cuda/arena.h"
#include "tests/cuda/training_fixture.h"
#include "tests/cuda_emulator/runtime.h"
#include "tests/error_of.h"
#include "tests/tiny_recipe.h"
#include "tests/trainer/run_folder.h"
#include "trainer/run_memory.h"

namespace agon::trainer {
namespace {

using cuda_emulator::MachineCounts;

constexpr policy::ComputeType kBf16 = policy::ComputeType::kBfloat16;

class CudaArena : public CudaTraining {
 protected:
  void Plan(const policy::ModelConfig& model, const policy::Workload& workload) {
    for (auto& use : policy::Policy::PlanMemory(model, kBf16, device_, workload)) {
      uses_.push_back(std::move(use));
    }
  }
  void Take() {
    arena_ = policy::NewArena(device_, uses_);
    device_.arena = arena_.get();
  }

  // Four rows that end at the same time, whatever the weights.
  static std::vector<policy::Completion> Decode(policy::Policy& policy) {
    const policy::Prompt prompt{.tokens = {1, 2, 3}, .max_new_tokens = 16, .num_samples = 4};
    return policy.Generate({&prompt, 1}, {}, {.run_seed = 1, .stream = RngStream::kSample});
  }

  std::vector<policy::MemoryUse> uses_;
  std::unique_ptr<policy::Arena> arena_;
};

TEST_F(CudaArena, PretrainingSftAndRlMakeOneAllocationAndRecordEachGraphOnce) {
  policy::ModelConfig scores = Model();
  scores.has_score_head = true;
  const policy::Workload asked = Asked(), of_reference{.batch_tokens = 256},
                         of_value{.batch_tokens = 256,
                                  .prefix_sharers = 4,
                                  .optimizers = {Rl(1).value.optimizer}};
  Plan(Model(), asked);
  Plan(Model(), of_reference);
  Plan(scores, of_value);
  MachineCounts() = {};
  Take();
  const auto policy = policy::Policy::Create(Model(), kBf16, 1, device_, asked);
  Pretrain(ContextOf(*policy));
  Tune(ContextOf(*policy));
  {
    const auto reference = policy::Policy::Create(Model(), kBf16, 2, device_, of_reference);
    const auto value = policy::Policy::Create(scores, kBf16, 3, device_, of_value);
    RlConfig config = Rl(1);
    config.advantage = AdvantageKind::kGae;
    config.loss.kl = KlEstimator::kK3;
    config.loss.kl_coef = 0.01f;
    value->ConfigureOptimizer(config.value.optimizer);
    policy->ConfigureOptimizer(config.optimizer);
    StageContext context = ContextOf(*policy, reference.get());
    context.value = value.get();
    RunRl(config, context);
  }
  Decode(*policy);
  const int64_t graphs = MachineCounts().graphs;
  EXPECT_GT(graphs, 0);
  EXPECT_LE(graphs, 2 * 4);  // of 1, 2, 4 and 8 rows, one token at a time and several

  // Memory of optimizers and other models comes and goes, weights change: the graphs stay.
  policy->ConfigureOptimizer(asked.optimizers[0]);
  policy::PackedBatch batch;
  policy::AppendSequence({1, 2, 3, 4, 5}, 1, batch);
  policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -1.0f));
  policy->OptimizerStep(1e-2f);
  const auto other = policy::Policy::Create(scores, kBf16, 3, device_, of_value);
  MachineCounts().waits = 0;
  Decode(*policy);
  EXPECT_LE(MachineCounts().waits, 16 / 8 + 1);  // the host looks once for eight tokens
  EXPECT_EQ(MachineCounts().graphs, graphs);
  EXPECT_EQ(MachineCounts().allocations, 1);
}

TEST_F(CudaArena, AModelAloneMakesOneAllocation) {
  MachineCounts() = {};
  const auto policy = policy::Policy::Create(Model(), kBf16, 1, device_, {{.decoded_rows = 4}});
  Decode(*policy);
  EXPECT_EQ(MachineCounts().allocations, 1);
  int64_t bytes = 0, planned = 0;
  for (const auto& use : policy->Memory()) bytes += use.bytes;
  for (const auto& use : policy::Policy::PlanMemory(Model(), kBf16, device_, {.decoded_rows = 4})) {
    planned += use.bytes;
  }
  EXPECT_EQ(bytes, planned);
  EXPECT_GE(bytes, 4 * Model().NumParameters());
}

TEST_F(CudaArena, WhatWasNotPlannedIsRefusedByItsPurpose) {
  const auto policy =
      policy::Policy::Create(Model(), kBf16, 1, device_, {{.batch_tokens = 64, .decoded_rows = 4}});
  const auto refused = [&](const auto& call) { return ErrorOf(call, ErrorKind::kFailed); };
  policy::PackedBatch batch;
  policy::AppendSequence(std::vector<int32_t>(40, 1), 1, batch);
  const auto scores = policy->Score(batch);
  const std::string moments = refused([&] { policy->ConfigureOptimizer({}); });
  EXPECT_TRUE(Contains(moments, "optimizer moments were asked for, but 0 were planned")) << moments;
  policy::AppendSequence(std::vector<int32_t>(40, 1), 1, batch);
  const std::string activations = refused([&] { policy->Score(batch); });
  EXPECT_TRUE(Contains(activations, "bytes for activations were asked for")) << activations;
  policy::Sampling sampling{.max_rows = 16};
  const policy::Prompt prompt{.tokens = {1}, .max_new_tokens = 2, .num_samples = 16};
  const auto draw = [&] { policy->Generate({&prompt, 1}, sampling, {.run_seed = 1}); };
  const std::string cache = refused(draw);
  EXPECT_TRUE(Contains(cache, "a KV cache for 18 rows of 3 tokens was asked for, but 5 rows of 64"))
      << cache;
  // Nothing is lost: what was planned goes on.
  sampling.max_rows = 4;
  draw();
  batch = {};
  policy::AppendSequence(std::vector<int32_t>(40, 1), 1, batch);
  EXPECT_EQ(policy->Score(batch).logprobs, scores.logprobs);
}

TEST_F(CudaArena, AModelThatDoesNotLearnKeepsNothingAndHasTheSameBits) {
  policy::PackedBatch batch;
  policy::AppendSequence(std::vector<int32_t>{1, 2, 3, 4, 5, 6}, 2, batch);
  policy::ModelConfig scores = Model();
  scores.has_score_head = true;
  const auto grows = policy::Policy::Create(scores, kBf16, 1, device_),
             frozen = policy::Policy::Create(scores, kBf16, 1, device_, {{.batch_tokens = 64}});
  EXPECT_EQ(frozen->Score(batch).logprobs, grows->Score(batch).logprobs);
  EXPECT_EQ(frozen->ScoreOnly(batch).logprobs, grows->ScoreOnly(batch).logprobs);
  EXPECT_EQ(frozen->Values(batch), grows->Values(batch));

  // What went wrong is found in the same memory.
  frozen->Weight("model.layers.0.self_attn.k_norm.weight")[0] = NAN;
  frozen->WeightsChanged();
  for (const auto& error : {ErrorOf([&] { frozen->Score(batch); }, ErrorKind::kFailed),
                            ErrorOf([&] { frozen->ScoreOnly(batch); }, ErrorKind::kFailed),
                            ErrorOf([&] { frozen->Values(batch); }, ErrorKind::kFailed)}) {
    EXPECT_TRUE(Contains(error, "QkNormRope in layer 0")) << error;
  }

  // One that only decodes has no room to look for the op.
  const auto decodes = policy::Policy::Create(Model(), kBf16, 1, device_, {{.decoded_rows = 4}});
  decodes->Weight("model.norm.weight")[0] = NAN;
  decodes->WeightsChanged();
  const std::string drawn = ErrorOf([&] { Decode(*decodes); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(drawn, "SampleTokens")) << drawn;
}

class CudaRun : public RunFolderTest {
 protected:
  CudaRun() : RunFolderTest(TinyRecipe(1, 1, "kl = \"k3\"\nkl_coef = 0.01\n")) {}
  ~CudaRun() override { cuda_emulator::SetMachine({}); }

  std::string RefusedWith(std::vector<std::string> overrides) {
    overrides.emplace_back("run.device=cuda");
    const auto train = [&] { Train("a", false, overrides); };
    const std::string error = ErrorOf(train, ErrorKind::kFailed);
    EXPECT_FALSE(fs::exists(root_ / "a")) << "nothing was done before";
    return error;
  }
};

TEST_F(CudaRun, MemoryThatIsTooSmallIsSaidFirstWithWhatToLower) {
  cuda_emulator::SetMachine({.memory_bytes = 32 << 20});
  const std::string batch = RefusedWith({});
  EXPECT_TRUE(Contains(batch, "MiB all at once, of it")) << batch;
  EXPECT_TRUE(Contains(batch, "for policy: activations")) << batch;
  EXPECT_TRUE(Contains(batch, "32 MiB of 32 MiB are free")) << batch;
  EXPECT_TRUE(Contains(batch, "lower run.micro_batch_tokens, or let run.recompute be")) << batch;
  EXPECT_TRUE(Contains(batch, ", and 2 MiB for kernels and graphs were asked for")) << batch;
  const std::string rows = RefusedWith({"run.micro_batch_tokens=512", "rl.group_size=256"});
  EXPECT_TRUE(Contains(rows, "for policy: KV cache")) << rows;
  EXPECT_TRUE(Contains(rows, "lower model.max_positions")) << rows;
  EXPECT_TRUE(Contains(rows, "rows decoded at once (rl.tasks_per_step")) << rows;
  cuda_emulator::SetMachine({.memory_bytes = 4 << 20});
  const std::string model =
      RefusedWith({"model.preset=nano", "run.micro_batch_tokens=64", "model.max_positions=64",
                   "rl.max_new_tokens=4", "rl.overlong_buffer=4"});
  EXPECT_TRUE(Contains(model, "choose a smaller model.preset")) << model;
}

TEST_F(CudaRun, LeavesRoomForKernelsAndGraphs) {
  cuda_emulator::SetMachine({.memory_bytes = 64 << 20});
  const auto arena_of = [](int64_t mebibytes) {
    policy::cuda::CudaArena(0, {{"activations", mebibytes << 20}});
  };
  arena_of(60);  // a sixteenth is left
  const std::string refused = ErrorOf([&] { arena_of(61); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(refused, "61 MiB for activations, and 4 MiB for kernels")) << refused;
  EXPECT_TRUE(Contains(refused, "64 MiB of 64 MiB are free")) << "it was given back: " << refused;
}

TEST_F(CudaRun, SlowTakesItsMemoryOnceAndSaysForWhat) {
  MachineCounts() = {};
  const std::string said = Train(
      "a", false,
      {"run.device=cuda", "run.micro_batch_tokens=512", "sft.tasks_per_step=1",
       "rl.tasks_per_step=1", "rl.group_size=2", "rl.max_new_tokens=4", "rl.overlong_buffer=4",
       "eval.num_tasks=1", "eval.samples_per_task=1", "eval.max_new_tokens=4"});
  EXPECT_EQ(MachineCounts().allocations, 1);
  for (const char* part :
       {"memory of fp32 on CUDA emulator with cuBLASLt 13.1.0, taken at once; most of it for rl:",
        "policy: optimizer moments", "policy: KV cache", "reference: weights (fp32)", "total"}) {
    EXPECT_TRUE(Contains(said, part)) << said;
  }
}

// The plan of each stage's policies, which are there at once.
TEST(RunMemory, IsThatOfTheStageThatNeedsMost) {
  const policy::Device device{policy::Device::Kind::kCuda, 0};
  const auto plan = [&](const std::vector<std::string>& overrides) {
    return PlanMemory(ParseRecipe(TinyRecipe(1, 1), "tiny", overrides), "/nowhere", device,
                      *policy::NewSoloCommunicator());
  };
  const auto bytes = [](const StageMemory& of, std::string_view purpose) {
    for (const auto& use : of.uses) {
      if (use.purpose == purpose) return use.bytes;
    }
    return int64_t{0};
  };
  const StageMemory plain = plan({"rl.kl_tasks=0"});
  EXPECT_EQ(plain.stage, "training");
  EXPECT_EQ(bytes(plain, "reference: weights (fp32)"), 0);
  const StageMemory ppo = plan({"rl.advantage=gae", "rl.kl=k3", "rl.kl_coef=0.01"});
  EXPECT_EQ(ppo.stage, "rl");
  EXPECT_GT(bytes(ppo, "reference: weights (fp32)"), 0);
  EXPECT_EQ(bytes(ppo, "reference: gradients (fp32)"), 0);
  EXPECT_EQ(bytes(ppo, "reference: KV cache"), 0);
  EXPECT_EQ(bytes(ppo, "value model: optimizer moments"),
            2 * bytes(ppo, "value model: gradients (fp32)"));
  EXPECT_EQ(bytes(ppo, "policy: weights (fp32)"), bytes(plain, "policy: weights (fp32)"));
  const StageMemory rlhf = plan({"reward_model.num_steps=1", "reward_model.source=demonstrations",
                                 "reward_model.num_members=3", "reward_model.env=text/reply",
                                 "rl.env=text/reply", "rl.reward_models=[\"reward-model\"]"});
  EXPECT_EQ(rlhf.stage, "rl");
  EXPECT_EQ(bytes(rlhf, "reward models: weights (fp32)"),
            3 * bytes(rlhf, "policy: weights (fp32)"));
  const StageMemory again =
      plan({"rl.advantage=gae", "rl.kl=k3", "rl.kl_coef=0.01", "run.recompute=layer"});
  for (const char* learns : {"policy: activations", "value model: activations"}) {
    EXPECT_LT(bytes(again, learns), bytes(ppo, learns));
  }
  EXPECT_EQ(bytes(again, "reference: activations"), bytes(ppo, "reference: activations"));
}

}  // namespace
}  // namespace agon::trainer
