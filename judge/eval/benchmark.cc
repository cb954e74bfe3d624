#include "judge/eval/benchmark.h"

#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"

namespace agon::judge {
namespace {

// Part of every cache key. To be raised by whoever changes what an existing benchmark scores,
// unless an environment's own version tells.
constexpr int kEvalVersion = 1;

}  // namespace

std::string CacheKey(const std::string& model, const Benchmark& benchmark) {
  const BenchmarkSpec& spec = benchmark.spec();
  const Json key = {{"version", kEvalVersion},
                    {"model", model},
                    {"name", spec.name},
                    {"kind", BenchmarkKindNames()[static_cast<size_t>(spec.kind)]},
                    {"context", benchmark.Context()},
                    {"env", spec.env},
                    {"split", envs::SplitName(spec.split)},
                    {"chat", spec.prompting == Prompting::kChat},
                    {"letters", spec.letters},
                    {"context_tokens", spec.context_tokens},
                    {"extractors", spec.extractors},
                    {"until", spec.until},
                    {"prefill", spec.prefill},
                    {"few_shot", spec.num_few_shot},
                    {"samples", spec.samples_per_task},
                    {"temperature", spec.temperature},
                    {"max_new_tokens", spec.max_new_tokens},
                    {"seed", spec.seed}};
  return key.dump();
}

std::unique_ptr<Benchmark> MakeBenchmark(const BenchmarkSpec& given, const policy::Device& device) {
  BenchmarkSpec spec = given;
  if (spec.name.empty())
    spec.name = spec.env.empty() ? std::filesystem::path(spec.file).stem().string() : spec.env;
  const auto refuse = [&](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::kUsage, what, "benchmark " + spec.name, hint);
  };
  if (spec.num_tasks < 1) refuse("num_tasks must be at least 1", "");
  if (spec.samples_per_task < 1) refuse("samples_per_task must be at least 1", "");
  if (spec.max_new_tokens < 1) refuse("max_new_tokens must be at least 1", "");
  if (spec.num_few_shot < 0) refuse("num_few_shot must be 0 or more", "");
  if (spec.context_tokens < 1) refuse("context_tokens must be at least 1", "");
  if (!std::isfinite(spec.temperature) || spec.temperature < 0) {
    refuse("temperature must be 0 or more", "0 is greedy");
  }
  const bool is_env = spec.kind == BenchmarkKind::kEnvironment;
  if (is_env && spec.env.empty()) refuse("env is missing", "name an environment: rl-env list");
  if (!is_env && spec.file.empty()) refuse("file is missing", "name a JSON lines file");
  // All greedy samples of a task are one and the same.
  if (spec.temperature == 0) spec.samples_per_task = 1;
  switch (spec.kind) {
    case BenchmarkKind::kEnvironment:
      return MakeEnvironmentBenchmark(std::move(spec));
    case BenchmarkKind::kGeneration:
      return MakeGenerationBenchmark(std::move(spec), device);
    case BenchmarkKind::kChoice:
      spec.samples_per_task = 1;
      return MakeChoiceBenchmark(std::move(spec));
    case BenchmarkKind::kText:
      spec.samples_per_task = 1;
      return MakeTextBenchmark(std::move(spec));
  }
  AGON_CHECK(false, "no such kind");
}

uint64_t HashTexts(std::span<const std::string_view> texts) {
  uint64_t hash = 0;
  for (const std::string_view text : texts) {
    hash = Hash64(std::to_string(text.size()) + ":", hash);
    hash = Hash64(text, hash);
  }
  return hash;
}

SampleRecord MaskedRecord(SampleRecord record, const std::string& kind, const std::string& reason) {
  record.masked = true;
  record.correct = false;
  record.reward = 0;
  record.reason = kind + ": " + reason;
  return record;
}

std::string DoesNotFit(size_t num_tokens, int context) {
  return "the prompt has " + std::to_string(num_tokens) +
         " tokens and leaves no room in the model's context of " + std::to_string(context);
}

}  // namespace agon::judge
