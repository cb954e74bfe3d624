#include "trainer/best_of_n.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "envs/env.h"
#include "judge/rollout.h"
#include "judge/statistics.h"
#include "trainer/exploits.h"
#include "trainer/overoptimisation.h"
#include "trainer/rewards.h"
#include "trainer/rollouts.h"

namespace agon::trainer {
namespace {

// Of one task, whose replies stand in rising order of the proxy: the best of n drawn without
// replacement is reply i (from 0) with probability C(i, n - 1) / C(N, n).
ScoredReply ExpectedBest(std::span<const ScoredReply> rising, size_t n) {
  ScoredReply expected;
  const size_t count = rising.size();
  double probability = static_cast<double>(n) / static_cast<double>(count);  // of the last
  for (size_t i = count; i-- > 0 && probability > 0;) {
    expected.proxy += probability * rising[i].proxy;
    expected.gold += probability * rising[i].gold;
    // C(i - 1, n - 1) / C(i, n - 1) = (i - n + 1) / i.
    probability =
        i + 1 > n ? probability * static_cast<double>(i + 1 - n) / static_cast<double>(i) : 0.0;
  }
  return expected;
}

}  // namespace

std::vector<judge::BestOfNPoint> BestOfN(std::span<const std::vector<ScoredReply>> tasks) {
  AGON_CHECK(!tasks.empty() && !tasks[0].empty());
  std::vector<std::vector<ScoredReply>> rising(tasks.begin(), tasks.end());
  for (auto& replies : rising) {
    AGON_CHECK(replies.size() == tasks[0].size(), "as many replies to every task");
    std::stable_sort(replies.begin(), replies.end(),
                     [](const auto& a, const auto& b) { return a.proxy < b.proxy; });
  }
  std::vector<judge::BestOfNPoint> points;
  for (size_t n = 1; n <= tasks[0].size(); n *= 2) {
    std::vector<std::vector<double>> proxy, gold;  // one value of each task
    for (const auto& replies : rising) {
      const ScoredReply best = ExpectedBest(replies, n);
      proxy.push_back({best.proxy});
      gold.push_back({best.gold});
    }
    const judge::Estimate of_gold = judge::ClusteredMean(gold);
    judge::BestOfNPoint point;
    point.n = static_cast<int>(n);
    point.distance = std::sqrt(BestOfNKl(point.n));
    point.proxy = judge::ClusteredMean(proxy).value;
    point.gold = of_gold.value;
    point.gold_low = of_gold.ci_low;
    point.gold_high = of_gold.ci_high;
    points.push_back(point);
  }
  return points;
}

std::vector<judge::BestOfNPoint> MeasureBestOfN(const RlConfig& config,
                                                const StageContext& context) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  std::vector<envs::Task> tasks;
  for (uint64_t i = 0; i < static_cast<uint64_t>(config.tasks_per_step); ++i) {
    tasks.push_back(env->Get(envs::Split::kVal, config.seed, i));
  }
  judge::RolloutOptions options;
  options.sampling.temperature = config.temperature;
  options.sampling.max_rows = RowsOf(config);
  options.max_new_tokens = config.max_new_tokens;
  options.num_samples = config.best_of_n;
  auto trajectories = judge::RunEpisodes(context.policy, context.chat, env, tasks, options,
                                         {.run_seed = config.seed, .stream = RngStream::kSample});
  AGON_CHECK(trajectories.size() == tasks.size() * static_cast<size_t>(config.best_of_n),
             "a task of one seat");
  std::vector<Group> groups(tasks.size());
  for (size_t i = 0; i < trajectories.size(); ++i) {
    groups[i / static_cast<size_t>(config.best_of_n)].push_back(
        {std::move(trajectories[i]), std::nullopt});
  }
  ScoreByModels(context.reward_models, context.chat.tokenizer(), groups);
  std::vector<std::vector<ScoredReply>> scored;
  for (const Group& group : groups) {
    std::vector<ScoredReply> replies;
    for (const Rollout& rollout : group) {
      const auto gold = EnvReward(rollout.trajectory);
      const double proxy =
          LearnedReward(rollout.scores, context.rl->scales, RewardScale::kInitial, config.learned);
      if (gold && std::isfinite(proxy)) replies.push_back({proxy, *gold});
    }
    // A task with a reply that wasn't scored has too few.
    if (replies.size() == group.size()) scored.push_back(std::move(replies));
  }
  if (scored.empty()) return {};
  std::vector<judge::BestOfNPoint> points = BestOfN(scored);
  for (auto& point : points) point.promised = PromisedGold(point.proxy, context.rl->course);
  return points;
}

}  // namespace agon::trainer
