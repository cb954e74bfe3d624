#include "judge/contest.h"

#include <algorithm>

#include "core/error.h"
#include "core/message_json.h"
#include "judge/endpoint_episodes.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxDetailBytes = 20000;  // of a text in the details

std::string Shown(const std::string& text) { return text.substr(0, kMaxDetailBytes); }

double Points(double own, double other) { return own > other ? 1 : own < other ? 0 : 0.5; }

std::string TaskName(const envs::TaskId& id) {
  return std::string(envs::SplitName(id.split)) + " " + std::to_string(id.seed) + "/" +
         std::to_string(id.index);
}

class Contest {
 public:
  Contest(const Contestant& a, const Contestant& b, std::shared_ptr<const envs::Env> env,
          std::span<const uint64_t> task_indices, const ContestOptions& options)
      : players_{a, b}, env_(std::move(env)), options_(options) {
    for (const uint64_t index : task_indices) {
      tasks_.push_back(env_->Get(options.split, options.seed, index));
    }
  }

  std::vector<ContestResult> Play() {
    // The policy sits at seat index % 2: playing all tasks from both sides covers both orders.
    for (int side = 0; side < 2; ++side) {
      for (const Trajectory& trajectory : Run(side, players_[1 - side].player)) {
        if (IsMasked(trajectory)) continue;
        const envs::Outcome& outcome = trajectory.outcome;
        const double points =
            Points(outcome.Reward(trajectory.seat), outcome.Reward(1 - trajectory.seat));
        const int first = trajectory.seat == 0 ? side : 1 - side;
        Add(trajectory.task, first, side == 0 ? points : 1 - points,
            {{"opening", Opening(trajectory.task)},
             {"transcript", Shown(trajectory.completion)},
             {"seat", trajectory.seat},
             {"last_move", outcome.extracted},
             {"reason", outcome.reason}});
      }
    }
    return std::move(results_);
  }

  std::vector<ContestResult> Grade() {
    const auto first = Run(0, std::nullopt);
    if (IsSilent(0, first)) return {};
    const auto second = Run(1, std::nullopt);
    if (IsSilent(1, second)) return {};
    AGON_CHECK(first.size() == second.size());
    for (size_t i = 0; i < first.size(); ++i) {
      if (IsMasked(first[i]) || IsMasked(second[i])) continue;
      Json detail = {{"prompt", Opening(first[i].task)},
                     {"answer", Shown(first[i].task.answer)},
                     {"replies", {Shown(first[i].completion), Shown(second[i].completion)}}};
      if (IsOneReply(first[i]) && IsOneReply(second[i]) && IsShort(first[i].task.messages)) {
        detail["messages"] = MessagesJson(first[i].task.messages);
      }
      if (options_.judge) {
        Ask(first[i], second[i], std::move(detail));
      } else {
        const double reward = first[i].Reward(), other = second[i].Reward();
        detail["rewards"] = {reward, other};
        Add(first[i].task, 0, Points(reward, other), detail);
      }
    }
    return std::move(results_);
  }

 private:
  std::vector<Trajectory> Run(int side, std::optional<Player> opponent) {
    const Contestant& contestant = players_[side];
    if (contestant.endpoint) {
      return RunEndpointEpisodes(*contestant.endpoint, env_, tasks_, options_);
    }
    RolloutOptions rollout;
    rollout.sampling.temperature = options_.temperature;
    rollout.sampling.max_rows = options_.max_rows;
    rollout.max_new_tokens = options_.max_new_tokens;
    rollout.opponent = opponent;
    const Player& player = contestant.player;
    return RunEpisodes(*player.policy, *player.chat, env_, tasks_, rollout,
                       {.run_seed = options_.seed, .stream = RngStream::kSample});
  }

  void Ask(const Trajectory& first, const Trajectory& second, Json detail) {
    const envs::Task& task = first.task;
    const PairVerdict verdict = options_.judge->Compare({.messages = task.messages,
                                                         .reference = task.answer,
                                                         .task = task.id,
                                                         .run = options_.seed},
                                                        first.completion, second.completion);
    if (!verdict.preference)
      return Leave(task, verdict.masked ? verdict.masked->reason : "the judge gave no verdict");
    Json orders = Json::array();
    for (const OrderVerdict& order : verdict.orders) {
      orders.push_back(order.preference ? PreferenceName(*order.preference) : "");
    }
    detail.update({{"orders", std::move(orders)},
                   {"flipped", verdict.flipped},
                   {"reason", verdict.reason},
                   {"fingerprint", options_.judge->info().fingerprint}});
    const double score = *verdict.preference == Preference::kA   ? 1
                         : *verdict.preference == Preference::kB ? 0
                                                                 : 0.5;
    Add(task, 0, score, detail);
  }

  // An endpoint that answered nothing: no task is decided, whatever the other says.
  bool IsSilent(int side, const std::vector<Trajectory>& trajectories) const {
    const auto is_unheard = [](const Trajectory& trajectory) {
      return trajectory.num_turns == 0 && trajectory.outcome.masked.has_value();
    };
    if (!players_[side].endpoint || trajectories.empty() ||
        !std::all_of(trajectories.begin(), trajectories.end(), is_unheard)) {
      return false;
    }
    for (const Trajectory& trajectory : trajectories) IsMasked(trajectory);
    if (options_.on_silent) options_.on_silent(side, trajectories[0].outcome.masked->reason);
    return true;
  }

  bool IsMasked(const Trajectory& trajectory) const {
    const auto& masked = trajectory.outcome.masked;
    if (masked) Leave(trajectory.task, masked->kind + ": " + masked->reason);
    return masked.has_value();
  }

  void Leave(const envs::Task& task, const std::string& why) const {
    if (options_.on_undecided) options_.on_undecided(TaskName(task.id), why);
  }

  // Whole, in the details too.
  static bool IsOneReply(const Trajectory& trajectory) {
    return trajectory.num_turns == 1 && !trajectory.length_limited &&
           trajectory.completion.size() <= kMaxDetailBytes;
  }

  static bool IsShort(const Messages& messages) {
    size_t bytes = 0;
    for (const Message& message : messages) bytes += message.content.size();
    return bytes <= kMaxDetailBytes;
  }

  static std::string Opening(const envs::Task& task) { return Shown(task.messages.back().content); }

  void Add(const envs::Task& task, int first, double score, const Json& detail) {
    results_.push_back({task.id.env, TaskName(task.id), first, score, DumpJson(detail)});
  }

  Contestant players_[2];
  std::shared_ptr<const envs::Env> env_;
  ContestOptions options_;
  std::vector<envs::Task> tasks_;
  std::vector<ContestResult> results_;
};

}  // namespace

struct Contestants::Loaded {
  Loaded(const std::string& dir, const policy::Device& device)
      : model(serve::LoadModelDirectory(
            dir, device, policy::Workload{.decoded_rows = ContestOptions().max_rows})),
        chat(model.tokenizer) {}
  serve::ModelDirectory model;
  datasets::ChatTemplate chat;
};

Contestants::Contestants(const policy::Device& device, int reply_ms)
    : device_(device), reply_ms_(reply_ms) {}
Contestants::~Contestants() = default;

Contestant Contestants::Get(const std::string& location) {
  if (serve::IsEndpoint(location)) {
    std::shared_ptr<serve::Completer>& endpoint = endpoints_[location];
    serve::EndpointOptions options;
    options.timeout_ms = reply_ms_;
    options.max_tries = kEndpointTries;
    if (!endpoint) endpoint = serve::OpenCompleter(location, options);
    return endpoint;
  }
  std::unique_ptr<Loaded>& loaded = loaded_[location];
  if (!loaded) loaded = std::make_unique<Loaded>(location, device_);
  return Player{loaded->model.policy.get(), &loaded->chat};
}

bool IsGame(const envs::Env& env) {
  const int num_seats = env.info().num_seats;
  if (num_seats > 2) {
    throw Error(ErrorKind::kUnsupported,
                "a contest has two sides, the environment " + std::to_string(num_seats) + " seats",
                env.info().id);
  }
  return num_seats == 2;
}

std::vector<ContestResult> RunContest(const Contestant& a, const Contestant& b,
                                      std::shared_ptr<const envs::Env> env,
                                      std::span<const uint64_t> task_indices,
                                      const ContestOptions& options) {
  const bool is_game = IsGame(*env);
  if (is_game && options.judge) {
    throw Error(ErrorKind::kUsage, "a game is decided by its rules, not by a judge",
                env->info().id);
  }
  if (is_game && (a.endpoint || b.endpoint)) {
    throw Error(ErrorKind::kUnsupported, "games are between model directories, not endpoints",
                env->info().id);
  }
  Contest contest(a, b, std::move(env), task_indices, options);
  return is_game ? contest.Play() : contest.Grade();
}

}  // namespace agon::judge
