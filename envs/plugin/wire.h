// Tasks, turns and outcomes as JSON: what crosses a plugin's border (envs/plugin.h,
// docs/formats/env-protocol.md). Private to envs.
//
// Reading takes untrusted values: a missing field, a wrong type or a value out of range is
// Error(kCorrupt) that names `where` and the field. Fields that nobody knows are ignored.
#pragma once

#include <string_view>

#include "core/json.h"
#include "envs/env.h"

namespace agon::envs {

Json ToJson(const EnvInfo& info);
EnvInfo InfoFromJson(const Json& json, std::string_view where);

Json ToJson(const Task& task);
Task TaskFromJson(const Json& json, std::string_view where);

Json ToJson(const Outcome& outcome);
Outcome OutcomeFromJson(const Json& json, std::string_view where);

// {"turn": {...}} or {"outcome": {...}}.
Json ToJson(const StepResult& result);
StepResult StepResultFromJson(const Json& json, std::string_view where);

// "train", "val", "test"; "immediate", "step_by_step".
Split SplitFromName(std::string_view name, std::string_view where);
const char* LabelerName(Labeler labeler);

}  // namespace agon::envs
