#include "envs/plugin/wire.h"

#include <string>
#include <utility>

#include "core/error.h"
#include "core/message_json.h"

namespace agon::envs {
namespace {

Json ToJson(const Tool& tool) {
  Json parameters = ParseJson(tool.parameters, "the parameters of tool " + tool.name);
  return {{"type", "function"},
          {"function",
           {{"name", tool.name}, {"description", tool.description}, {"parameters", parameters}}}};
}

Tool ToolFromJson(const Json& json, std::string_view where) {
  const auto function = JsonField<Json>(json, "function", where);
  return {JsonField<std::string>(function, "name", where),
          JsonField<std::string>(function, "description", where),
          JsonField<Json>(function, "parameters", where).dump()};
}

const Json& ArrayField(const Json& json, const char* key, std::string_view where) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_array()) {
    throw Error(ErrorKind::kCorrupt, std::string("field \"") + key + "\" is not an array", where);
  }
  return *found;
}

// The field, or `otherwise` where it is absent.
template <typename T>
T FieldOr(const Json& json, const char* key, T otherwise, std::string_view where) {
  return json.is_object() && json.contains(key) ? JsonField<T>(json, key, where) : otherwise;
}

RewardPart PartFromJson(const Json& json, std::string_view where) {
  RewardPart part;
  part.name = JsonField<std::string>(json, "name", where);
  // null: not scored.
  if (json.contains("value") && !json.at("value").is_null()) {
    part.value = JsonField<double>(json, "value", where);
  }
  part.weight = FieldOr(json, "weight", 1.0, where);
  part.seat = FieldOr(json, "seat", 0, where);
  return part;
}

}  // namespace

Json ToJson(const EnvInfo& info) {
  Json attributes = Json::array(), tools = Json::array();
  for (const Attribute& attribute : info.attributes) {
    attributes.push_back({{"name", attribute.name}, {"levels", attribute.levels}});
  }
  for (const Tool& tool : info.tools) tools.push_back(ToJson(tool));
  return {{"id", info.id},
          {"summary", info.summary},
          {"families", info.families},
          {"num_difficulties", info.num_difficulties},
          {"attributes", attributes},
          {"tools", tools},
          {"max_turns", info.max_turns},
          {"num_seats", info.num_seats},
          {"max_reward", info.max_reward},
          {"num_tasks", info.num_tasks},
          {"chance", info.chance},
          {"demonstrates_gold", info.demonstrates_gold},
          {"needs", info.needs},
          {"step_timeout_ms", info.step_timeout_ms}};
}

EnvInfo InfoFromJson(const Json& json, std::string_view where) {
  EnvInfo info;
  info.id = JsonField<std::string>(json, "id", where);
  info.summary = JsonField<std::string>(json, "summary", where);
  info.families = FieldOr(json, "families", std::vector<std::string>{"all"}, where);
  info.num_difficulties = FieldOr(json, "num_difficulties", info.num_difficulties, where);
  if (json.contains("attributes")) {
    for (const Json& attribute : ArrayField(json, "attributes", where)) {
      info.attributes.push_back({JsonField<std::string>(attribute, "name", where),
                                 JsonField<std::vector<std::string>>(attribute, "levels", where)});
    }
  }
  if (json.contains("tools")) {
    for (const Json& tool : ArrayField(json, "tools", where)) {
      info.tools.push_back(ToolFromJson(tool, where));
    }
  }
  info.max_turns = FieldOr(json, "max_turns", info.max_turns, where);
  info.num_seats = FieldOr(json, "num_seats", info.num_seats, where);
  info.max_reward = FieldOr(json, "max_reward", info.max_reward, where);
  info.num_tasks = FieldOr(json, "num_tasks", info.num_tasks, where);
  info.chance = FieldOr(json, "chance", info.chance, where);
  info.demonstrates_gold = FieldOr(json, "demonstrates_gold", info.demonstrates_gold, where);
  info.needs = FieldOr(json, "needs", info.needs, where);
  info.step_timeout_ms = FieldOr(json, "step_timeout_ms", info.step_timeout_ms, where);
  return info;
}

Json ToJson(const Task& task) {
  return {{"id",
           {{"env", task.id.env},
            {"split", SplitName(task.id.split)},
            {"seed", task.id.seed},
            {"index", task.id.index}}},
          {"messages", MessagesJson(task.messages)},
          {"answer", task.answer},
          {"family", task.family},
          {"difficulty", task.difficulty},
          {"state", task.state}};
}

Task TaskFromJson(const Json& json, std::string_view where) {
  Task task;
  const auto id = JsonField<Json>(json, "id", where);
  task.id.env = JsonField<std::string>(id, "env", where);
  task.id.split = SplitFromName(JsonField<std::string>(id, "split", where), where);
  task.id.seed = JsonField<uint64_t>(id, "seed", where);
  task.id.index = JsonField<uint64_t>(id, "index", where);
  task.messages = MessagesFromJson(ArrayField(json, "messages", where), where);
  task.answer = FieldOr(json, "answer", std::string(), where);
  task.family = FieldOr(json, "family", std::string("all"), where);
  task.difficulty = FieldOr(json, "difficulty", 0, where);
  task.state = FieldOr(json, "state", std::string(), where);
  return task;
}

Json ToJson(const Outcome& outcome) {
  Json parts = Json::array();
  for (const RewardPart& part : outcome.parts) {
    Json json{{"name", part.name}, {"value", nullptr}, {"weight", part.weight}};
    if (part.value) json["value"] = *part.value;
    if (part.seat != 0) json["seat"] = part.seat;
    parts.push_back(std::move(json));
  }
  Json json{{"parts", parts},
            {"terminated", outcome.terminated},
            {"truncated", outcome.truncated},
            {"extracted", outcome.extracted},
            {"reason", outcome.reason}};
  if (outcome.masked) {
    json["masked"] = {{"kind", outcome.masked->kind}, {"reason", outcome.masked->reason}};
  }
  return json;
}

Outcome OutcomeFromJson(const Json& json, std::string_view where) {
  Outcome outcome;
  for (const Json& part : ArrayField(json, "parts", where)) {
    outcome.parts.push_back(PartFromJson(part, where));
  }
  outcome.terminated = FieldOr(json, "terminated", true, where);
  outcome.truncated = FieldOr(json, "truncated", false, where);
  outcome.extracted = FieldOr(json, "extracted", std::string(), where);
  outcome.reason = FieldOr(json, "reason", std::string(), where);
  if (json.contains("masked") && !json.at("masked").is_null()) {
    const Json& mask = json.at("masked");
    outcome.masked = Mask{JsonField<std::string>(mask, "kind", where),
                          JsonField<std::string>(mask, "reason", where)};
  }
  return outcome;
}

Json ToJson(const StepResult& result) {
  if (const auto* outcome = std::get_if<Outcome>(&result)) {
    return {{"outcome", ToJson(Checked(*outcome))}};
  }
  const Turn& turn = std::get<Turn>(result);
  return {{"turn", {{"messages", MessagesJson(turn.messages)}, {"seat", turn.seat}}}};
}

StepResult StepResultFromJson(const Json& json, std::string_view where) {
  if (json.is_object() && json.contains("turn")) {
    const Json& turn = json.at("turn");
    return Turn{MessagesFromJson(ArrayField(turn, "messages", where), where),
                FieldOr(turn, "seat", 0, where)};
  }
  return OutcomeFromJson(JsonField<Json>(json, "outcome", where), where);
}

Split SplitFromName(std::string_view name, std::string_view where) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    if (name == SplitName(split)) return split;
  }
  throw Error(ErrorKind::kCorrupt, "no split \"" + std::string(name.substr(0, 60)) + "\"", where,
              "train, val or test");
}

const char* LabelerName(Labeler labeler) {
  return labeler == Labeler::kImmediate ? "immediate" : "step_by_step";
}

}  // namespace agon::envs
