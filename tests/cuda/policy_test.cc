// A whole policy on CUDA: agrees with the CPU's, samples exactly on-policy, trains, resumes.
#include <filesystem>

#include "tests/cuda/backend_fixture.h"
#include "tests/error_of.h"
#include "tests/policy/recompute.h"

namespace agon::policy::cuda {
namespace {

constexpr policy::Device kGpu{policy::Device::Kind::kCuda, 0};
// Seconds in the emulator: a block's threads cost as much for one element as for many.
ModelConfig SmallConfig() {
  ModelConfig config = TinyConfig();
  config.vocab_size = 43;
  config.hidden_size = 32;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.intermediate_size = 32;
  return config;
}

std::unique_ptr<Policy> SmallPolicy(ComputeType compute, const policy::Device& device = kGpu) {
  return TinyPolicy(compute, 7, device, SmallConfig());
}

constexpr RngKey kKey{.run_seed = 3, .stream = RngStream::kSample};

template <typename T>
class CudaPolicy : public KernelTest<T> {};
TYPED_TEST_SUITE(CudaPolicy, ComputeTypes);

// A prompt with two completions, and a sequence of its own.
PackedBatch MixedBatch() {
  Rng rng({.run_seed = 5, .stream = RngStream::kTest});
  const auto tokens = [&](int count) { return RandomTokens(rng, count, SmallConfig().vocab_size); };
  PackedBatch batch;
  AppendGroup(tokens(7), {tokens(4), tokens(5)}, batch);
  AppendSequence(tokens(9), 4, batch);
  batch.temperature = 0.9f;
  return batch;
}

std::vector<float> Weights(Policy& policy, const std::string& name) {
  const auto w = policy.Weight(name);
  return {w.begin(), w.end()};
}

TYPED_TEST(CudaPolicy, ScoresAndGradientsFollowTheCpu) {
  using T = TypeParam;
  constexpr bool kIsFloat = std::is_same_v<T, float>;
  const auto cpu = SmallPolicy(ComputeType::kFloat32, {}), gpu = SmallPolicy(kCompute<T>);
  const PackedBatch batch = MixedBatch();
  const TokenScores expected = cpu->Score(batch), got = gpu->Score(batch);
  EXPECT_LE(Nmse(got.logprobs, expected.logprobs), kIsFloat ? 1e-11 : 1e-4);
  EXPECT_LE(Nmse(got.entropies, expected.entropies), kIsFloat ? 1e-11 : 1e-4);
  const auto dlogprobs = Normals(6, batch.rows.size());
  cpu->Backward(dlogprobs);
  gpu->Backward(dlogprobs);
  for (const std::string& name : cpu->TensorNames()) {
    const auto a = gpu->Gradient(name), b = cpu->Gradient(name);
    EXPECT_LE(Nmse(std::vector<float>(a.begin(), a.end()), std::vector<float>(b.begin(), b.end())),
              kIsFloat ? 1e-9 : 2e-3)
        << name;
  }
}

// Prompts of which one is sampled several times.
std::vector<Prompt> Prompts() {
  Rng rng({.run_seed = 8, .stream = RngStream::kTest});
  std::vector<Prompt> prompts;
  for (int i = 0; i < 3; ++i) {
    Prompt prompt;
    prompt.tokens = RandomTokens(rng, 5 + 15 * i, SmallConfig().vocab_size);
    prompt.max_new_tokens = 7 - 2 * i;
    prompt.task = static_cast<uint64_t>(i);
    prompt.num_samples = i == 1 ? 3 : 1;
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

TYPED_TEST(CudaPolicy, RolloutsAreExactlyOnPolicy) {
  using T = TypeParam;
  const auto policy = SmallPolicy(kCompute<T>);
  const auto prompts = Prompts();
  Sampling sampling;
  sampling.stop_token_ids = {3};
  sampling.max_rows = 4;
  const auto together = policy->Generate(prompts, sampling, kKey);
  sampling.max_rows = 1;
  const auto alone = policy->Generate(prompts, sampling, kKey);
  ASSERT_EQ(together.size(), 5u);
  // However often the host looks at what was drawn.
  for (const int at_once : {1, 3}) {
    sampling.tokens_at_once = at_once;
    sampling.max_rows = 2;
    const auto others = policy->Generate(prompts, sampling, kKey);
    for (size_t i = 0; i < together.size(); ++i) {
      EXPECT_EQ(others[i].tokens, together[i].tokens) << at_once;
      EXPECT_TRUE(SameBits(others[i].rollout_logprobs, together[i].rollout_logprobs)) << at_once;
    }
  }
  PackedBatch batch;
  std::vector<float> sampled;
  size_t next = 0;
  for (const Prompt& prompt : prompts) {
    std::vector<std::vector<int32_t>> completions;
    for (int i = 0; i < prompt.num_samples; ++i, ++next) {
      EXPECT_EQ(together[next].tokens, alone[next].tokens);
      EXPECT_TRUE(SameBits(together[next].rollout_logprobs, alone[next].rollout_logprobs));
      completions.push_back(together[next].tokens);
      sampled.insert(sampled.end(), together[next].rollout_logprobs.begin(),
                     together[next].rollout_logprobs.end());
    }
    AppendGroup(prompt.tokens, completions, batch);
  }
  EXPECT_TRUE(SameBits(policy->Score(batch).logprobs, sampled));
}

// So many samples of a long prompt that the backend reads its keys once for all of them
// (CudaPrefixes.ArentWorthItForFewRows); some wait for places, some end early.
TEST(CudaPolicyGroups, RolloutsOfAGroupThatBeginsAlikeAreOnPolicy) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device";
  ModelConfig config = SmallConfig();
  config.num_heads = config.num_kv_heads = 2;
  config.head_dim = 128;
  config.num_layers = 1;
  config.max_positions = 96;
  const auto policy = TinyPolicy(ComputeType::kBfloat16, 7, kGpu, config);
  Rng rng({.run_seed = 8, .stream = RngStream::kTest});
  std::vector<Prompt> prompts(2);
  for (Prompt& prompt : prompts) {
    prompt.tokens = RandomTokens(rng, 70, config.vocab_size);
    prompt.max_new_tokens = 3;
  }
  prompts[0].num_samples = 72;
  prompts[1].task = 1;
  Sampling sampling;
  sampling.stop_token_ids = {3, 4, 5, 6, 7, 8, 9};
  sampling.max_rows = 70;
  const auto together = policy->Generate(prompts, sampling, kKey);
  sampling.tokens_at_once = 1;  // where the host says what is decoded, nothing is shared
  const auto apart = policy->Generate(prompts, sampling, kKey);
  PackedBatch batch;
  std::vector<float> sampled;
  std::vector<std::vector<int32_t>> completions;
  ASSERT_EQ(together.size(), 73u);
  for (size_t i = 0; i < 73; ++i) {
    EXPECT_EQ(together[i].tokens, apart[i].tokens) << i;
    EXPECT_TRUE(SameBits(together[i].rollout_logprobs, apart[i].rollout_logprobs)) << i;
    completions.push_back(together[i].tokens);
    sampled.insert(sampled.end(), together[i].rollout_logprobs.begin(),
                   together[i].rollout_logprobs.end());
  }
  AppendGroup(prompts[0].tokens, Slice(completions, 0, 72), batch);
  AppendGroup(prompts[1].tokens, Slice(completions, 72, 1), batch);
  EXPECT_TRUE(SameBits(policy->Score(batch).logprobs, sampled));
}

TYPED_TEST(CudaPolicy, TrainsAndGoesOnBitForBitAfterARestart) {
  using T = TypeParam;
  const auto dir =
      std::filesystem::path(testing::TempDir()) / ("cuda_policy_" + std::to_string(sizeof(T)));
  std::filesystem::create_directories(dir);
  const PackedBatch batch = MixedBatch();
  const std::vector<float> nll(batch.rows.size(), -1.0f / static_cast<float>(batch.rows.size()));
  const auto train = [&](Policy& policy) {
    const TokenScores scores = policy.ScoreAndBackward(batch, nll);
    policy.OptimizerStep(1e-2f);
    double sum = 0;
    for (float logprob : scores.logprobs) sum += static_cast<double>(logprob);
    return sum;
  };
  for (const auto kind : {OptimizerConfig::Kind::kAdamW, OptimizerConfig::Kind::kMuon}) {
    const OptimizerConfig optimizer{.kind = kind, .weight_decay = 0.1f};
    const auto whole = SmallPolicy(kCompute<T>);
    whole->ConfigureOptimizer(optimizer);
    const double first = train(*whole);
    whole->Save(dir);
    whole->SaveOptimizer(dir / "optimizer.safetensors");
    EXPECT_GT(train(*whole), first);
    const auto resumed = Policy::Load(dir, kCompute<T>, kGpu);
    EXPECT_EQ(resumed->version(), 1u);
    resumed->ConfigureOptimizer(optimizer);
    resumed->LoadOptimizer(dir / "optimizer.safetensors");
    train(*resumed);
    for (const std::string& name : whole->TensorNames()) {
      EXPECT_TRUE(SameBits(Weights(*whole, name), Weights(*resumed, name))) << name;
    }
  }
}

TYPED_TEST(CudaPolicy, ResultsThatAreNoNumbersAreTracedToTheirOp) {
  using T = TypeParam;
  const std::pair<const char*, const char*> cases[] = {
      {"model.layers.1.self_attn.k_norm.weight", "QkNormRope in layer 1"},
      {"model.layers.0.mlp.up_proj.weight", "LinearSwiGlu (gate, up) in layer 0"},
      {"model.norm.weight", "ScoreTokens"}};
  for (const auto& [name, op] : cases) {
    const auto policy = SmallPolicy(kCompute<T>);
    policy->Weight(name)[5] = NAN;
    policy->WeightsChanged();
    const std::string error = ErrorOf([&] { policy->Score(MixedBatch()); }, ErrorKind::kFailed);
    EXPECT_TRUE(Contains(error, op)) << error;
  }
}

TYPED_TEST(CudaPolicy, GradientsThatAreNoNumbersAreTracedToTheirTensor) {
  using T = TypeParam;
  const auto policy = SmallPolicy(kCompute<T>);
  policy->ConfigureOptimizer({});
  OverflowGradientOf(1, *policy);
  const auto before = Weights(*policy, "model.embed_tokens.weight");
  const PackedBatch batch = MixedBatch();
  policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), 1.0f));
  const std::string error = ErrorOf([&] { policy->OptimizerStep(1e-3f); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "model.layers.1.mlp.up_proj.weight: its gradient is not a number"))
      << error;
  EXPECT_TRUE(SameBits(Weights(*policy, "model.embed_tokens.weight"), before));
}

// In memory that is planned, of which it takes less.
TYPED_TEST(CudaPolicy, RecomputeChangesNoBit) {
  using T = TypeParam;
  ModelConfig config = ThreeLayers(SmallConfig());
  config.has_score_head = true;
  const Workload plain{
      .batch_tokens = 64, .prefix_sharers = 2, .optimizers = {OptimizerConfig()}, .num_shards = 2};
  Workload again = plain;
  again.recompute = Recompute::kLayer;
  const auto learned = [&](const std::optional<Workload>& workload) {
    return Learned(*TinyPolicy(kCompute<T>, 7, kGpu, config, workload));
  };
  const auto expected = learned(std::nullopt), got = learned(again);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(SameBits(got[i], expected[i])) << i;
  const auto bytes = [&](const Workload& workload) {
    return BytesFor("activations", Policy::PlanMemory(config, kCompute<T>, kGpu, workload));
  };
  EXPECT_LT(bytes(again), bytes(plain));
}

TYPED_TEST(CudaPolicy, ShardsOnOneGpuAddUpOnIt) {
  using T = TypeParam;
  const auto plain = SmallPolicy(kCompute<T>), sharded = SmallPolicy(kCompute<T>);
  const PackedBatch batch = MixedBatch();
  const auto dlogprobs = Normals(6, batch.rows.size());
  for (Policy* policy : {plain.get(), sharded.get()}) {
    policy->ConfigureOptimizer({});
    policy->ScoreAndBackward(batch, dlogprobs);
  }
  sharded->AddShard(/*is_last=*/false);
  sharded->AddShard(/*is_last=*/true);  // of zeros
  EXPECT_EQ(plain->OptimizerStep(1e-2f), sharded->OptimizerStep(1e-2f));
  for (const std::string& name : plain->TensorNames()) {
    EXPECT_TRUE(SameBits(Weights(*plain, name), Weights(*sharded, name))) << name;
  }
}

}  // namespace
}  // namespace agon::policy::cuda
