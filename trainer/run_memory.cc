#include "trainer/run_memory.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "judge/frozen_opponent.h"
#include "judge/reward_checkpoints.h"
#include "trainer/reward_model_stage.h"
#include "trainer/rollouts.h"

namespace agon::trainer {
namespace {

// A policy that is there in some stage.
struct Tenant {
  std::string name;
  policy::ModelConfig model;
  policy::Workload workload;
  // Others than those that this run trains compute as the device does best.
  policy::ComputeType compute = policy::ComputeType::kAuto;
};

// Those that are there together.
struct Household {
  std::string stage;
  std::vector<Tenant> tenants;
};

// Of the policies that this run makes; a tokenizer may turn out smaller, never larger.
policy::ModelConfig OwnModel(const Recipe& recipe, bool has_score_head) {
  policy::ModelConfig model = recipe.Model();
  model.has_score_head = has_score_head;
  return model;
}

// Most completions behind one prompt that the reward model learns from.
int MostCompletions(const RewardModelConfig& config, const std::filesystem::path& run_dir) {
  if (config.data.empty()) return config.num_completions;
  const PreferenceSets sets = LoadPreferences(config, run_dir);
  size_t most = 1;
  for (const auto* set : {&sets.train, &sets.val}) {
    for (const auto& preference : *set) most = std::max(most, preference.completions.size());
  }
  return static_cast<int>(most);
}

policy::Workload RewardModelWorkload(const Recipe& recipe, const std::filesystem::path& run_dir) {
  const RewardModelConfig& config = recipe.reward_model;
  const int completions = MostCompletions(config, run_dir);
  // Those of a prompt are never apart.
  return {
      .batch_tokens = std::max(config.micro_batch_tokens, completions * recipe.model.max_positions),
      .prefix_sharers = completions,
      .optimizers = {config.optimizer},
      .decoded_rows = config.source == CompletionSource::kPolicy && config.data.empty()
                          ? policy::Sampling().max_rows
                          : 0};
}

policy::Workload RlWorkload(const RlConfig& config) {
  return {.batch_tokens = config.micro_batch_tokens,
          .prefix_sharers = config.group_size,
          .optimizers = {config.optimizer},
          .decoded_rows = RowsOf(config)};
}

// Of a policy that learns, which ranks step together.
policy::Workload Together(policy::Workload workload, const Recipe& recipe,
                          const policy::Communicator& ranks) {
  workload.rank = ranks.rank();
  workload.num_ranks = ranks.size();
  workload.num_shards = recipe.run.num_shards;
  workload.recompute = recipe.run.recompute;
  return workload;
}

bool IsEvaluated(const Recipe& recipe) {
  return recipe.StartsFromModel() ||
         recipe.sft.num_steps + recipe.probe.num_steps + recipe.rl.num_steps > 0;
}

// A directory, or a stage of this run.
Tenant Opponent(const Recipe& recipe, const std::string& name, int max_rows) {
  const bool is_directory = std::filesystem::exists(std::filesystem::path(name) / "config.json");
  return {"opponent", is_directory ? policy::Policy::ConfigOf(name) : OwnModel(recipe, false),
          judge::FrozenOpponent::Asked(max_rows)};
}

// Those that score what RL's policy says.
std::vector<Tenant> RewardModels(const Recipe& recipe, const std::filesystem::path& run_dir) {
  std::vector<Tenant> tenants;
  for (const std::string& model : recipe.rl.learned.models) {
    if (model.starts_with("http://")) continue;
    const bool is_own = model == kRewardModelStage;
    const Tenant tenant{
        "reward models",
        is_own ? OwnModel(recipe, true) : policy::Policy::ConfigOf(model, policy::Head::kScore),
        judge::RewardCheckpoints::Asked()};
    const size_t count = is_own ? RewardModelDirs(recipe.reward_model, run_dir).size() : 1;
    tenants.insert(tenants.end(), count, tenant);
  }
  return tenants;
}

std::vector<Household> HouseholdsOf(const Recipe& recipe, const std::filesystem::path& run_dir,
                                    const policy::Communicator& ranks) {
  const RewardModelConfig& rewards = recipe.reward_model;
  const policy::ComputeType compute = recipe.run.compute;
  const Tenant line{"policy", OwnModel(recipe, rewards.num_steps > 0),
                    WorkloadOf(recipe, run_dir, ranks), compute};
  std::vector<Household> households = {{"training", {line}}};
  if (rewards.num_steps > 0) {
    const Tenant member{"reward models", OwnModel(recipe, true), judge::RewardCheckpoints::Asked()};
    const int count = rewards.num_members + rewards.average_weights;
    households.push_back(
        {"evaluation of reward models", std::vector<Tenant>(static_cast<size_t>(count), member)});
  }
  if (recipe.rl.num_steps > 0) {
    Household rl{"rl", {line}};
    if (TasksOfReference(recipe.rl) > 0) {
      rl.tenants.push_back(
          {"reference", OwnModel(recipe, false), ReferenceWorkload(recipe), compute});
    }
    if (recipe.rl.advantage == AdvantageKind::kGae) {
      rl.tenants.push_back(
          {"value model", OwnModel(recipe, true), ValueWorkload(recipe, ranks), compute});
    }
    const auto models = RewardModels(recipe, run_dir);
    rl.tenants.insert(rl.tenants.end(), models.begin(), models.end());
    if (!recipe.rl.opponent.empty()) {
      rl.tenants.push_back(Opponent(recipe, recipe.rl.opponent, RowsOf(recipe.rl)));
    }
    households.push_back(std::move(rl));
  }
  if (IsEvaluated(recipe) && !recipe.eval.opponent.empty()) {
    const int rows = judge::RowsOf(recipe.Benchmarks()[0], judge::EvalOptions().max_rows);
    households.push_back({"evaluation", {line, Opponent(recipe, recipe.eval.opponent, rows)}});
  }
  return households;
}

// Policies of one name are one line.
void Add(const std::string& name, const std::vector<policy::MemoryUse>& of_policy,
         std::vector<policy::MemoryUse>& uses) {
  for (policy::MemoryUse use : of_policy) {
    if (!name.empty()) use.purpose = name + ": " + use.purpose;
    const auto same = std::find_if(uses.begin(), uses.end(), [&](const policy::MemoryUse& other) {
      return other.purpose == use.purpose;
    });
    if (same == uses.end()) {
      uses.push_back(std::move(use));
    } else {
      same->bytes += use.bytes;
    }
  }
}

}  // namespace

int64_t StageMemory::Total() const {
  int64_t bytes = 0;
  for (const policy::MemoryUse& use : uses) bytes += use.bytes;
  return bytes;
}

policy::Workload WorkloadOf(const Recipe& recipe, const std::filesystem::path& run_dir,
                            const policy::Communicator& ranks) {
  policy::Workload workload;
  const auto include = [&](int num_steps, const policy::Workload& of_stage) {
    if (num_steps > 0) workload.Include(of_stage);
  };
  const int rows = policy::Sampling().max_rows;
  const PretrainConfig& pretrain = recipe.pretrain;
  include(pretrain.num_steps,
          {.batch_tokens = pretrain.micro_batch_tokens, .optimizers = {pretrain.optimizer}});
  include(recipe.sft.num_steps,
          {.batch_tokens = recipe.sft.micro_batch_tokens, .optimizers = {recipe.sft.optimizer}});
  include(recipe.probe.num_steps, {.batch_tokens = recipe.probe.micro_batch_tokens,
                                   .optimizers = {recipe.probe.optimizer},
                                   .decoded_rows = rows});
  if (recipe.reward_model.num_steps > 0) workload.Include(RewardModelWorkload(recipe, run_dir));
  include(recipe.rl.num_steps, RlWorkload(recipe.rl));
  if (IsEvaluated(recipe)) workload.Include(judge::WorkloadOf(recipe.Benchmarks(), {}));
  return Together(std::move(workload), recipe, ranks);
}

policy::Workload ReferenceWorkload(const Recipe& recipe) {
  return {.batch_tokens = recipe.rl.micro_batch_tokens};
}

policy::Workload ValueWorkload(const Recipe& recipe, const policy::Communicator& ranks) {
  return Together({.batch_tokens = recipe.rl.micro_batch_tokens,
                   .prefix_sharers = recipe.rl.group_size,
                   .optimizers = {recipe.rl.value.optimizer}},
                  recipe, ranks);
}

StageMemory PlanMemory(const Recipe& recipe, const std::filesystem::path& run_dir,
                       const policy::Device& device, const policy::Communicator& ranks) {
  StageMemory most;
  for (const Household& household : HouseholdsOf(recipe, run_dir, ranks)) {
    StageMemory memory{household.stage, {}};
    for (const Tenant& t : household.tenants) {
      Add(t.name, policy::Policy::PlanMemory(t.model, t.compute, device, t.workload), memory.uses);
    }
    if (memory.Total() > most.Total()) most = std::move(memory);
  }
  return most;
}

std::vector<policy::MemoryUse> TakenBy(
    const std::vector<std::pair<std::string, const policy::Policy*>>& policies) {
  std::vector<policy::MemoryUse> uses;
  for (const auto& [name, policy] : policies) {
    if (policy) Add(name, policy->Memory(), uses);
  }
  return uses;
}

int64_t PeakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace agon::trainer
