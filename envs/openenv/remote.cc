// openenv/remote: any environment behind an OpenEnv server, unchanged.
//
//   openenv/remote(url=ws://127.0.0.1:8000/ws,turns=8)
//
// Other parameters: timeout_ms, max_reward, and splits=question|seed: whether the text of the
// first observation decides the split, as elsewhere, or, for servers that always show the
// same, the seed alone. A task is a seed for "reset"; a session begins with an episode's first
// step, so that a place at the server is held only while it is played.
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "envs/env.h"
#include "envs/openenv/session.h"
#include "envs/openenv/text.h"
#include "envs/plugin/process_wire.h"
#include "envs/problem_env.h"
#include "net/http_client.h"

namespace agon::envs {
namespace {

constexpr std::string_view kId = "openenv/remote-v1";
constexpr std::string_view kFamily = "remote";
constexpr uint32_t kMaxDraws = 200;

struct RemoteOptions {
  std::string url;
  int num_turns = 32;
  double max_reward = 1;
  bool splits_by_seed = false;
  OpenEnvLimits limits;
};

[[noreturn]] void ThrowBadValue(std::string_view key, std::string_view value,
                                std::string_view allowed) {
  throw Error(ErrorKind::kUsage,
              std::string(key) + " = \"" + std::string(value) + "\" is not allowed", kId,
              "allowed: " + std::string(allowed));
}

template <typename T>
T ReadNumber(std::string_view key, std::string_view value, T low, T high) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() ||
      !(number >= low && number <= high)) {
    ThrowBadValue(key, value, std::to_string(low) + ".." + std::to_string(high));
  }
  return number;
}

void SetOption(std::string_view key, std::string_view value, RemoteOptions& options) {
  if (key == "url") {
    if (!value.starts_with("ws://")) ThrowBadValue(key, value, "ws://HOST:PORT/ws");
    options.url = value;
  } else if (key == "turns") {
    options.num_turns = ReadNumber(key, value, 1, 1000);
  } else if (key == "timeout_ms") {
    options.limits.message_ms = ReadNumber(key, value, 1, 3600000);
    options.limits.connect_ms = std::min(options.limits.connect_ms, options.limits.message_ms);
  } else if (key == "max_reward") {
    options.max_reward = ReadNumber(key, value, 1e-9, 1e9);
  } else if (key == "splits") {
    if (value != "question" && value != "seed") ThrowBadValue(key, value, "question, seed");
    options.splits_by_seed = value == "seed";
  } else {
    throw Error(ErrorKind::kUsage, "no parameter \"" + std::string(key) + "\"", kId,
                "the parameters are url, turns, timeout_ms, max_reward and splits");
  }
}

RemoteOptions ParseOptions(std::string_view params) {
  RemoteOptions options;
  while (!params.empty()) {
    const size_t comma = params.find(',');
    const std::string_view assignment = params.substr(0, comma);
    params.remove_prefix(comma == std::string_view::npos ? params.size() : comma + 1);
    const size_t equals = std::min(assignment.find('='), assignment.size());
    SetOption(assignment.substr(0, equals),
              assignment.substr(std::min(equals + 1, assignment.size())), options);
  }
  return options;
}

// "http://HOST:PORT/schema" of "ws://HOST:PORT/ws".
std::string SchemaUrl(const std::string& url) {
  const size_t slash = url.rfind('/');
  const std::string base = slash > 5 ? url.substr(2, slash - 2) : url.substr(2);
  return "http" + base + "/schema";
}

// A server, and what is known of it. Shared by an environment and its episodes.
class Server {
 public:
  explicit Server(RemoteOptions options) : options_(std::move(options)) {}

  const RemoteOptions& options() const { return options_; }

  // Asked for once. Throws kFailed or kCorrupt.
  ActionShape Shape() const {
    const std::lock_guard lock(mutex_);
    if (!shape_) {
      const std::string url = SchemaUrl(options_.url);
      const net::HttpResponse response =
          net::HttpGet(url, {.timeout_ms = options_.limits.connect_ms});
      if (response.status != 200) {
        throw Error(ErrorKind::kFailed, "HTTP status " + std::to_string(response.status), url);
      }
      shape_ = ShapeFromSchema(ParseJson(response.body, url), url);
    }
    return *shape_;
  }

 private:
  const RemoteOptions options_;
  mutable std::mutex mutex_;
  mutable std::optional<ActionShape> shape_;
};

class RemoteEpisode final : public Episode {
 public:
  RemoteEpisode(std::shared_ptr<const Server> server, uint32_t seed, std::string question)
      : server_(std::move(server)), seed_(seed), question_(std::move(question)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    if (mask_) return MaskedOutcome(mask_->kind, mask_->reason);
    ++num_turns_;
    if (truncated) return End(/*truncated=*/true, "the completion was cut");
    if (session_ == nullptr) {
      if (auto mask = Begin()) return Masked(std::move(*mask));
    }
    const auto action = ActionFromText(completion, shape_);
    if (const auto* problem = std::get_if<std::string>(&action)) return Next(*problem);
    OpenEnvReply reply = session_->Step(std::get<Json>(action));
    if (auto* mask = std::get_if<Mask>(&reply)) return Masked(std::move(*mask));
    if (const auto* refusal = std::get_if<OpenEnvRefusal>(&reply)) return Next(refusal->message);
    const auto& seen = std::get<OpenEnvObservation>(reply);
    if (seen.reward) reward_ = reward_.value_or(0) + *seen.reward;
    if (seen.is_done) return End(/*truncated=*/false, "the server says that it is done");
    return Next(TextFromObservation(seen.observation));
  }

 private:
  // Connects and makes sure that the server asks what the policy was shown.
  std::optional<Mask> Begin() {
    try {
      shape_ = server_->Shape();
    } catch (const Error& error) {
      return Mask{"environment", error.what()};
    }
    session_ = std::make_unique<OpenEnvSession>(server_->options().url, server_->options().limits);
    OpenEnvReply reply = session_->Reset(seed_);
    if (auto* mask = std::get_if<Mask>(&reply)) return std::move(*mask);
    const auto* seen = std::get_if<OpenEnvObservation>(&reply);
    if (seen == nullptr) return Mask{"environment", "the server refuses a reset"};
    if (TextFromObservation(seen->observation) != question_) {
      return Mask{"environment", "the server shows something else for the same seed"};
    }
    return std::nullopt;
  }

  StepResult Next(std::string text) {
    if (num_turns_ < server_->options().num_turns) return Turn{{{Role::kUser, std::move(text)}}};
    return End(/*truncated=*/true, "not done within the turns");
  }

  StepResult End(bool truncated, std::string reason) {
    session_ = nullptr;
    Outcome outcome;
    // A cut episode that never was rewarded has earned nothing; a whole one wasn't scored.
    if (!reward_ && truncated) reward_ = 0;
    outcome.parts = {{"reward", reward_}};
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.reason = std::move(reason);
    return Checked(std::move(outcome));
  }

  StepResult Masked(Mask mask) {
    session_ = nullptr;
    mask_ = std::move(mask);
    return MaskedOutcome(mask_->kind, mask_->reason);
  }

  std::shared_ptr<const Server> server_;
  const uint32_t seed_;
  const std::string question_;
  int num_turns_ = 0;
  std::optional<double> reward_;  // the sum of the steps'
  std::optional<Mask> mask_;
  ActionShape shape_;
  std::unique_ptr<OpenEnvSession> session_;
};

class RemoteEnv final : public Env {
 public:
  explicit RemoteEnv(std::string_view params)
      : server_(std::make_shared<Server>(ParseOptions(params))), spec_(kId) {
    if (!params.empty()) spec_.append("(").append(params).append(")");
    info_.id = kId;
    info_.summary = "An environment behind an OpenEnv server";
    info_.families = {std::string(kFamily)};
    info_.max_turns = server_->options().num_turns;
    info_.max_reward = server_->options().max_reward;
    info_.demonstrates_gold = false;
    info_.needs = "url=ws://HOST:PORT/ws";
    info_.step_timeout_ms = 2 * server_->options().limits.message_ms;
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    const RemoteOptions& options = server_->options();
    if (options.url.empty()) {
      throw Error(ErrorKind::kUsage, "the server's address is missing", kId,
                  "write openenv/remote(url=ws://127.0.0.1:8000/ws)");
    }
    const RngKey key{seed, RngStream::kTask, Hash64(kId), index, 0};
    OpenEnvSession session(options.url, options.limits);
    for (uint32_t draw = 1; draw <= kMaxDraws; ++draw) {
      // 31 bits: what any server takes for a seed.
      const uint32_t reset_seed = Rng(key.WithSample(draw)).Next32() >> 1;
      if (options.splits_by_seed && SplitOf(kFamily, std::to_string(reset_seed)) != split) continue;
      const std::string question = Question(session.Reset(reset_seed));
      if (!options.splits_by_seed && SplitOf(kFamily, question) != split) continue;
      Task task;
      task.id = {spec_, split, seed, index};
      task.messages = {{Role::kUser, question}};
      task.family = kFamily;
      task.state = Json{{"seed", reset_seed}}.dump();
      return task;
    }
    throw Error(
        ErrorKind::kUsage,
        std::string("the server shows nothing that is in the ") + SplitName(split) + " split",
        spec_, "with splits=seed the seed decides the split, not the question");
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    if (!task.id.env.starts_with(kId) || task.messages.empty()) {
      throw Error(ErrorKind::kCorrupt, "the task isn't one of " + info_.id, task.id.env);
    }
    const auto seed = JsonField<uint32_t>(ParseJson(task.state, kId), "seed", kId);
    return std::make_unique<RemoteEpisode>(server_, seed, task.messages[0].content);
  }

 private:
  std::string Question(const OpenEnvReply& reply) const {
    if (const auto* seen = std::get_if<OpenEnvObservation>(&reply)) {
      return TextFromObservation(seen->observation);
    }
    const auto* mask = std::get_if<Mask>(&reply);
    throw Error(ErrorKind::kFailed,
                mask != nullptr ? mask->reason : std::get<OpenEnvRefusal>(reply).message,
                server_->options().url);
  }

  std::shared_ptr<const Server> server_;
  EnvInfo info_;
  std::string spec_;
};

std::unique_ptr<Env> MakeRemote(std::string_view params) {
  return std::make_unique<RemoteEnv>(params);
}

REGISTER_ENV("openenv/remote-v1", MakeRemote);

}  // namespace
}  // namespace agon::envs
