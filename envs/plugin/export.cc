// The plugin's side of envs/plugin.h: serves whatever REGISTER_ENV registered in this
// shared object. Linked into plugins; unused elsewhere.
#include "envs/plugin.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/env.h"
#include "envs/plugin/wire.h"

struct AgonEnv {
  std::unique_ptr<agon::envs::Env> env;
};
struct AgonEpisode {
  std::unique_ptr<agon::envs::Episode> episode;
};

namespace agon::envs {
namespace {

constexpr std::string_view kWhere = "a call of the plugin";

std::string_view View(AgonText text) { return {text.data, static_cast<size_t>(text.size)}; }

void Answer(const std::string& text, void* context, AgonReply reply) {
  reply(context, {text.data(), text.size()});
}

AgonStatus Fail(AgonStatus status, const char* what, void* context, AgonReply reply) {
  Answer(DumpJson({{"what", what}}), context, reply);
  return status;
}

AgonStatus StatusOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return AGON_USAGE;
    case ErrorKind::kCorrupt:
      return AGON_CORRUPT;
    case ErrorKind::kUnsupported:
      return AGON_UNSUPPORTED;
    default:
      return AGON_FAILED;
  }
}

// Runs `body`, which returns the answer: no exception leaves.
template <typename Body>
AgonStatus Guard(void* context, AgonReply reply, const Body& body) {
  try {
    Answer(body(), context, reply);
    return AGON_OK;
  } catch (const Error& error) {
    return Fail(StatusOf(error.kind()), error.what(), context, reply);
  } catch (const std::exception& error) {
    return Fail(AGON_FAILED, error.what(), context, reply);
  } catch (...) {
    return Fail(AGON_FAILED, "unknown exception", context, reply);
  }
}

Json TextOrNull(const std::optional<std::string>& text) {
  Json json{{"text", nullptr}};
  if (text) json["text"] = *text;
  return json;
}

AgonStatus ListIds(void* context, AgonReply reply) {
  return Guard(context, reply, [] { return DumpJson(Json(ListEnvs())); });
}

AgonStatus Make(AgonText id, AgonText params, AgonEnv** env, void* context, AgonReply reply) {
  return Guard(context, reply, [&] {
    std::string spec(View(id));
    if (params.size > 0) spec.append("(").append(View(params)).append(")");
    auto made = std::make_unique<AgonEnv>(AgonEnv{MakeEnv(spec)});
    std::string info = DumpJson(ToJson(made->env->info()));
    *env = made.release();
    return info;
  });
}

void FreeEnv(AgonEnv* env) { delete env; }

AgonStatus GetTask(const AgonEnv* env, uint32_t split, uint64_t seed, uint64_t index, void* context,
                   AgonReply reply) {
  return Guard(context, reply, [&] {
    return DumpJson(ToJson(env->env->Get(static_cast<Split>(split), seed, index)));
  });
}

AgonStatus StartEpisode(const AgonEnv* env, AgonText task, AgonEpisode** episode, void* context,
                        AgonReply reply) {
  return Guard(context, reply, [&] {
    const Task parsed = TaskFromJson(ParseJson(View(task), kWhere), kWhere);
    *episode = new AgonEpisode{env->env->Start(parsed)};
    return std::string();
  });
}

AgonStatus RestoreEpisode(const AgonEnv* env, AgonText task, AgonText saved, AgonEpisode** episode,
                          void* context, AgonReply reply) {
  return Guard(context, reply, [&] {
    const Task parsed = TaskFromJson(ParseJson(View(task), kWhere), kWhere);
    *episode = new AgonEpisode{env->env->Restore(parsed, View(saved))};
    return std::string();
  });
}

void FreeEpisode(AgonEpisode* episode) { delete episode; }

AgonStatus Step(AgonEpisode* episode, AgonText completion, uint32_t truncated, void* context,
                AgonReply reply) {
  return Guard(context, reply, [&] {
    return DumpJson(ToJson(episode->episode->Step(View(completion), truncated != 0)));
  });
}

AgonStatus Demonstrate(const AgonEpisode* episode, uint32_t labeler, uint64_t variant,
                       void* context, AgonReply reply) {
  return Guard(context, reply, [&] {
    return DumpJson(
        TextOrNull(episode->episode->Demonstrate(static_cast<Labeler>(labeler), variant)));
  });
}

AgonStatus Save(const AgonEpisode* episode, void* context, AgonReply reply) {
  return Guard(context, reply, [&] { return DumpJson(TextOrNull(episode->episode->Save())); });
}

AgonStatus ScoreGroup(const AgonEnv* env, AgonText group, void* context, AgonReply reply) {
  return Guard(context, reply, [&] {
    const Json json = ParseJson(View(group), kWhere);
    const Task task = TaskFromJson(JsonField<Json>(json, "task", kWhere), kWhere);
    const auto completions = JsonField<std::vector<std::string>>(json, "completions", kWhere);
    std::vector<Outcome> outcomes;
    for (const Json& outcome : JsonField<Json>(json, "outcomes", kWhere)) {
      outcomes.push_back(OutcomeFromJson(outcome, kWhere));
    }
    env->env->ScoreGroup(task, completions, outcomes);
    Json scored = Json::array();
    for (const Outcome& outcome : outcomes) scored.push_back(ToJson(Checked(outcome)));
    return DumpJson({{"outcomes", scored}});
  });
}

constexpr AgonPlugin kPlugin = {
    AGON_PLUGIN_ABI, sizeof(AgonPlugin), ListIds, Make,        FreeEnv, GetTask,    StartEpisode,
    RestoreEpisode,  FreeEpisode,        Step,    Demonstrate, Save,    ScoreGroup,
};

}  // namespace
}  // namespace agon::envs

extern "C" const AgonPlugin* agon_plugin(void) { return &agon::envs::kPlugin; }
