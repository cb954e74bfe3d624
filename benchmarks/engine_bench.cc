// Speed of the policy engine: training and rollouts against the measured GEMM ceiling.
//
//   engine_bench [--preset nano] [--tokens 4096] [--length 128] [--compute auto]
//
// Prints one JSON object. The ceiling is oneDNN's bf16 (or fp32) product where the build
// has oneDNN, and the engine's own beside it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "benchmarks/gemm_ceiling.h"
#include "core/error.h"
#include "policy/policy.h"
#include "trainer/pack.h"

namespace {

using namespace agon;

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Median of `runs` after one warm-up.
double MedianSeconds(int runs, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) seconds.push_back(Seconds(work));
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[static_cast<size_t>(runs / 2)];
}

std::vector<int32_t> RandomTokens(Rng& rng, int count, int vocab_size) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t& t : tokens) t = static_cast<int32_t>(rng.Below(static_cast<uint64_t>(vocab_size)));
  return tokens;
}

struct Options {
  std::string preset = "nano";
  int vocab_size = 2048;
  int tokens = 4096;
  int length = 128;
  int runs = 7;
  bool float32 = false;
};

double TrainTokensPerSecond(policy::Policy& policy, const Options& o) {
  Rng rng({.run_seed = 1, .stream = RngStream::kTest});
  policy::PackedBatch batch;
  for (int begin = 0; begin < o.tokens; begin += o.length) {
    const int length = std::min(o.length, o.tokens - begin);
    const auto tokens = RandomTokens(rng, length, o.vocab_size);
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.segments.push_back({begin, length, 0, 0});
    for (int i = 0; i < length; ++i) {
      batch.rows.push_back(begin + i);
      batch.targets.push_back(tokens[static_cast<size_t>((i + 1) % length)]);
    }
  }
  const std::vector<float> derivatives(batch.rows.size(), -1.0f / static_cast<float>(o.tokens));
  policy.ConfigureOptimizer({});
  const double seconds = MedianSeconds(o.runs, [&] {
    policy.ScoreAndBackward(batch, derivatives);
    policy.OptimizerStep(1e-4f);
  });
  return o.tokens / seconds;
}

double RolloutTokensPerSecond(policy::Policy& policy, int vocab_size, int rows, int prompt_tokens,
                              int new_tokens, int runs) {
  Rng rng({.run_seed = 2, .stream = RngStream::kTest});
  constexpr int kGroup = 16;
  std::vector<policy::Prompt> prompts;
  for (int i = 0; i < rows / kGroup; ++i) {
    policy::Prompt prompt;
    prompt.tokens = RandomTokens(rng, prompt_tokens, vocab_size);
    prompt.max_new_tokens = new_tokens;
    prompt.task = static_cast<uint64_t>(i);
    prompt.num_samples = kGroup;
    prompts.push_back(std::move(prompt));
  }
  policy::Sampling sampling;
  sampling.max_rows = rows;
  const double seconds = MedianSeconds(runs, [&] {
    policy.Generate(prompts, sampling, {.run_seed = 3, .stream = RngStream::kSample});
  });
  return static_cast<double>(rows / kGroup * kGroup) * new_tokens / seconds;
}

struct RlStep {
  double rollout_s, train_s;
};

// One RL step of 32 tasks x 16 samples, prompts of 32 tokens, 30 new tokens, every group in
// the update: medians.
RlStep RlStepSeconds(policy::Policy& policy, int vocab_size, int runs) {
  constexpr int kTasks = 32, kGroup = 16, kPromptTokens = 32, kNewTokens = 30;
  Rng rng({.run_seed = 4, .stream = RngStream::kTest});
  std::vector<policy::Prompt> prompts(kTasks);
  for (policy::Prompt& prompt : prompts) {
    prompt.tokens = RandomTokens(rng, kPromptTokens, vocab_size);
    prompt.max_new_tokens = kNewTokens;
    prompt.num_samples = kGroup;
    prompt.task = rng.Next64();
  }
  std::vector<policy::Completion> completions;
  const double rollout_s = MedianSeconds(runs, [&] {
    completions = policy.Generate(prompts, {}, {.run_seed = 5, .stream = RngStream::kSample});
  });
  std::vector<trainer::Group> groups(kTasks);
  for (const policy::Completion& c : completions) {
    trainer::Rollout rollout{.trajectory = {}, .reward = 1.0, .advantage = 0.5f};
    auto& t = rollout.trajectory;
    t.tokens = prompts[static_cast<size_t>(c.prompt_idx)].tokens;
    t.prompt_tokens = kPromptTokens;
    t.tokens.insert(t.tokens.end(), c.tokens.begin(), c.tokens.end());
    t.action_mask.assign(t.tokens.size(), 1);
    std::fill_n(t.action_mask.begin(), kPromptTokens, 0);
    t.rollout_logprobs.assign(t.tokens.size(), 0.0f);
    groups[static_cast<size_t>(c.prompt_idx)].push_back(std::move(rollout));
  }
  const double train_s = MedianSeconds(runs, [&] {
    for (const auto& batch : trainer::PackGroups(groups, 4096, 1.0f)) {
      const auto scores = policy.Score(batch.packed);
      policy.Backward(std::vector<float>(scores.logprobs.size(), -1e-4f));
    }
    policy.OptimizerStep(1e-5f);
  });
  return {rollout_s, train_s};
}

int Run(int argc, char** argv) {
  Options o;
  CLI::App app("Speed of the policy engine as one JSON object");
  app.add_option("--preset", o.preset, "nano, micro, mini, small or base")->capture_default_str();
  app.add_option("--vocab", o.vocab_size, "vocabulary size")->capture_default_str();
  app.add_option("--tokens", o.tokens, "tokens of a training step")->capture_default_str();
  app.add_option("--length", o.length, "tokens of a sequence")->capture_default_str();
  app.add_option("--runs", o.runs, "timed runs; the median counts")->capture_default_str();
  app.add_flag("--float32", o.float32, "fp32 instead of the machine's own type");
  CLI11_PARSE(app, argc, argv);

  const auto compute = o.float32 ? policy::ComputeType::kFloat32 : policy::ComputeType::kAuto;
  const auto config = policy::PresetConfig(o.preset, o.vocab_size, std::max(256, o.length));
  const auto policy = policy::Policy::Create(config, compute, 1);
  const bool bf16 = policy->compute() == policy::ComputeType::kBfloat16;
  const double ceiling = benchmarks::OneDnnCeiling(bf16);
  const double own_ceiling = policy::MeasureGemmCeiling(compute);
  const double train = TrainTokensPerSecond(*policy, o);
  // A causal token sees half of its sequence on average.
  const double gflops = train * config.TrainFlopPerToken(o.length / 2.0) * 1e-9;
  std::printf(
      "{\"bench\": \"engine\", \"preset\": \"%s\", \"compute\": \"%s\", \"parameters\": %lld, "
      "\"tokens_per_step\": %d, \"sequence_tokens\": %d, \"onednn_ceiling_gflops\": %.1f, "
      "\"own_ceiling_gflops\": %.1f, \"train_tokens_per_s\": %.0f, \"train_gflops\": %.1f, "
      "\"train_share_of_onednn_ceiling\": %.3f",
      o.preset.c_str(), bf16 ? "bf16" : "f32", static_cast<long long>(config.NumParameters()),
      o.tokens, o.length, ceiling, own_ceiling, train, gflops,
      ceiling > 0 ? gflops / ceiling : 0.0);
  if (o.preset == "nano" || o.preset == "micro") {
    std::printf(", \"rollout_tokens_per_s_512_rows\": %.0f",
                RolloutTokensPerSecond(*policy, o.vocab_size, 512, 32, 30, o.runs));
    const RlStep step = RlStepSeconds(*policy, o.vocab_size, o.runs);
    std::printf(", \"rl_step_s\": %.3f, \"rl_rollout_s\": %.3f, \"rl_train_s\": %.3f",
                step.rollout_s + step.train_s, step.rollout_s, step.train_s);
  }
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return agon::RunMain(Run, argc, argv); }
