#include "trainer/signature.h"

#include <unistd.h>

#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "judge/rollout.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {
namespace {

constexpr char kEnv[] = "math/arithmetic";
constexpr int kMaxNewTokens = 24;

policy::ModelConfig TinyModel(const datasets::Tokenizer& tokenizer) {
  policy::ModelConfig model;
  model.vocab_size = tokenizer.vocab_size();
  model.hidden_size = 64;
  model.num_layers = 2;
  model.num_heads = 4;
  model.num_kv_heads = 2;
  model.head_dim = 32;
  model.intermediate_size = 96;
  model.max_positions = 512;
  return model;
}

SftConfig TinySft() {
  SftConfig config;
  config.env = kEnv;
  config.num_steps = 12;
  config.tasks_per_step = 8;
  config.schedule.warmup_steps = 2;
  config.val_tasks = 8;
  return config;
}

RlConfig TinyRl() {
  RlConfig config;
  config.env = kEnv;
  config.num_steps = 4;
  config.tasks_per_step = 4;
  config.group_size = 8;
  config.max_new_tokens = kMaxNewTokens;
  config.num_minibatches = 2;
  // So small a model earns nothing: the penalty on length gives its groups some variance.
  config.overlong = OverlongReward::kSoftPenalty;
  config.overlong_buffer = kMaxNewTokens;
  return config;
}

template <typename T>
uint64_t HashOf(const std::vector<T>& values, uint64_t seed) {
  return Hash64({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}, seed);
}

// Tokens, their log-probabilities and rewards of a few episodes.
uint64_t HashEpisodes(policy::Policy& policy, const datasets::ChatTemplate& chat, uint64_t hash) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(kEnv);
  std::vector<envs::Task> tasks;
  for (uint64_t i = 0; i < 8; ++i) tasks.push_back(env->Get(envs::Split::kTest, 1, i));
  judge::RolloutOptions options;
  options.max_new_tokens = kMaxNewTokens;
  options.num_samples = 4;
  for (const auto& trajectory : judge::RunEpisodes(policy, chat, env, tasks, options,
                                                   {.run_seed = 1, .stream = RngStream::kSample})) {
    hash = HashOf(trajectory.tokens, hash);
    hash = HashOf(trajectory.rollout_logprobs, hash);
    hash = HashOf(std::vector<double>{trajectory.Reward()}, hash);
  }
  return hash;
}

// A folder that goes when this does.
struct TemporaryFolder {
  TemporaryFolder()
      : path(fs::temp_directory_path() / ("agon-signature-" + std::to_string(::getpid()))) {
    fs::remove_all(path);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

}  // namespace

uint64_t TrainingSignature() {
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  const datasets::ChatTemplate chat(tokenizer);
  const auto policy =
      policy::Policy::Create(TinyModel(tokenizer), policy::ComputeType::kFloat32, 1);
  const TemporaryFolder folder;
  RunLog log(folder.path);
  const StageContext context{
      .policy = *policy, .chat = chat, .log = log, .save = {}, .stop_requested = {}};
  policy->ConfigureOptimizer(TinySft().optimizer);
  RunSft(TinySft(), context);
  policy->ConfigureOptimizer(TinyRl().optimizer);
  RunRl(TinyRl(), context);
  return HashEpisodes(*policy, chat, Hash64(ReadFile(folder.path / "log.jsonl")));
}

}  // namespace agon::trainer
