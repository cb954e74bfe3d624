#include "envs/plugin/process_env.h"

#include <algorithm>
#include <utility>

#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

constexpr int kMaxTimeoutMs = 24 * 60 * 60 * 1000;

using Status = CallResult::Status;

std::optional<std::string> TextOrNull(const Json& json, const std::string& where) {
  if (!json.is_object() || !json.contains("text") || json.at("text").is_null()) return {};
  return JsonField<std::string>(json, "text", where);
}

// What an environment's requests have in common. Shared with its episodes.
struct Served {
  std::shared_ptr<ProcessHost> host;
  EnvInfo info;
  std::string params;

  Json Request() const { return {{"env", info.id}, {"params", params}}; }
  const std::string& where() const { return host->file(); }
};

// Counted as long as it lives.
class SessionCount {
 public:
  explicit SessionCount(ProcessHost& host) : host_(host) { host_.AddSession(); }
  SessionCount(const SessionCount&) = delete;
  SessionCount& operator=(const SessionCount&) = delete;
  ~SessionCount() { host_.RemoveSession(); }

 private:
  ProcessHost& host_;
};

class ProcessEpisode final : public Episode {
 public:
  // `request` starts it: all but the session. It is opened on another process if the first
  // one dies over it.
  ProcessEpisode(std::shared_ptr<const Served> env, std::string_view type, Json request)
      : env_(std::move(env)), count_(*env_->host), type_(type), opening_(std::move(request)) {
    CallResult result = Open();
    if (result.status == Status::kDied) result = Open();
    if (result.status != Status::kAnswered) env_->host->Throw(result);
  }
  ProcessEpisode(const ProcessEpisode&) = delete;
  ProcessEpisode& operator=(const ProcessEpisode&) = delete;
  ~ProcessEpisode() override {
    if (!channel_->has_ended()) channel_->Notify("end", {{"session", session_}});
  }

  StepResult Step(std::string_view completion, bool truncated) override {
    is_fresh_ = false;
    if (mask_) return MaskedOutcome(mask_->kind, mask_->reason);
    const CallResult result = Call(
        "step",
        {{"session", session_}, {"completion", std::string(completion)}, {"truncated", truncated}});
    if (result.status == Status::kTimedOut) return Masked("timeout", result.message);
    if (result.status == Status::kDied) {
      return Masked("environment", "the program ended with " + result.message);
    }
    if (result.status == Status::kRefused) return Masked("environment", result.message);
    try {
      StepResult step = StepResultFromJson(result.data, env_->where());
      if (auto* outcome = std::get_if<Outcome>(&step)) return Checked(std::move(*outcome));
      const Turn& turn = std::get<Turn>(step);
      if (turn.seat >= 0 && turn.seat < env_->info.num_seats) return step;
      return Masked("environment", "there is no seat " + std::to_string(turn.seat));
    } catch (const Error& error) {
      return Masked("environment", error.what());
    }
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    return TextOrNull(AskSession("demonstrate", {{"session", session_},
                                                 {"labeler", LabelerName(labeler)},
                                                 {"variant", variant}}),
                      env_->where());
  }

  std::optional<std::string> Save() const override {
    return TextOrNull(AskSession("save", {{"session", session_}}), env_->where());
  }

 private:
  CallResult Call(std::string_view type, const Json& data) const {
    return channel_->Call(type, data, env_->info.step_timeout_ms);
  }

  CallResult Open() const {
    channel_ = env_->host->Channel();
    session_ = channel_->NewSession();
    opening_["session"] = session_;
    return Call(type_, opening_);
  }

  Json AskSession(std::string_view type, Json data) const {
    CallResult result = Call(type, data);
    // Nothing has happened in it, so that another one is as good.
    if (result.status == Status::kDied && is_fresh_) {
      result = Open();
      data["session"] = session_;
      if (result.status == Status::kAnswered) result = Call(type, data);
    }
    if (result.status != Status::kAnswered) env_->host->Throw(result);
    return std::move(result.data);
  }

  Outcome Masked(std::string kind, std::string reason) {
    env_->host->CountMasked(reason);
    mask_ = Mask{std::move(kind), std::move(reason)};
    return MaskedOutcome(mask_->kind, mask_->reason);
  }

  std::shared_ptr<const Served> env_;
  SessionCount count_;
  std::string type_;
  bool is_fresh_ = true;      // no step yet
  std::optional<Mask> mask_;  // the session is lost
  // Where the session is: replaced while the episode is fresh.
  mutable std::shared_ptr<ProcessChannel> channel_;
  mutable uint64_t session_ = 0;
  mutable Json opening_;
};

class ProcessEnv final : public Env {
 public:
  explicit ProcessEnv(std::shared_ptr<const Served> served) : served_(std::move(served)) {}

  const EnvInfo& info() const override { return served_->info; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Json request = served_->Request();
    request["split"] = SplitName(split);
    request["seed"] = seed;
    request["index"] = index;
    const std::string& where = served_->where();
    Task task = TaskFromJson(Ask("get", request), where);
    const std::string& id = served_->info.id;
    if (task.id.env != id && !task.id.env.starts_with(id + "(")) {
      throw Error(ErrorKind::kCorrupt, "the task says that it is of \"" + Shown(task.id.env) + "\"",
                  where);
    }
    if (task.messages.empty()) throw Error(ErrorKind::kCorrupt, "the task asks nothing", where);
    task.id.split = split, task.id.seed = seed, task.id.index = index;
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    Json request = served_->Request();
    request["task"] = ToJson(task);
    return std::make_unique<ProcessEpisode>(served_, "start", std::move(request));
  }

  std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const override {
    Json request = served_->Request();
    request["task"] = ToJson(task);
    request["saved"] = std::string(saved);
    return std::make_unique<ProcessEpisode>(served_, "restore", std::move(request));
  }

  void ScoreGroup(const Task& task, std::span<const std::string> completions,
                  std::span<Outcome> outcomes) const override {
    Json request = served_->Request();
    request["task"] = ToJson(task);
    request["completions"] = std::vector<std::string>(completions.begin(), completions.end());
    request["outcomes"] = Json::array();
    for (const Outcome& outcome : outcomes) request["outcomes"].push_back(ToJson(outcome));
    const std::string& where = served_->where();
    const auto scored =
        JsonField<std::vector<Json>>(Ask("score_group", request), "outcomes", where);
    if (scored.size() != outcomes.size()) {
      throw Error(ErrorKind::kCorrupt, "score_group changed the number of outcomes", where);
    }
    for (size_t i = 0; i < scored.size(); ++i) {
      if (!outcomes[i].masked) outcomes[i] = Checked(OutcomeFromJson(scored[i], where));
    }
  }

 private:
  Json Ask(std::string_view type, const Json& request) const {
    return served_->host->Ask(type, request, served_->info.step_timeout_ms);
  }

  std::shared_ptr<const Served> served_;
};

void CheckInfo(const EnvInfo& info, const std::string& id, const std::string& where) {
  if (info.id != id) {
    throw Error(ErrorKind::kCorrupt, id + " calls itself " + Shown(info.id), where);
  }
  if (info.step_timeout_ms < 1 || info.step_timeout_ms > kMaxTimeoutMs) {
    throw Error(ErrorKind::kCorrupt,
                "step_timeout_ms is out of 1.." + std::to_string(kMaxTimeoutMs), where);
  }
}

}  // namespace

std::unique_ptr<Env> MakeProcessEnv(std::shared_ptr<ProcessHost> host, const std::string& id,
                                    std::string_view params) {
  auto served = std::make_shared<Served>();
  served->host = std::move(host);
  served->params = params;
  const auto& listed = served->host->environments();
  const auto same = [&](const EnvInfo& info) { return info.id == id; };
  const auto found = std::find_if(listed.begin(), listed.end(), same);
  AGON_CHECK(found != listed.end(), id);
  served->info = *found;
  if (!params.empty()) {
    const Json info = served->host->Ask("make", served->Request(), found->step_timeout_ms);
    served->info = InfoFromJson(info, served->where());
  }
  CheckInfo(served->info, id, served->where());
  return std::make_unique<ProcessEnv>(std::move(served));
}

std::vector<std::string> RegisterHost(const std::shared_ptr<ProcessHost>& host) {
  std::vector<std::string> ids;
  for (const EnvInfo& info : host->environments()) {
    RegisterEnv(info.id, [host, id = info.id](std::string_view params) {
      return MakeProcessEnv(host, id, params);
    });
    ids.push_back(info.id);
  }
  return ids;
}

}  // namespace agon::envs
