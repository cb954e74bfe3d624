// Speed of the policy engine: training and rollouts against the measured GEMM ceiling.
//
//   engine_bench [--preset nano] [--tokens 4096] [--length 128] [--device cuda] [--recompute]
//
// Prints one JSON object, with the model's shape: what scripts/gpu_report.py and
// benchmarks/peers/torch_peer.py know of presets. On a CPU the ceiling is oneDNN's bf16 (or fp32)
// product where the build has oneDNN, and the engine's own beside it; scripts/gpu_report.py works
// out a GPU's.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "benchmarks/gemm_ceiling.h"
#include "benchmarks/process_age.h"
#include "core/error.h"
#include "core/file.h"
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
  int micro_batch = 0;  // tokens; 0: a step is one
  int length = 128;
  int runs = 7;
  bool float32 = false, recompute = false, shape_only = false;
  std::string device = "cpu";
  std::vector<std::string> parts = {"train"};
  std::string models;                                               // folder
  int rows = 512, tasks = 32, prompt_tokens = 32, new_tokens = 30;  // of rollouts

  int MicroBatch() const { return micro_batch > 0 ? micro_batch : tokens; }
  int MaxPositions() const { return std::max({256, length, prompt_tokens + new_tokens}); }
  bool Has(const std::string& part) const {
    return std::find(parts.begin(), parts.end(), part) != parts.end();
  }
};

constexpr int kGroup = 16;  // completions of a prompt

policy::PackedBatch RandomBatch(Rng& rng, const Options& o, int num_tokens) {
  policy::PackedBatch batch;
  for (int begin = 0; begin < num_tokens; begin += o.length) {
    const int length = std::min(o.length, num_tokens - begin);
    const auto tokens = RandomTokens(rng, length, o.vocab_size);
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.segments.push_back({begin, length, 0, 0});
    for (int i = 0; i < length; ++i) {
      batch.rows.push_back(begin + i);
      batch.targets.push_back(tokens[static_cast<size_t>((i + 1) % length)]);
    }
  }
  return batch;
}

double TrainTokensPerSecond(policy::Policy& policy, const Options& o) {
  Rng rng({.run_seed = 1, .stream = RngStream::kTest});
  std::vector<policy::PackedBatch> batches;
  for (int begin = 0; begin < o.tokens; begin += o.MicroBatch()) {
    batches.push_back(RandomBatch(rng, o, std::min(o.MicroBatch(), o.tokens - begin)));
  }
  const double seconds = MedianSeconds(o.runs, [&] {
    for (const policy::PackedBatch& batch : batches) {
      const float derivative = -1.0f / static_cast<float>(o.tokens);
      policy.ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), derivative));
    }
    policy.OptimizerStep(1e-4f);
  });
  return o.tokens / seconds;
}

double RolloutTokensPerSecond(policy::Policy& policy, const Options& o, int rows) {
  Rng rng({.run_seed = 2, .stream = RngStream::kTest});
  const int group = std::min(rows, kGroup);
  std::vector<policy::Prompt> prompts;
  for (int i = 0; i < rows / group; ++i) {
    policy::Prompt prompt;
    prompt.tokens = RandomTokens(rng, o.prompt_tokens, o.vocab_size);
    prompt.max_new_tokens = o.new_tokens;
    prompt.task = static_cast<uint64_t>(i);
    prompt.num_samples = group;
    prompts.push_back(std::move(prompt));
  }
  policy::Sampling sampling;
  sampling.max_rows = rows;
  const double seconds = MedianSeconds(o.runs, [&] {
    policy.Generate(prompts, sampling, {.run_seed = 3, .stream = RngStream::kSample});
  });
  return static_cast<double>(rows / group * group) * o.new_tokens / seconds;
}

struct RlStep {
  double rollout_s, train_s;
  double logprob_diff_max;  // of the sampler's from the trainer's
};

// Of the weights that sampled.
double LogprobDifference(policy::Policy& policy, std::span<const trainer::TrainBatch> batches) {
  double most = 0;
  for (const trainer::TrainBatch& batch : batches) {
    const auto logprobs = policy.Score(batch.packed).logprobs;
    for (size_t i = 0; i < logprobs.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(logprobs[i]) -
                                          static_cast<double>(batch.rollout_logprobs[i]));
      // JSON has no word for infinity.
      most = std::isfinite(difference) ? std::max(most, difference)
                                       : std::numeric_limits<double>::max();
    }
  }
  return most;
}

// One RL step of `tasks` x 16 samples, every group in the update: medians.
RlStep RlStepSeconds(policy::Policy& policy, const Options& o) {
  Rng rng({.run_seed = 4, .stream = RngStream::kTest});
  std::vector<policy::Prompt> prompts(static_cast<size_t>(o.tasks));
  for (policy::Prompt& prompt : prompts) {
    prompt.tokens = RandomTokens(rng, o.prompt_tokens, o.vocab_size);
    prompt.max_new_tokens = o.new_tokens;
    prompt.num_samples = kGroup;
    prompt.task = rng.Next64();
  }
  policy::Sampling sampling;
  sampling.max_rows = o.rows;
  std::vector<policy::Completion> completions;
  const double rollout_s = MedianSeconds(o.runs, [&] {
    completions = policy.Generate(prompts, sampling, {.run_seed = 5, .stream = RngStream::kSample});
  });
  std::vector<trainer::Group> groups(prompts.size());
  for (const policy::Completion& c : completions) {
    trainer::Rollout rollout{.trajectory = {}, .reward = 1.0, .advantage = 0.5f};
    auto& t = rollout.trajectory;
    t.tokens = prompts[static_cast<size_t>(c.prompt_idx)].tokens;
    t.prompt_tokens = o.prompt_tokens;
    t.tokens.insert(t.tokens.end(), c.tokens.begin(), c.tokens.end());
    t.action_mask.assign(t.tokens.size(), 1);
    std::fill_n(t.action_mask.begin(), o.prompt_tokens, 0);
    t.rollout_logprobs.assign(static_cast<size_t>(o.prompt_tokens), 0.0f);
    t.rollout_logprobs.insert(t.rollout_logprobs.end(), c.rollout_logprobs.begin(),
                              c.rollout_logprobs.end());
    groups[static_cast<size_t>(c.prompt_idx)].push_back(std::move(rollout));
  }
  const auto batches = trainer::PackGroups(groups, o.MicroBatch(), 1.0f);
  const double logprob_diff_max = LogprobDifference(policy, batches);
  const double train_s = MedianSeconds(o.runs, [&] {
    for (const auto& batch : batches) {
      const auto scores = policy.Score(batch.packed);
      policy.Backward(std::vector<float>(scores.logprobs.size(), -1e-4f));
    }
    policy.OptimizerStep(1e-5f);
  });
  return {rollout_s, train_s, logprob_diff_max};
}

void AddOptions(CLI::App& app, Options& o) {
  app.add_option("--preset", o.preset, "pico, nano, micro, mini, small or base")
      ->capture_default_str();
  app.add_option("--vocab", o.vocab_size, "vocabulary size")->capture_default_str();
  app.add_option("--tokens", o.tokens, "tokens of a training step")->capture_default_str();
  app.add_option("--micro-batch", o.micro_batch,
                 "tokens of a forward and backward pass; a step's without it");
  app.add_option("--length", o.length, "tokens of a sequence")->capture_default_str();
  app.add_option("--runs", o.runs, "timed runs; the median counts")->capture_default_str();
  app.add_option("--device", o.device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  app.add_option("--parts", o.parts, "train, rollout, decode (one row), step")->delimiter(',');
  app.add_option("--rows", o.rows, "rows decoded at once")->capture_default_str();
  app.add_option("--tasks", o.tasks, "tasks of an RL step, 16 samples each")->capture_default_str();
  app.add_option("--prompt", o.prompt_tokens, "tokens of a prompt")->capture_default_str();
  app.add_option("--new", o.new_tokens, "tokens of a completion")->capture_default_str();
  app.add_option(
      "--models", o.models,
      "folder to load the model from, made there at first; start_to_first_rollout_s is the time "
      "from this process's start to its first completion, where the model was there already");
  app.add_flag("--shape", o.shape_only, "say what the model is, and measure nothing");
  app.add_flag("--float32", o.float32, "fp32 instead of the machine's own type");
  app.add_flag("--recompute", o.recompute, "run.recompute=layer, on a CPU");
}

double ActivationBytes(const policy::Policy& policy) {
  for (const policy::MemoryUse& use : policy.Memory()) {
    if (use.purpose == "activations") return static_cast<double>(use.bytes);
  }
  return 0;
}

void PrintTraining(policy::Policy& policy, const Options& o) {
  const bool bf16 = policy.compute() == policy::ComputeType::kBfloat16;
  const bool is_cpu = policy.device().kind == policy::Device::Kind::kCpu;
  const double ceiling = is_cpu ? benchmarks::OneDnnCeiling(bf16) : 0.0;
  const double own_ceiling = is_cpu ? policy::MeasureGemmCeiling(policy.compute()) : 0.0;
  const double train = TrainTokensPerSecond(policy, o);
  // A causal token sees half of its sequence on average.
  const double gflops = train * policy.config().TrainFlopPerToken(o.length / 2.0) * 1e-9;
  std::printf(
      ", \"tokens_per_step\": %d, \"micro_batch_tokens\": %d, \"sequence_tokens\": %d, "
      "\"onednn_ceiling_gflops\": %.1f, "
      "\"own_ceiling_gflops\": %.1f, \"train_tokens_per_s\": %.0f, \"train_gflops\": %.1f, "
      "\"train_share_of_onednn_ceiling\": %.3f, \"activations_mib\": %.1f",
      o.tokens, o.MicroBatch(), o.length, ceiling, own_ceiling, train, gflops,
      ceiling > 0 ? gflops / ceiling : 0.0, ActivationBytes(policy) / 0x1p20);
}

policy::ModelConfig Config(const Options& o) {
  return policy::PresetConfig(o.preset, o.vocab_size, o.MaxPositions());
}

struct SavedModel {
  std::filesystem::path dir;
  bool drawn = false;  // just now
};

// A model's folder, which is made if it isn't there: drawing half a billion numbers takes longer
// than anything that is measured. Weights don't depend on the context, so the folder's is one that
// suits every benchmark, and each loads as much of it as it needs.
SavedModel FindOrDraw(const Options& o) {
  SavedModel model{std::filesystem::path(o.models) /
                   (o.preset + "-" + std::to_string(o.vocab_size))};
  model.drawn = !std::filesystem::exists(model.dir);
  if (model.drawn) {
    std::filesystem::create_directories(o.models);
    const auto config =
        policy::PresetConfig(o.preset, o.vocab_size, std::max(1 << 15, o.MaxPositions()));
    WriteDirAtomic(model.dir, [&](const std::filesystem::path& to) {
      policy::Policy::Create(config, policy::ComputeType::kFloat32, 1)->Save(to);
    });
  }
  return model;
}

std::unique_ptr<policy::Policy> MakePolicy(const Options& o,
                                           const std::optional<SavedModel>& model) {
  const auto compute = o.float32 ? policy::ComputeType::kFloat32 : policy::ComputeType::kAuto;
  const policy::Device device = policy::ParseDevice(o.device);
  std::optional<policy::Workload> workload;
  if (o.recompute) workload.emplace().recompute = policy::Recompute::kLayer;
  if (!model) return policy::Policy::Create(Config(o), compute, 1, device, workload);
  return policy::Policy::Load(model->dir, compute, device, policy::Head::kLanguage, workload,
                              o.MaxPositions());
}

// A first completion, as the other benchmarks decode one row, and when it was there.
double StartToFirstRollout(policy::Policy& policy, const Options& o) {
  Rng rng({.run_seed = 6, .stream = RngStream::kTest});
  const policy::Prompt prompt{.tokens = RandomTokens(rng, o.prompt_tokens, o.vocab_size),
                              .max_new_tokens = o.new_tokens};
  policy.Generate({&prompt, 1}, {}, {.run_seed = 1, .stream = RngStream::kSample});
  return benchmarks::ProcessAgeSeconds();
}

// The object's beginning.
void PrintModel(const Options& o, const std::optional<SavedModel>& model) {
  const policy::ModelConfig config = Config(o);
  std::printf(
      "{\"bench\": \"engine\", \"preset\": \"%s\", \"vocab\": %d, \"parameters\": %lld, "
      "\"shape\": {\"hidden\": %d, \"layers\": %d, \"heads\": %d, \"kv_heads\": %d, "
      "\"head_dim\": %d, \"intermediate\": %d}",
      o.preset.c_str(), o.vocab_size, static_cast<long long>(config.NumParameters()),
      config.hidden_size, config.num_layers, config.num_heads, config.num_kv_heads, config.head_dim,
      config.intermediate_size);
  if (model) std::printf(", \"model\": \"%s\"", model->dir.c_str());
}

int Run(int argc, char** argv) {
  Options o;
  CLI::App app("Speed of the policy engine as one JSON object");
  AddOptions(app, o);
  CLI11_PARSE(app, argc, argv);
  std::optional<SavedModel> model;
  if (!o.models.empty()) model = FindOrDraw(o);
  PrintModel(o, model);
  if (o.shape_only) {
    std::printf("}\n");
    return 0;
  }

  const auto policy = MakePolicy(o, model);
  // Not where drawing the model would count.
  const double to_first = model && !model->drawn ? StartToFirstRollout(*policy, o) : 0.0;
  policy->ConfigureOptimizer({});
  const bool bf16 = policy->compute() == policy::ComputeType::kBfloat16;
  std::printf(", \"compute\": \"%s\", \"device\": \"%s\"", bf16 ? "bf16" : "f32",
              policy->device().KindName());
  if (to_first > 0) std::printf(", \"start_to_first_rollout_s\": %.3f", to_first);
  if (o.Has("train")) PrintTraining(*policy, o);
  if (o.Has("rollout")) {
    std::printf(", \"rollout_tokens_per_s_%d_rows\": %.0f", o.rows,
                RolloutTokensPerSecond(*policy, o, o.rows));
  }
  if (o.Has("decode")) {
    std::printf(", \"decode_tokens_per_s\": %.0f", RolloutTokensPerSecond(*policy, o, 1));
  }
  if (o.Has("step")) {
    const RlStep step = RlStepSeconds(*policy, o);
    std::printf(
        ", \"rl_step_s\": %.3f, \"rl_rollout_s\": %.3f, \"rl_train_s\": %.3f, "
        "\"logprob_diff_max\": %g",
        step.rollout_s + step.train_s, step.rollout_s, step.train_s, step.logprob_diff_max);
  }
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return agon::RunMain(Run, argc, argv); }
