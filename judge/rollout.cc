#include "judge/rollout.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <map>
#include <utility>

#include "core/error.h"
#include "judge/episode.h"
#include "judge/step_pool.h"

namespace agon::judge {
namespace {

// A prompt that waits for its player, and the episodes that its samples belong to.
struct Waiting {
  policy::Prompt prompt;
  size_t first_episode = 0;  // sample prompt.first_sample; the next sample's follows
  int seat = 0;
  bool is_first_turn = false;
};

class Rollout {
 public:
  Rollout(const Player& policy, std::shared_ptr<const envs::Env> env, const RolloutOptions& options,
          const RngKey& key)
      : env_(std::move(env)),
        options_(options),
        key_(key),
        players_{policy, policy},
        pool_(options.max_step_threads, std::chrono::milliseconds(env_->info().step_timeout_ms)) {
    if (options.opponent) players_[1] = *options.opponent;
  }

  std::vector<Trajectory> Run(std::span<const envs::Task> tasks);

 private:
  class Source;

  void Start(std::span<const envs::Task> tasks);
  void StreamSide(size_t side);
  void Finish(size_t episode, const policy::Completion& completion);
  void Collect(bool may_wait);
  void Enqueue(size_t episode);
  void ScoreGroups();
  std::vector<Trajectory> TakeTrajectories();

  // Which of players_ speaks for a seat of a task: the policy is side 0.
  size_t SideOf(const envs::TaskId& id, int seat) const {
    if (!options_.opponent) return 0;
    return seat == LearnerSeat(id) ? 0 : 1;
  }
  int LearnerSeat(const envs::TaskId& id) const {
    return static_cast<int>(id.index % static_cast<uint64_t>(env_->info().num_seats));
  }

  std::shared_ptr<const envs::Env> env_;
  const RolloutOptions& options_;
  const RngKey& key_;
  Player players_[2];
  std::vector<LiveEpisode> live_;   // by (task, sample)
  std::deque<Waiting> waiting_[2];  // by side
  std::vector<size_t> ended_;       // episodes, until a stream has let go of them
  int64_t num_done_ = 0;
  int longest_prompt_ = 0;
  StepPool pool_;  // last: it stops before what its steps refer to goes
};

// One side's prompts as they become ready.
class Rollout::Source final : public policy::PromptSource {
 public:
  Source(Rollout& rollout, size_t side) : rollout_(rollout), side_(side) {}

  std::optional<policy::Prompt> Next(bool may_wait) override {
    std::deque<Waiting>& waiting = rollout_.waiting_[side_];
    rollout_.Collect(/*may_wait=*/false);
    while (waiting.empty() || !MayStart(waiting.front())) {
      if (!may_wait || rollout_.pool_.num_in_flight() == 0) return std::nullopt;
      rollout_.Collect(/*may_wait=*/true);
    }
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    given_.emplace_back(next.first_episode, next.prompt.first_sample);
    next.prompt.may_continue = rollout_.env_->info().max_turns > 1;
    const std::pair conversation(next.first_episode, next.seat);
    if (const auto found = kept_.find(conversation); found != kept_.end()) {
      next.prompt.continues = found->second;
      kept_.erase(found);
    }
    return std::move(next.prompt);
  }

  void Finish(policy::Completion completion) override {
    const auto [first_episode, first_sample] = given_[static_cast<size_t>(completion.prompt_idx)];
    const size_t episode = first_episode + (completion.sample - first_sample);
    if (rollout_.env_->info().max_turns > 1) {
      kept_[{episode, rollout_.live_[episode].seat()}] = {completion.prompt_idx, completion.sample};
    }
    rollout_.Finish(episode, completion);
  }

  std::vector<policy::CompletionId> TakeEnded() override {
    std::vector<policy::CompletionId> ended;
    for (const size_t episode : std::exchange(rollout_.ended_, {})) {
      const auto first = kept_.lower_bound({episode, 0}),
                 last = kept_.lower_bound({episode + 1, 0});
      for (auto it = first; it != last; ++it) ended.push_back(it->second);
      kept_.erase(first, last);
    }
    return ended;
  }

 private:
  // Episodes begin only as fast as the environment keeps up with.
  bool MayStart(const Waiting& waiting) const {
    const int64_t limit = 4 * int64_t{rollout_.options_.sampling.max_rows};
    return !waiting.is_first_turn || rollout_.pool_.num_in_flight() <= limit;
  }

  Rollout& rollout_;
  const size_t side_;
  std::vector<std::pair<size_t, uint32_t>> given_;  // by prompt_idx
  // (episode, seat) to its last completion in this stream.
  std::map<std::pair<size_t, int>, policy::CompletionId> kept_;
};

std::vector<Trajectory> Rollout::Run(std::span<const envs::Task> tasks) {
  Start(tasks);
  while (num_done_ < static_cast<int64_t>(live_.size())) {
    for (size_t side = 0; side < 2; ++side) {
      if (side == 0 || options_.opponent) StreamSide(side);
    }
  }
  ScoreGroups();
  return TakeTrajectories();
}

// Decodes for one side until only the other side can go on.
void Rollout::StreamSide(size_t side) {
  const Player& player = players_[side];
  policy::Sampling sampling = options_.sampling;
  sampling.stop_token_ids = {player.chat->stop_token_id()};
  sampling.max_rows = std::min(sampling.max_rows, std::max(1, static_cast<int>(live_.size())));
  const envs::EnvInfo& info = env_->info();
  const int context = player.policy->config().max_positions;
  const bool is_short = info.max_turns == 1 && info.num_seats == 1;
  Source source(*this, side);
  player.policy->Stream(
      source, is_short ? std::min(context, longest_prompt_ + options_.max_new_tokens) : context,
      sampling, key_);
}

void Rollout::Start(std::span<const envs::Task> tasks) {
  const auto num_samples = static_cast<size_t>(options_.num_samples);
  live_.reserve(tasks.size() * num_samples);
  for (const envs::Task& task : tasks) {
    std::vector<Player> seats;
    for (int seat = 0; seat < env_->info().num_seats; ++seat) {
      seats.push_back(players_[SideOf(task.id, seat)]);
    }
    auto prompt = seats[0].chat->EncodePrompt(task.messages);
    seats[0].chat->tokenizer().EncodeAppend(options_.prefill, prompt);
    const int context = seats[0].policy->config().max_positions;
    if (static_cast<int>(prompt.size()) >= context) {
      throw Error(ErrorKind::kUsage,
                  "the prompt has " + std::to_string(prompt.size()) +
                      " tokens and leaves no room in the model's context of " +
                      std::to_string(context),
                  TaskLabel(task.id), "choose easier tasks or a model with a longer context");
    }
    longest_prompt_ = std::max(longest_prompt_, static_cast<int>(prompt.size()));
    const size_t first = live_.size();
    for (size_t sample = 0; sample < num_samples; ++sample) {
      live_.emplace_back(env_, task, static_cast<uint32_t>(sample), seats)
          .Open(prompt, options_.prefill);
    }
    // The samples of a task share their first prompt; later each has its own.
    Enqueue(first);
    Waiting& waiting = waiting_[SideOf(task.id, 0)].back();
    waiting.is_first_turn = true;
    waiting.prompt.num_samples = options_.num_samples;
  }
}

// The acting seat's prompt waits for its player.
void Rollout::Enqueue(size_t episode) {
  const LiveEpisode& live = live_[episode];
  const Trajectory& trajectory = live.acting();
  const int room =
      live.player().policy->config().max_positions - static_cast<int>(trajectory.tokens.size());
  Waiting waiting;
  waiting.first_episode = episode;
  waiting.seat = live.seat();
  waiting.prompt.tokens = trajectory.tokens;
  waiting.prompt.max_new_tokens = std::min(options_.max_new_tokens, room);
  waiting.prompt.task = SamplingKey(trajectory.task.id, trajectory.num_turns, live.seat());
  waiting.prompt.first_sample = trajectory.sample;
  // Episodes that have begun go on before others begin.
  std::deque<Waiting>& queue = waiting_[SideOf(trajectory.task.id, live.seat())];
  if (trajectory.num_turns > 0) {
    queue.push_front(std::move(waiting));
  } else {
    queue.push_back(std::move(waiting));
  }
}

void Rollout::Finish(size_t episode, const policy::Completion& completion) {
  LiveEpisode& live = live_[episode];
  std::string text = live.Say(completion);
  const bool truncated = live.acting().length_limited;
  pool_.Submit(episode, [environment = live.environment(), text = std::move(text), truncated] {
    return environment->Step(text, truncated);
  });
}

// Takes what the environments have answered; with `may_wait` at least one answer.
void Rollout::Collect(bool may_wait) {
  const int64_t done_before = num_done_;
  while (auto step = pool_.Take(may_wait)) {
    may_wait = false;
    LiveEpisode& live = live_[step->id];
    live.Answer(std::move(step->result));
    if (live.done()) {
      ++num_done_;
      ended_.push_back(step->id);
    } else {
      Enqueue(step->id);
    }
  }
  if (num_done_ > done_before && options_.on_progress) {
    options_.on_progress(num_done_, static_cast<int64_t>(live_.size()));
  }
}

void Rollout::ScoreGroups() {
  const auto size = static_cast<size_t>(options_.num_samples);
  for (size_t first = 0; first < live_.size(); first += size) {
    const envs::Task& task = live_[first].acting().task;
    std::vector<std::string> completions;
    std::vector<envs::Outcome> outcomes;
    for (size_t i = first; i < first + size; ++i) {
      completions.push_back(live_[i].said());
      outcomes.push_back(std::move(live_[i].outcome()));
    }
    try {
      env_->ScoreGroup(task, completions, outcomes);
    } catch (const std::exception& error) {
      // The group can't be judged, so nothing is known of any of its episodes.
      std::fill(outcomes.begin(), outcomes.end(), envs::MaskedOutcome("grader", error.what()));
    }
    for (size_t i = 0; i < size; ++i) {
      live_[first + i].outcome() = envs::Checked(std::move(outcomes[i]));
    }
  }
}

std::vector<Trajectory> Rollout::TakeTrajectories() {
  std::vector<Trajectory> trajectories;
  for (LiveEpisode& live : live_) {
    const envs::TaskId id = live.acting().task.id;
    for (int seat = 0; seat < env_->info().num_seats; ++seat) {
      if (SideOf(id, seat) == 0) trajectories.push_back(live.Take(seat));
    }
  }
  return trajectories;
}

}  // namespace

int Trajectory::CompletionTokens() const {
  return static_cast<int>(std::count(action_mask.begin(), action_mask.end(), uint8_t{1}));
}

std::vector<Trajectory> RunEpisodes(policy::Policy& policy, const datasets::ChatTemplate& chat,
                                    std::shared_ptr<const envs::Env> env,
                                    std::span<const envs::Task> tasks,
                                    const RolloutOptions& options, const RngKey& key) {
  AGON_CHECK(options.num_samples > 0 && options.max_new_tokens > 0);
  AGON_CHECK(options.prefill.empty() || env->info().num_seats == 1);
  return Rollout({&policy, &chat}, std::move(env), options, key).Run(tasks);
}

}  // namespace agon::judge
