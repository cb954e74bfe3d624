#include "envs/plugin/shared_object.h"

#include <dlfcn.h>

#include <memory>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "envs/env.h"
#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

ErrorKind KindOf(AgonStatus status) {
  switch (status) {
    case AGON_USAGE:
      return ErrorKind::kUsage;
    case AGON_CORRUPT:
      return ErrorKind::kCorrupt;
    case AGON_UNSUPPORTED:
      return ErrorKind::kUnsupported;
    default:
      return ErrorKind::kFailed;
  }
}

AgonText Text(std::string_view text) { return {text.data(), text.size()}; }

// An answer is kept as text: the plugin's buffer dies with the call.
void Keep(void* context, AgonText answer) noexcept {
  static_cast<std::string*>(context)->assign(answer.data, static_cast<size_t>(answer.size));
}

// `call(context, reply)` is one of the plugin's functions. Returns its answer; its failure
// is thrown.
template <typename Call>
std::string Ask(const std::string& file, const Call& call) {
  std::string answer;
  const AgonStatus status = call(&answer, &Keep);
  if (status == AGON_OK) return answer;
  std::string what;
  try {
    what = JsonField<std::string>(ParseJson(answer, file), "what", file);
  } catch (const Error&) {
    what = "the plugin failed and didn't say why";
  }
  throw Error(KindOf(status), what, file);
}

std::optional<std::string> TextOrNull(const std::string& answer, const std::string& file) {
  const Json json = ParseJson(answer, file);
  if (!json.is_object() || !json.contains("text") || json.at("text").is_null()) return {};
  return JsonField<std::string>(json, "text", file);
}

// What an environment and its episodes share; the last of them frees it.
struct PluginEnv {
  PluginEnv(const AgonPlugin* functions, std::string name)
      : plugin(functions), file(std::move(name)) {}
  PluginEnv(const PluginEnv&) = delete;
  PluginEnv& operator=(const PluginEnv&) = delete;
  ~PluginEnv() {
    if (env != nullptr) plugin->free_env(env);
  }

  const AgonPlugin* plugin;
  std::string file;
  AgonEnv* env = nullptr;
};

class ForeignEpisode final : public Episode {
 public:
  ForeignEpisode(std::shared_ptr<const PluginEnv> env, AgonEpisode* episode)
      : env_(std::move(env)), episode_(episode) {}
  ForeignEpisode(const ForeignEpisode&) = delete;
  ForeignEpisode& operator=(const ForeignEpisode&) = delete;
  ~ForeignEpisode() override { env_->plugin->free_episode(episode_); }

  StepResult Step(std::string_view completion, bool truncated) override {
    const std::string answer = Ask(env_->file, [&](void* context, AgonReply reply) {
      return env_->plugin->step(episode_, Text(completion), truncated, context, reply);
    });
    return StepResultFromJson(ParseJson(answer, env_->file), env_->file);
  }
  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    const auto call = [&](void* context, AgonReply reply) {
      return env_->plugin->demonstrate(episode_, static_cast<uint32_t>(labeler), variant, context,
                                       reply);
    };
    return TextOrNull(Ask(env_->file, call), env_->file);
  }
  std::optional<std::string> Save() const override {
    const auto call = [&](void* context, AgonReply reply) {
      return env_->plugin->save(episode_, context, reply);
    };
    return TextOrNull(Ask(env_->file, call), env_->file);
  }

 private:
  std::shared_ptr<const PluginEnv> env_;
  AgonEpisode* episode_;
};

class ForeignEnv final : public Env {
 public:
  ForeignEnv(const AgonPlugin* plugin, const std::string& id, std::string_view params,
             const std::string& file) {
    auto env = std::make_shared<PluginEnv>(plugin, file);
    const std::string answer = Ask(file, [&](void* context, AgonReply reply) {
      return plugin->make_env(Text(id), Text(params), &env->env, context, reply);
    });
    env_ = std::move(env);
    info_ = InfoFromJson(ParseJson(answer, file), file);
    if (info_.id != id) {
      throw Error(ErrorKind::kCorrupt, id + " calls itself " + info_.id, file,
                  "EnvInfo::id must be the registered id");
    }
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    const std::string answer = Ask(env_->file, [&](void* context, AgonReply reply) {
      return env_->plugin->get(env_->env, static_cast<uint32_t>(split), seed, index, context,
                               reply);
    });
    Task task = TaskFromJson(ParseJson(answer, env_->file), env_->file);
    task.id.split = split, task.id.seed = seed, task.id.index = index;  // whatever it says
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    return Open([&](AgonEpisode** episode, void* context, AgonReply reply) {
      const std::string json = DumpJson(ToJson(task));
      return env_->plugin->start(env_->env, Text(json), episode, context, reply);
    });
  }

  std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const override {
    return Open([&](AgonEpisode** episode, void* context, AgonReply reply) {
      const std::string json = DumpJson(ToJson(task));
      return env_->plugin->restore(env_->env, Text(json), Text(saved), episode, context, reply);
    });
  }

  void ScoreGroup(const Task& task, std::span<const std::string> completions,
                  std::span<Outcome> outcomes) const override {
    Json group{{"task", ToJson(task)},
               {"completions", std::vector<std::string>(completions.begin(), completions.end())},
               {"outcomes", Json::array()}};
    for (const Outcome& outcome : outcomes) group["outcomes"].push_back(ToJson(outcome));
    const std::string text = DumpJson(group), &file = env_->file;
    const std::string answer = Ask(file, [&](void* context, AgonReply reply) {
      return env_->plugin->score_group(env_->env, Text(text), context, reply);
    });
    const auto scored = JsonField<std::vector<Json>>(ParseJson(answer, file), "outcomes", file);
    if (scored.size() != outcomes.size()) {
      throw Error(ErrorKind::kCorrupt, "score_group changed the number of outcomes", file);
    }
    for (size_t i = 0; i < scored.size(); ++i) outcomes[i] = OutcomeFromJson(scored[i], file);
  }

 private:
  template <typename Call>
  std::unique_ptr<Episode> Open(const Call& call) const {
    AgonEpisode* episode = nullptr;
    Ask(env_->file, [&](void* context, AgonReply reply) { return call(&episode, context, reply); });
    if (episode == nullptr)
      throw Error(ErrorKind::kFailed, "the plugin made no episode", env_->file);
    return std::make_unique<ForeignEpisode>(env_, episode);
  }

  std::shared_ptr<const PluginEnv> env_;
  EnvInfo info_;
};

}  // namespace

const AgonPlugin* OpenSharedObject(const std::string& file) {
  if (!fs::exists(file)) throw Error(ErrorKind::kNotFound, "no such plugin", file);
  // Never closed: registered factories keep pointing into it.
  void* handle = dlopen(fs::absolute(file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error(ErrorKind::kCorrupt, std::string("can't be loaded: ") + dlerror(), file,
                "build it as a shared object for this machine: `rl-env new` shows how");
  }
  using Entry = const AgonPlugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "agon_plugin"));
  const AgonPlugin* plugin = entry == nullptr ? nullptr : entry();
  if (plugin == nullptr) {
    throw Error(ErrorKind::kCorrupt, "isn't a plugin: it exports no agon_plugin", file,
                "link it with agon::env: `rl-env new` shows how");
  }
  if (plugin->abi != AGON_PLUGIN_ABI || plugin->size != sizeof(AgonPlugin)) {
    throw Error(ErrorKind::kUnsupported,
                "was made for plugin ABI " + std::to_string(plugin->abi) + ", this is ABI " +
                    std::to_string(AGON_PLUGIN_ABI),
                file, "build it again with this version of agon");
  }
  return plugin;
}

std::vector<std::string> RegisterPlugin(const AgonPlugin* plugin, const std::string& file) {
  const std::string answer =
      Ask(file, [&](void* context, AgonReply reply) { return plugin->list(context, reply); });
  const Json list = ParseJson(answer, file);
  if (!list.is_array() || list.empty()) {
    throw Error(ErrorKind::kCorrupt, "has no environment", file, "end a source in REGISTER_ENV");
  }
  std::vector<std::string> ids;
  for (const Json& item : list) {
    if (!item.is_string()) throw Error(ErrorKind::kCorrupt, "an id is not a string", file);
    const auto id = item.get<std::string>();
    RegisterEnv(id, [plugin, id, file](std::string_view params) {
      return std::make_unique<ForeignEnv>(plugin, id, params, file);
    });
    ids.push_back(id);
  }
  return ids;
}

}  // namespace agon::envs
