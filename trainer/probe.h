// The stage "probe": what does the model know? It is asked questions of the training split several
// times; where it is never right it is taught to say that it doesn't know, where it knows, its own
// right replies are repeated, so that they aren't lost (Llama 3, arXiv 2407.21783, section 4.3.6).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "judge/knowledge.h"
#include "trainer/trainer.h"

namespace agon::trainer {

inline constexpr char kProbeStage[] = "probe";

struct ProbeConfig {
  std::string env = "text/facts";  // of one reply, right or wrong
  int num_steps = 0;
  int num_facts = 3000;  // questions of the train split
  int num_samples = 5;   // replies to each
  float temperature = 1.0f;
  int max_new_tokens = 64;
  float known_share = 0.8f;      // of right replies from which a fact is known
  float share_dont_know = 0.5f;  // of the demonstrations that aren't of `mix`
  std::vector<std::string> mix;  // "ENV=SHARE": what else is demonstrated
  int demonstrations_per_step = 64;
  int val_facts = 600;            // held-out questions, of the test split
  uint64_t first_task = 3000000;  // training questions are [first_task, ...)
  int micro_batch_tokens = 4096;
  Schedule schedule{1e-3f, 20, 0.1f};
  policy::OptimizerConfig optimizer{};
  uint64_t seed = 1;
};

// "math/shop=0.2": an environment with parameters, and its share of demonstrations.
struct MixPart {
  std::string env;
  double share = 0;
};
// Throws Error(kUsage) at `key` unless every share is above 0 and their sum below 1, and every
// environment exists.
std::vector<MixPart> ParseMix(const std::vector<std::string>& mix, std::string_view key);

// Throws Error(kUsage) naming the key.
void CheckProbe(const ProbeConfig& config);

// RUN/probe: train.jsonl and heldout.jsonl, what the model said before.
std::filesystem::path ProbeDir(const std::filesystem::path& run_dir);

// Asks `policy` and writes them there, whole or not at all.
void WriteProbe(const ProbeConfig& config, policy::Policy& policy,
                const datasets::ChatTemplate& chat, const std::filesystem::path& run_dir);

// "1800 questions: 400 known, 200 unsure, 1200 never right"; and what follows where there is
// nothing to teach or nothing to keep. Throws Error(kFailed) where there is neither.
std::string DescribeProbe(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked);

// SFT on demonstrations made of `asked`, the lines of train.jsonl. Logs as "probe".
void RunProbe(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked,
              const StageContext& context);

// Asks the model that the stage made and puts it beside what was said before.
judge::Knowledge MeasureProbe(const ProbeConfig& config, policy::Policy& policy,
                              const datasets::ChatTemplate& chat,
                              const std::filesystem::path& run_dir);

}  // namespace agon::trainer
