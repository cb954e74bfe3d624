#include "trainer/rollouts.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/error.h"
#include "trainer/advantages.h"
#include "trainer/exploits.h"
#include "trainer/rewards.h"
#include "trainer/rollout_wire.h"
#include "trainer/value_model.h"

namespace agon::trainer {
namespace {

// Groups of the tasks [first_task + range.begin, first_task + range.end).
std::vector<Group> RollOutHere(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                               const std::optional<judge::Player>& opponent, int step,
                               uint64_t first_task, const Range& range,
                               const StageContext& context) {
  if (range.size() == 0) return {};
  std::vector<envs::Task> tasks;
  for (size_t i = range.begin; i < range.end; ++i) {
    tasks.push_back(env->Get(envs::Split::kTrain, config.seed, first_task + i));
  }
  judge::RolloutOptions options;
  options.sampling.temperature = config.temperature;
  options.sampling.max_rows = RowsOf(config);
  options.max_new_tokens = config.max_new_tokens;
  options.num_samples = config.group_size;
  options.opponent = opponent;
  const RngKey key{
      .run_seed = config.seed, .stream = RngStream::kSample, .step = static_cast<uint64_t>(step)};
  auto trajectories = judge::RunEpisodes(context.policy, context.chat, env, tasks, options, key);
  // In self-play the seats of a task are compared apart: each has a baseline of its own.
  const auto group_size = static_cast<size_t>(config.group_size);
  const size_t num_groups = trajectories.size() / group_size;
  const size_t seats = num_groups / tasks.size();
  std::vector<Group> groups(num_groups);
  for (size_t i = 0; i < trajectories.size(); ++i) {
    Rollout rollout{std::move(trajectories[i]), std::nullopt, 0.0f};
    rollout.gold = EnvReward(rollout.trajectory);
    if (rollout.trajectory.tokens.empty()) continue;  // the game ended before this seat's turn
    groups[i / (group_size * seats) * seats + i % seats].push_back(std::move(rollout));
  }
  // One alone has nothing to be compared with.
  const size_t fewest = config.advantage == AdvantageKind::kGae ? 1 : 2;
  std::erase_if(groups, [&](const Group& group) { return group.size() < fewest; });
  ScoreByModels(context.reward_models, context.chat.tokenizer(), groups);
  if (context.reference) ScoreByReference(*context.reference, config, groups);
  if (config.advantage == AdvantageKind::kGae) ScoreByValueModel(*context.value, config, groups);
  return groups;
}

// The widest gaps of all ranks.
std::vector<judge::Exploit> ShareExploits(std::vector<judge::Exploit> mine,
                                          policy::Communicator& ranks) {
  if (ranks.size() == 1) return mine;
  std::string lines;
  for (const judge::Exploit& exploit : mine) lines += judge::ExploitLine("rl", exploit) + "\n";
  std::vector<judge::Exploit> all;
  for (const std::string& part : ranks.AllGather(lines)) {
    std::istringstream in(part);
    for (std::string line; std::getline(in, line);) {
      all.push_back(judge::ParseExploit(line, "exploits of another rank"));
    }
  }
  return judge::WidestGaps(std::move(all), kExploitsPerStep);
}

// Each rank rolls out its part of the tasks; all of them get all groups, by task.
std::vector<Group> RollOut(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                           const std::optional<judge::Player>& opponent, int step,
                           uint64_t first_task, int num_tasks, const StageContext& context,
                           std::vector<judge::Exploit>* exploits) {
  const Range mine = context.team.Mine(static_cast<size_t>(num_tasks));
  auto groups = RollOutHere(config, env, opponent, step, first_task, mine, context);
  policy::Communicator& ranks = context.team.ranks();
  if (exploits && config.learned.is_on()) {
    *exploits = ShareExploits(FindExploits(config, step, *context.rl, groups), ranks);
  }
  if (ranks.size() == 1) return groups;
  std::vector<Group> all;
  for (const std::string& part : ranks.AllGather(EncodeGroups(groups))) {
    auto decoded = DecodeGroups(part);
    std::move(decoded.begin(), decoded.end(), std::back_inserter(all));
  }
  return all;
}

Numbers Statistics(const std::vector<Group>& groups, double max_reward) {
  double sum = 0, squares = 0, length = 0;
  int scored = 0, correct = 0, truncated = 0, masked = 0, episodes = 0;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      ++episodes;
      length += rollout.trajectory.CompletionTokens();
      truncated += rollout.trajectory.length_limited;
      if (!rollout.reward) {
        ++masked;
        continue;
      }
      ++scored;
      sum += *rollout.reward;
      squares += *rollout.reward * *rollout.reward;
      correct += rollout.trajectory.Reward() >= max_reward;
    }
  }
  const double mean = scored ? sum / scored : NAN;
  const double variance = scored ? std::max(0.0, squares / scored - mean * mean) : NAN;
  return {{"reward", mean},
          {"reward_std", std::sqrt(variance)},
          {"correct", scored ? static_cast<double>(correct) / scored : NAN},
          {"length", length / episodes},
          {"truncated", static_cast<double>(truncated) / episodes},
          {"masked", static_cast<double>(masked)},
          {"episodes", static_cast<double>(episodes)}};
}

// Brings scales up to date; the first step's replies are the starting policy's.
void ObserveScores(const RlConfig& config, const std::vector<Group>& groups, RlState& state) {
  const bool is_first = state.scales.initial.empty();
  std::vector<std::vector<double>> scores;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) scores.push_back(rollout.scores);
  }
  state.scales.Observe(scores);
  if (is_first && !state.scales.initial.empty()) CalibrateGold(config, groups, state);
}

bool AssignAdvantages(Group& group, AdvantageKind kind) {
  std::vector<std::optional<double>> rewards;
  for (const Rollout& rollout : group) rewards.push_back(rollout.reward);
  const GroupAdvantages advantages = ComputeAdvantages(rewards, kind);
  for (size_t i = 0; i < group.size(); ++i) group[i].advantage = advantages.values[i];
  return !advantages.zero_variance;
}

}  // namespace

int RowsOf(const RlConfig& config) {
  return static_cast<int>(std::min<int64_t>(
      config.max_rows,
      int64_t{config.tasks_per_step} * std::max(config.group_size, config.best_of_n)));
}

RolloutBatch CollectRollouts(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                             const std::optional<judge::Player>& opponent, int step,
                             const StageContext& context) {
  AGON_CHECK(!config.learned.is_on() || context.rl, "scales of learned rewards have their place");
  const ScoreScales no_scales;
  RolloutBatch batch;
  const auto tasks_of_a_step = static_cast<uint64_t>(config.tasks_per_step) *
                               static_cast<uint64_t>(1 + config.refill_rounds);
  uint64_t next_task = config.first_task + static_cast<uint64_t>(step - 1) * tasks_of_a_step;
  int wanted = config.tasks_per_step;
  for (int round = 0; round <= config.refill_rounds && wanted > 0; ++round) {
    auto groups = RollOut(config, env, opponent, step, next_task, wanted, context,
                          round == 0 ? &batch.exploits : nullptr);
    next_task += static_cast<uint64_t>(wanted);
    if (round > 0) batch.num_refilled += wanted;
    if (round == 0 && config.learned.is_on()) ObserveScores(config, groups, *context.rl);
    const ScoreScales& scales = config.learned.is_on() ? context.rl->scales : no_scales;
    AssignRewards(config, scales, groups);
    if (round == 0) {
      batch.gold = GoldOf(groups);
      batch.statistics = Statistics(groups, env->info().max_reward);
      const Numbers of_rewards = RewardStatistics(config, context.rl, groups);
      batch.statistics.insert(batch.statistics.end(), of_rewards.begin(), of_rewards.end());
    }
    for (Group& group : groups) {
      for (const Rollout& r : group) batch.num_sampled_tokens += r.trajectory.CompletionTokens();
      // A value model learns from every group, also from one whose rewards are alike.
      const bool is_useful =
          config.advantage == AdvantageKind::kGae || AssignAdvantages(group, config.advantage);
      if (is_useful) {
        batch.groups.push_back(std::move(group));
      } else {
        ++batch.num_zero_variance;
      }
      wanted -= is_useful;
    }
  }
  if (config.advantage == AdvantageKind::kGae) AssignTokenAdvantages(config, batch.groups);
  return batch;
}

}  // namespace agon::trainer
