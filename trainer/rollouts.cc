#include "trainer/rollouts.h"

#include <algorithm>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

#include "trainer/exploits.h"
#include "trainer/losses.h"
#include "trainer/rewards.h"
#include "trainer/rollout_wire.h"
#include "trainer/value_model.h"

namespace agon::trainer {
namespace {

// Trajectories of the tasks, by task, sample and seat.
std::vector<judge::Trajectory> Trajectories(const RlConfig& config,
                                            const std::shared_ptr<const envs::Env>& env,
                                            const std::optional<judge::Player>& opponent,
                                            std::span<const envs::Task> tasks, int step,
                                            const StageContext& context) {
  judge::RolloutOptions options;
  options.sampling.temperature = config.temperature;
  options.sampling.max_rows = RowsOf(config);
  options.max_new_tokens = config.max_new_tokens;
  options.num_samples = config.group_size;
  options.opponent = opponent;
  const RngKey key{
      .run_seed = config.seed, .stream = RngStream::kSample, .step = static_cast<uint64_t>(step)};
  return judge::RunEpisodes(context.policy, context.chat, env, tasks, options, key);
}

// In self-play the seats of a task are compared apart: each has a baseline of its own.
std::vector<Group> GroupByTaskAndSeat(std::vector<judge::Trajectory> trajectories, size_t num_tasks,
                                      const RlConfig& config) {
  const auto group_size = static_cast<size_t>(config.group_size);
  const size_t num_groups = trajectories.size() / group_size;
  const size_t seats = num_groups / num_tasks;
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
  return groups;
}

// Those of the tasks that the reference scores, which come first.
std::span<Group> GroupsOfReference(std::vector<Group>& groups, const RlConfig& config, int step) {
  const int tasks = TasksOfReference(config);
  if (tasks == std::numeric_limits<int>::max()) return groups;
  const uint64_t first = TasksOfStep(config, step).first;
  const auto num_tasks = static_cast<uint64_t>(tasks);
  const auto is_left_out = [&](const Group& group) {
    return group.front().trajectory.task.id.index - first >= num_tasks;
  };
  return {groups.begin(), std::find_if(groups.begin(), groups.end(), is_left_out)};
}

// What this rank does of the tasks.
std::vector<Group> RollOutHere(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                               const std::optional<judge::Player>& opponent, const TaskRange& range,
                               int step, const StageContext& context) {
  const Range mine = context.team.Mine(static_cast<size_t>(range.count));
  if (mine.size() == 0) return {};
  std::vector<envs::Task> tasks;
  for (size_t i = mine.begin; i < mine.end; ++i) {
    tasks.push_back(env->Get(envs::Split::kTrain, config.seed, range.first + i));
  }
  auto groups = GroupByTaskAndSeat(Trajectories(config, env, opponent, tasks, step, context),
                                   tasks.size(), config);
  ScoreByModels(context.reward_models, context.chat.tokenizer(), groups);
  if (context.reference) {
    ScoreByReference(*context.reference, config, GroupsOfReference(groups, config, step));
  }
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

}  // namespace

TaskRange TasksOfStep(const RlConfig& config, int step) {
  const int count = config.tasks_per_step * (1 + config.refill_rounds);
  return {config.first_task + static_cast<uint64_t>(step - 1) * static_cast<uint64_t>(count),
          count};
}

int RowsOf(const RlConfig& config) {
  return static_cast<int>(std::min<int64_t>(
      config.max_rows,
      int64_t{config.tasks_per_step} * std::max(config.group_size, config.best_of_n)));
}

int TasksOfReference(const RlConfig& config) {
  const bool needs_all =
      config.loss.kl != KlEstimator::kNone || config.learned.is_on() || config.kl_limit > 0;
  return needs_all ? std::numeric_limits<int>::max()
                   : std::min(config.kl_tasks, config.tasks_per_step);
}

Episodes RollOut(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                 const std::optional<judge::Player>& opponent, const TaskRange& tasks, int step,
                 const StageContext& context) {
  Episodes episodes;
  episodes.groups = RollOutHere(config, env, opponent, tasks, step, context);
  policy::Communicator& ranks = context.team.ranks();
  if (config.learned.is_on() && tasks.first == TasksOfStep(config, step).first) {
    episodes.exploits =
        ShareExploits(FindExploits(config, step, *context.rl, episodes.groups), ranks);
  }
  if (ranks.size() == 1) return episodes;
  const auto parts = ranks.AllGather(EncodeGroups(episodes.groups));
  episodes.groups.clear();
  for (const std::string& part : parts) {
    auto decoded = DecodeGroups(part);
    std::move(decoded.begin(), decoded.end(), std::back_inserter(episodes.groups));
  }
  return episodes;
}

}  // namespace agon::trainer
